import Foundation
import Testing

extension EndToEnd {
    /// What a mesh remembers of requests, asked at any node.
    @LoopbackActor
    @Suite("Requests of a mesh", .serialized, .mesh(eu: 2, us: 1))
    struct RequestTests {
        @Test("are found by their id through any node, whoever served them")
        func trace() throws {
            let mesh = try TestMesh.settled()
            let (serving, asked) = (try mesh.node("us-1"), try mesh.node("eu-1"))
            let answer = try Curl.get("\(serving.proxy.url)/demo?apikey=secret")
            let id = try #require(answer.header("X-Kong-Request-Id"))

            let output = try asked.ctl.run("trace", id)
            #expect(output.status == 0, "\(output.errors)")
            #expect(output.out.contains("us-1"))
            #expect(output.out.contains("/demo"))
            #expect(!output.out.contains("secret"))
            let json = try asked.ctl.run("trace", id, "-o", "json")
            let report = try JSON(parsing: json.out)
            let nodes = report["nodes"].items.compactMap { $0["node"].text }
            #expect(nodes == ["eu-1", "eu-2", "us-1"])
            #expect(report["requests"][0]["node"].text == "us-1")
            #expect(report["requests"][0]["service"].text == "demo")
            let unknown = try asked.ctl.run("trace", String(repeating: "0", count: 32))
            #expect(unknown.status == 2)
            #expect(unknown.out.contains("eu-2 remembers"))
        }

        @Test("are shown as they end, from all nodes, as far as they match")
        func tap() throws {
            let mesh = try TestMesh.settled()
            let load = LoadProbe(mesh.nodes, perSecond: 50)
            let shown = try mesh.node("eu-1").ctl.run(
                "tap",
                "--status",
                "2xx",
                "--count",
                "30",
                "--seconds",
                "30",
                "-o",
                "jsonl"
            )
            _ = try load.stop()
            let lines = try shown.out.split(separator: "\n").map { try JSON(parsing: String($0)) }

            #expect(shown.status == 0, "\(shown.errors)")
            #expect(lines.count == 30)
            #expect(Set(lines.compactMap { $0["node"].text }).count == 3)
            #expect(lines.allSatisfy { $0["status"].number == 200 })
            #expect(lines.allSatisfy { $0["target"].text != nil })
            #expect(shown.errors.contains("that matched"))
        }

        @Test("are found by a correlation id that is longer than any question between nodes")
        func longID() throws {
            let mesh = try TestMesh.settled()
            let id = String(repeating: "a/", count: 1_500)
            let output = try mesh.node("eu-1").ctl.run("trace", id)
            #expect(output.status == 2, "\(output.errors)")
            #expect(!output.out.contains("did not answer"), "\(output.out)")
            #expect(output.out.contains("us-1 remembers"))
        }

        @Test("of a proxy's port, a region or a node that is not there are no empty answers")
        func mistakes() throws {
            let mesh = try TestMesh.settled()
            let node = try mesh.node("eu-1")
            let port = try node.ctl.run("members", "--admin", node.proxy.url)
            #expect(port.status == 69)
            #expect(port.errors.contains("something else than Meshgate"), "\(port.errors)")
            let region = try node.ctl.run("members", "--region", "nowhere")
            #expect(region.status == 1)
            #expect(region.errors.contains("there are eu, us"), "\(region.errors)")

            let victim = try mesh.node("us-1")
            victim.kill()
            let silent = try node.ctl.run("tap", "--on", "us-1", "--seconds", "1")
            let trace = try node.ctl.run("trace", "nothing")
            try mesh.start(victim)
            #expect(silent.status == 2)
            #expect(silent.errors.contains("us-1 does not answer"), "\(silent.errors)")
            #expect(trace.out.contains("us-1 did not answer"), "\(trace.out)")
        }

        @Test("another node's view is read through the one that is asked")
        func board() throws {
            let mesh = try TestMesh.settled()
            let url = "\(try mesh.node("eu-1").admin.url)/mesh/nodes/us-1/board"
            let board = try Curl.get(url).json()
            #expect(board["set"]["node"]["name"].text == "us-1")
            let none = "\(try mesh.node("eu-1").admin.url)/mesh/nodes/x/board"
            #expect(try Curl.get(none).status == 404)
        }
    }
}
