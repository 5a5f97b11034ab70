import Testing

extension EndToEnd {
    /// A change that goes through the fleet in waves.
    @LoopbackActor
    @Suite("Rolling a change out in waves", .serialized, .mesh(eu: 2, us: 1))
    struct RollOutTests {
        /// Hands a configuration in at a node, to be rolled out.
        private func begin(_ text: String, at node: TestNode, guarding: String, hold: Double) throws
        {
            let query = "guard=\(guarding.replacing("%", with: "%25"))&hold=\(hold)"
            let answer = try Curl.post(
                "\(node.admin.url)/mesh/config?\(query)",
                text,
                type: "application/yaml"
            )
            #expect(answer.status == 201 || answer.status == 202, "\(answer.body)")
        }

        private func status(of path: String, at node: TestNode) throws -> Int {
            try Curl.get("\(node.proxy.url)/\(path)").status
        }

        @Test("takes it to one node, to its region, then to all, and nobody else writes meanwhile")
        func waves() throws {
            let mesh = try TestMesh.settled()
            let (first, second, last) = (
                try mesh.node("eu-1"), try mesh.node("eu-2"), try mesh.node("us-1")
            )
            try self.begin(
                mesh.configuration(routes: ["slowly"]),
                at: first,
                guarding: "errors<1%",
                hold: 2
            )
            try eventually("the first node has it") {
                try self.status(of: "slowly", at: first) == 200
            }
            #expect(try self.status(of: "slowly", at: second) == 404)
            #expect(try self.status(of: "slowly", at: last) == 404)
            let other = try Curl.post("\(last.admin.url)/consumers", "{\"username\": \"early\"}")
            #expect(other.status == 409 && other.body.contains("roll-out"), "\(other.body)")
            let table = try last.ctl.run("config", "roll-out")
            #expect(table.status == 0 && table.out.contains("held"), "\(table.out)\(table.errors)")

            try eventually("the second has it") { try self.status(of: "slowly", at: second) == 200 }
            let watch = try last.ctl.run("config", "roll-out", "watch")
            #expect(watch.status == 0, "\(watch.out)\(watch.errors)")
            #expect(watch.out.contains("finished"), "\(watch.out)")
            for node in mesh.nodes { #expect(try self.status(of: "slowly", at: node) == 200) }
            let now = try Curl.post("\(last.admin.url)/consumers", "{\"username\": \"early\"}")
            #expect(now.status == 201 || now.status == 202, "\(now.body)")
        }

        @Test("follows nothing when asked to wait for nobody, and is paused, resumed and aborted")
        func unwatched() throws {
            let mesh = try TestMesh.settled()
            let (first, last) = (try mesh.node("eu-1"), try mesh.node("us-1"))
            let path = try mesh.file(mesh.configuration(routes: ["unwatched"]))
            let began = ContinuousClock.now

            let apply = try first.ctl.run(
                "config",
                "apply",
                path,
                "--guard",
                "errors<1%",
                "--for",
                "20s",
                "--wait",
                "none"
            )

            #expect(apply.status == 0, "\(apply.out)\(apply.errors)")
            #expect(apply.out.hasPrefix("rolling out g"), "\(apply.out)")
            #expect(began.duration(to: .now) < .seconds(10))
            for (action, word) in [
                ("pause", "paused"), ("resume", "running"), ("abort", "aborted"),
            ] {
                let answer = try last.ctl.run("config", "roll-out", action)
                #expect(answer.status == 0, "\(action): \(answer.out)\(answer.errors)")
                #expect(answer.out.contains(word), "\(action): \(answer.out)")
            }
            try eventually("it is taken back") {
                try self.status(of: "unwatched", at: first) == 404
            }
        }

        @Test("takes it back by itself when requests fail at the node that tries it")
        func harm() throws {
            let mesh = try TestMesh.settled()
            let (first, last) = (try mesh.node("eu-1"), try mesh.node("us-1"))
            let before = try first.configurationHash()
            let broken = """
                _format_version: "3.0"
                services:
                  - { name: broken, url: "http://127.0.0.1:9", routes: [{ name: b, paths: [/demo] }] }
                """
            try self.begin(broken, at: first, guarding: "errors<5%", hold: 20)
            try eventually("the first node fails requests") {
                try self.status(of: "demo", at: first) == 502
            }
            #expect(try self.status(of: "demo", at: last) == 200)
            try eventually("the change is taken back") {
                for _ in 0..<10 { _ = try self.status(of: "demo", at: first) }
                return try first.configurationHash() == before
                    && self.status(of: "demo", at: first) == 200
            }
            let watch = try last.ctl.run("config", "roll-out", "watch")
            #expect(watch.status == 1, "\(watch.out)")
            #expect(watch.errors.contains("eu-1:"), "\(watch.errors)")
            #expect(watch.errors.contains("the guard is errors<5.0 %"), "\(watch.errors)")
        }

        @Test("stops for an operator at any node, who takes it back or lets it go on")
        func steered() throws {
            let mesh = try TestMesh.settled()
            let (first, last) = (try mesh.node("eu-1"), try mesh.node("us-1"))
            try self.begin(
                mesh.configuration(routes: ["steered"]),
                at: first,
                guarding: "",
                hold: 2
            )
            try eventually("it began") { try self.status(of: "steered", at: first) == 200 }
            #expect(try last.ctl.run("config", "roll-out", "pause").status == 0)
            try eventually("all know that it is paused") {
                try mesh.nodes.allSatisfy {
                    try $0.ctl.json("config", "roll-out")["phase"].text == "paused"
                }
            }
            #expect(try last.ctl.run("config", "roll-out", "resume").status == 0)
            let aborted = try last.ctl.run("config", "roll-out", "abort")
            #expect(aborted.status == 0, "\(aborted.errors)")
            try eventually("it is gone") {
                try mesh.nodes.allSatisfy { try self.status(of: "steered", at: $0) == 404 }
            }
            #expect(try first.ctl.run("config", "roll-out", "abort").status == 1)
            let bad = try first.ctl.run("config", "apply", "x.yml", "--guard", "errors>1%")
            #expect(bad.status == 64 && bad.errors.contains("is no guard"), "\(bad.errors)")
        }
    }
}
