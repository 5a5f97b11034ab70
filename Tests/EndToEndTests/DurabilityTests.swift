import Glibc
import Testing

extension EndToEnd {
    /// Where a write has to be before it is called safe.
    @LoopbackActor
    @Suite("Written to while others are away", .serialized, .mesh)
    struct DurabilityTests {
        @Test(
            "a node alone of five answers 202 with its name, and others get it when they are back"
        )
        func alone() throws {
            let mesh = try TestMesh.settled()
            let alone = mesh.nodes[0]
            let others = mesh.nodes.dropFirst()
            let safe = try Self.tag(alone, "together")
            #expect(safe.status == 200, "\(safe.body)")
            #expect(safe.header("X-Meshgate-Holders") == nil)
            for node in others { node.kill() }

            let unsafe = try Self.tag(alone, "alone")
            #expect(unsafe.status == 202, "\(unsafe.body)")
            #expect(unsafe.header("X-Meshgate-Holders") == "eu-1")
            #expect(try unsafe.json()["tags"][0].text == "alone")

            let file = try mesh.file(mesh.configuration(routes: ["alone"]))
            let posted = try Curl.post(
                "\(alone.admin.url)/mesh/config?message=alone",
                mesh.configuration(routes: ["posted"]),
                type: "application/yaml"
            )
            #expect(posted.status == 202, "\(posted.body)")
            #expect(try posted.json()["confirmed"].flag == false)
            #expect(try posted.json()["holders"].items == [.text("eu-1")])
            let none = try alone.ctl.run("config", "apply", file, "--wait", "none")
            #expect(none.status == 75, "\(none.errors)")
            #expect(none.errors.contains("only eu-1 has it"), "\(none.errors)")
            let quorum = try alone.ctl.run(
                "config",
                "apply",
                file,
                "--wait",
                "quorum",
                "--timeout",
                "1"
            )
            #expect(quorum.status == 75, "\(quorum.errors)")

            for node in others { try mesh.start(node) }
            for node in others {
                try eventually("\(node.name) should serve what was written meanwhile", within: 30) {
                    (try? Curl.get("\(node.proxy.url)/alone").status) == 200
                }
            }
            #expect(try Self.tag(alone, "again").status == 200)
        }

        @Test("a node that was killed while alone still answers 202, though it has just started")
        func aloneAfterRestart() throws {
            let mesh = try TestMesh.settled()
            let alone = mesh.nodes[4]
            try alone.awaitSavedMembers()
            for node in mesh.nodes { node.kill() }
            try mesh.start(alone)
            try alone.awaitAnswer()
            let answer = try Self.tag(alone, "alone")
            #expect(answer.status == 202, "\(answer.body)")
            #expect(answer.header("X-Meshgate-Holders") == "us-2")
        }

        @Test("what was answered as safe is there after its writer and another node are killed")
        func acknowledged() throws {
            let mesh = try TestMesh.settled()
            for round in 1...5 {
                let writer = mesh.nodes[round % 5]
                let answer = try Self.tag(writer, "round-\(round)")
                writer.kill()
                mesh.nodes[(round + 1) % 5].kill()
                guard answer.status == 200 else { throw TestFailure("\(answer.status)") }
                let left = mesh.nodes[(round + 2) % 5]
                try eventually("\(left.name) should have round \(round)", within: 10) {
                    let tags = try Curl.get("\(left.admin.url)/services/demo").json()["tags"]
                    return tags.items == [.text("round-\(round)")]
                }
                _ = try TestMesh.settled()
            }
        }

        private static func tag(_ node: TestNode, _ tag: String) throws -> Curl.Answer {
            try Curl.get("-X", "PATCH", "-d", "tags=\(tag)", "\(node.admin.url)/services/demo")
        }
    }
}
