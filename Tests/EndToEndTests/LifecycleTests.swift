import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// Nodes that are drained, stopped, started alone, or not let in.
    @LoopbackActor
    @Suite("Drained, stopped and started", .serialized, .mesh(eu: 2, us: 1))
    struct LifecycleTests {
        @Test("a drained node says so to balancers, clients and peers, and resumes")
        func drainAndResume() throws {
            let mesh = try TestMesh.settled()
            let node = try mesh.node("eu-2")
            let ready = "\(node.status.url)/status/ready"
            #expect(try Curl.get(ready).status == 200)

            let drained = try mesh.nodes[0].ctl.run("drain", "eu-2", "--yes", "--timeout", "20")
            #expect(drained.status == 0, "\(drained.errors)")
            try eventually("readiness should be 503", within: 5) {
                try Curl.get(ready).status == 503
            }
            let answer = try Curl.get("\(node.proxy.url)/demo")
            let members = try mesh.nodes[0].ctl.run("members", "-o", "json")

            #expect(answer.status == 200)
            #expect(answer.header("connection")?.lowercased() == "close")
            #expect(members.status == 2)
            let modes = try JSON(parsing: members.out)["members"].items.map { $0["mode"].text }
            #expect(modes == ["normal", "draining", "normal"])

            let resumed = try mesh.node("us-1").ctl.run("resume", "eu-2")
            #expect(resumed.status == 0, "\(resumed.errors)")
            try eventually("readiness should be 200", within: 5) {
                try Curl.get(ready).status == 200
            }
            let after = try Curl.get("\(node.proxy.url)/demo")
            #expect(after.header("connection")?.lowercased() != "close")
        }

        @Test("a drain ends what lasts longer than its deadline, and the process says so by 75")
        func drainCuts() throws {
            let mesh = try TestMesh.settled()
            let node = try mesh.node("eu-2")
            node.kill()
            node.environment["MESH_PROXY_DRAIN_DEADLINE"] = "2"
            defer { node.environment = [:] }
            try mesh.settle()
            for upstream in mesh.upstreams { try upstream.set(#"{"latency_ms":30000}"#) }
            // Nobody but the node itself knows of it yet when it is drained.
            let before = try node.members()["eu-2"]?["in_flight"].number
            let client = try MeshProcess(
                "client",
                executable: Binaries.curl,
                arguments: [
                    "-s", "--noproxy", "*", "-w", " %{http_code}", "\(node.proxy.url)/demo",
                ],
                log: "\(node.directory)/client"
            )
            try eventually("the request should be there", within: 10) {
                try node.members()["eu-2"]?["in_flight"].number ?? 0 > before ?? 0
            }

            let drained = try mesh.nodes[0].ctl.run("drain", "eu-2", "--yes", "--timeout", "20")
            #expect(drained.status == 0, "\(drained.errors)")
            // Told as drained only when nothing was left of it.
            #expect(try client.end(within: 0.5) == .exited(0))
            #expect(client.lastWords.hasSuffix(" 503"), "\(client.lastWords)")
            let cut = try node.accessLog().last
            #expect(cut?["error"]["cause"].text == "stopped")
            #expect(cut?["error"]["owner"].text == "gateway")
            let resumed = try mesh.nodes[0].ctl.run("resume", "eu-2")
            #expect(resumed.status == 0, "\(resumed.errors)")
            node.process?.signal(SIGTERM)
            #expect(try node.process?.end(within: 30) == .exited(75))
        }

        @Test("draining the last node of a region needs --force")
        func drainRefused() throws {
            let mesh = try TestMesh.settled()

            let refused = try mesh.nodes[0].ctl.run("drain", "us-1", "--yes")
            let tried = try mesh.nodes[0].ctl.run("drain", "eu-2", "--dry-run")

            #expect(refused.status == 1)
            #expect(refused.errors.contains("--force"))
            #expect(tried.status == 0)
            let unasked = try mesh.nodes[0].ctl.run("drain", "eu-2")
            #expect(unasked.status == 1)
            #expect(unasked.errors.contains("give --yes"), "\(unasked.errors)")
            #expect(try mesh.nodes[0].ctl.run("members").status == 0)
        }

        @Test("SIGTERM under load cuts no request, and the node is seen to have left")
        func gracefulStop() throws {
            let mesh = try TestMesh.settled()
            let node = try mesh.node("eu-2")
            for upstream in mesh.upstreams { try upstream.set(#"{"latency_ms":100}"#) }
            let loads = [
                LoadProbe([node], perSecond: 100),
                LoadProbe([node], perSecond: 50, connections: .fresh),
            ]
            try eventually("load should run") { loads.allSatisfy { $0.soFar.count > 40 } }

            node.process?.signal(SIGTERM)
            let ending = try node.process?.end(within: 20)
            let samples = try loads.flatMap { try $0.stop() }

            #expect(ending == .exited(0), "\(node.process?.lastWords ?? "")")
            // What comes after the listener is closed is refused: that is not a request cut.
            let cut = samples.filter { $0.outcome != .refused && $0.status != 200 }
            #expect(cut.isEmpty, "\(cut.complaint)")
            for other in mesh.nodes where other !== node {
                try eventually("\(other.name) should know that eu-2 left", within: 5) {
                    try other.state(of: "eu-2") == "left"
                }
            }
            #expect(try mesh.nodes[0].ctl.run("members").status == 0, "left is no trouble")
        }

        @Test("a node started alone keeps its id and serves its last configuration")
        func startedAlone() throws {
            let mesh = try TestMesh.settled()
            try mesh.apply(mesh.configuration(routes: ["kept"]), at: "us-1")
            let node = try mesh.node("eu-1")
            try eventually("eu-1 should have it") {
                try Curl.get("\(node.proxy.url)/kept").status == 200
            }
            let id = try node.members()["eu-1"]?["id"]
            let hash = try node.configurationHash()
            for node in mesh.nodes { node.kill() }

            try mesh.start(node)
            try node.awaitAnswer()
            let seconds = try eventually("it should serve without peers", within: 10) {
                try Curl.get("\(node.proxy.url)/kept").status == 200
            }

            note("a node without peers served its last configuration after \(seconds) s")
            #expect(try node.members()["eu-1"]?["id"] == id)
            #expect(try node.configurationHash() == hash)
            #expect(try Curl.get("\(node.status.url)/status/ready").status == 200)
        }

        @Test("a node with another key ring, or of another cluster, does not get in")
        func strangers() throws {
            let mesh = try TestMesh.settled()
            let names = Set(mesh.nodes.map(\.name))
            let ring = try TestMesh.newKeyRing("\(mesh.directory)/stranger.keyring")
            let stranger = try TestNode(
                "stranger",
                region: "eu",
                address: "127.0.20.8",
                directory: mesh.directory
            )
            let other = try TestNode(
                "other",
                region: "eu",
                address: "127.0.20.9",
                directory: mesh.directory
            )
            defer {
                stranger.kill()
                other.kill()
            }

            try stranger.start(seeds: mesh.nodes.map(\.gossip), keyRing: ring)
            try other.start(
                seeds: mesh.nodes.map(\.gossip),
                keyRing: mesh.keyRing,
                cluster: "another"
            )
            try stranger.awaitAnswer()
            try other.awaitAnswer()
            try eventually("their attempts should be counted as refused", within: 10) {
                try mesh.nodes[0].ctl.json("status")["rejected"].names.isEmpty == false
            }

            #expect(Set(try stranger.members().keys) == ["stranger"])
            #expect(Set(try other.members().keys) == ["other"])
            for node in mesh.nodes { #expect(Set(try node.members().keys) == names) }
        }

        @Test("a key ring that others can read is refused with exit 78 and the remedy")
        func openKeyRing() throws {
            let mesh = try TestMesh.settled()
            let ring = try TestMesh.newKeyRing("\(mesh.directory)/open.keyring")
            chmod(ring, 0o644)

            let output = try Command.run(
                Binaries.meshd,
                [
                    "run", "--region", "eu", "--data-dir", "\(mesh.directory)/none", "--set",
                    "gossip.keyring=\(ring)",
                ]
            )

            #expect(output.status == 78)
            #expect(output.errors.contains("chmod 600"), "\(output.errors)")
        }

        @Test("meshd run --dev is a working mesh of one with no file")
        func development() throws {
            guard let mesh = TestMesh.shared else { throw TestFailure("the suite has no mesh") }
            let ports = try FreePorts.draw(4, at: "127.0.20.7")
            let places = ports.map { Place(address: "127.0.20.7", port: $0) }
            let node = try MeshProcess(
                "dev",
                executable: Binaries.meshd,
                arguments: [
                    "run", "--dev", "--set", "proxy.listen=\(places[0])", "--set",
                    "proxy.tls_listen=off", "--set",
                    "admin.listen=\(places[1])", "--set", "status.listen=\(places[2])", "--set",
                    "gossip.bind=\(places[3])",
                ],
                log: "\(mesh.directory)/dev.log"
            )
            defer { node.kill() }

            // Whatever is answered first must be the sample: no "no route" while it is being applied.
            let answer = try found("the sample should be served", within: 15) {
                try? Curl.get("\(places[0].url)/hello")
            }
            let members = try Ctl(admin: places[1].url).json("members", statuses: [0])
            let page = try Curl.get("\(places[1].url)/mesh/ui")
            let said = try found("it should say what to try", within: 5) {
                let log = try String(contentsOfFile: "\(mesh.directory)/dev.log", encoding: .utf8)
                return log.contains("A mesh of one is ready.") ? log : nil
            }
            node.signal(SIGTERM)

            #expect(answer.status == 200 && answer.body.contains("hello from meshgate"))
            #expect(members["members"].items.count == 1)
            #expect(page.status == 200)
            #expect(said.contains("curl http://\(places[0])/hello "))
            #expect(said.contains("open http://\(places[1])/mesh/ui "))
            #expect(try node.end(within: 10) == .exited(0), "\(node.lastWords)")
        }

        @Test("meshd run --dev goes to the next loopback address when its ports are taken")
        func besideAnother() throws {
            guard let mesh = TestMesh.shared else { throw TestFailure("the suite has no mesh") }
            var nodes: [MeshProcess] = []
            defer { for node in nodes { node.kill() } }
            let pages = try (1...2).map { count in
                let log = "\(mesh.directory)/dev-\(count).log"
                let node = try MeshProcess(
                    "dev-\(count)",
                    executable: Binaries.meshd,
                    arguments: ["run", "--dev"],
                    log: log
                )
                nodes.append(node)
                let line = try found("it should say what to try", within: 15) {
                    try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
                        .first { $0.contains("/hello") }
                }
                return String(line.split(separator: " ")[1])
            }

            for page in pages {
                let answer = try Curl.get(page)
                #expect(answer.body.contains("hello from meshgate"), "\(page): \(answer)")
            }
            #expect(pages[0] != pages[1])
        }
    }
}
