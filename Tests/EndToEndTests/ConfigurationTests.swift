import Testing

extension EndToEnd {
    /// Changes of `kong.yml`, made at any node.
    @LoopbackActor
    @Suite("Configured through any node", .serialized, .mesh)
    struct ConfigurationTests {
        @Test("a change applied at any node is served by all five at once")
        func changeEverywhere() throws {
            let mesh = try TestMesh.settled()

            for name in ["us-2", "eu-3"] {
                let route = "new-\(name)"
                let file = try mesh.file(mesh.configuration(routes: [route]))
                for node in mesh.nodes {
                    #expect(try Curl.get("\(node.proxy.url)/\(route)").status == 404)
                }

                let answer = try mesh.node(name).ctl.run(
                    "config",
                    "apply",
                    file,
                    "--wait",
                    "none",
                    "-o",
                    "json"
                )
                let answered = Clock.now
                #expect(answer.status == 0, "\(answer.errors)")
                for node in mesh.nodes {
                    try eventually("\(node.name) should serve /\(route)", every: 0.01) {
                        try Curl.get("\(node.proxy.url)/\(route)").status == 200
                    }
                }
                let seconds = Clock.now - answered

                note("a change at \(name) was live on all five \(seconds) s after the answer")
                #expect(seconds < 3)
                let hash = try JSON(parsing: answer.out)["config"]["hash"].text
                for node in mesh.nodes { #expect(try node.configurationHash() == hash) }
                let status = try mesh.nodes[0].ctl.run("config", "status", "--wait")
                #expect(status.status == 0, "\(status.out)")
            }
        }

        @Test("diff shows what apply will do, and get gives back what was applied")
        func diffAndGet() throws {
            let mesh = try TestMesh.settled()
            let ctl = try mesh.node("us-1").ctl
            let file = try mesh.file(mesh.configuration(routes: ["extra"]))

            let before = try ctl.run("config", "diff", file, "-o", "json")
            let applied = try ctl.run("config", "apply", file)
            let after = try ctl.run("config", "diff", file)
            let text = try mesh.node("eu-2").ctl.run("config", "get").out
            let same = try ctl.run("config", "diff", try mesh.file(text))

            #expect(before.status == 2)
            let difference = try JSON(parsing: before.out)
            #expect(difference["summary"]["created"].number == 1)
            #expect(difference["changes"][0]["name"].text == "extra")
            #expect(applied.status == 0, "\(applied.errors)")
            #expect(after.status == 0, "\(after.out)")
            #expect(text.contains("extra"))
            #expect(same.status == 0, "\(same.out)\(same.errors)")
        }

        /// The last one is no field's fault: it is named by what it does, and by its line.
        static let mistakes: [(name: String, old: String, new: String, field: String)] = [
            ("an unknown field", "retries: 5", "retriez: 5", "retriez"),
            ("a value out of range", "retries: 5", "retries: 50000000", "retries"),
            (
                "a plugin that is not built", "paths: [/demo] }",
                "paths: [/demo], plugins: [{ name: aws-lambda }] }", "aws-lambda"
            ),
            ("a bad regex", "paths: [/demo]", #"paths: ["~/demo("]"#, "paths"),
            (
                "a bomb of aliases", "_format_version: \"3.0\"",
                """
                _format_version: "3.0"
                _comment: [&a [x, x, x, x, x, x, x, x, x], &b [*a, *a, *a, *a, *a, *a, *a, *a],
                  &c [*b, *b, *b, *b, *b, *b, *b, *b], &d [*c, *c, *c, *c, *c, *c, *c, *c],
                  &e [*d, *d, *d, *d, *d, *d, *d, *d], &f [*e, *e, *e, *e, *e, *e, *e, *e],
                  &g [*f, *f, *f, *f, *f, *f, *f, *f], &h [*g, *g, *g, *g, *g, *g, *g, *g]]
                """, "unfolds into more than"
            ),
        ]

        @Test("a file with an error changes nothing anywhere and names the field")
        func mistakeChangesNothing() throws {
            let mesh = try TestMesh.settled()
            let hash = try mesh.nodes[0].configurationHash()
            for mistake in Self.mistakes {
                let text = mesh.configuration(routes: ["never"])
                    .replacing(mistake.old, with: mistake.new)
                #expect(text.contains(mistake.new))
                let file = try mesh.file(text)
                for node in [mesh.nodes[0], mesh.nodes[4]] {
                    let offline = try node.ctl.run("config", "validate", file)
                    let applied = try node.ctl.run("config", "apply", file)
                    // Past meshctl's own check, straight to the node.
                    let posted = try Curl.post(
                        "\(node.admin.url)/mesh/config",
                        text,
                        type: "application/yaml"
                    )
                    let kong = try Curl.post(
                        "\(node.admin.url)/config",
                        text,
                        type: "application/yaml"
                    )

                    #expect(offline.status == 65, "\(mistake.name)")
                    #expect(offline.out.contains(mistake.field), "\(mistake.name): \(offline.out)")
                    #expect(applied.status == 65, "\(mistake.name)")
                    #expect(applied.out.isEmpty)
                    #expect(applied.errors.contains(mistake.field), "\(applied.errors)")
                    #expect(applied.errors.contains("nothing was changed"))
                    #expect(posted.status == 400, "\(mistake.name): \(posted.body)")
                    #expect(posted.body.contains(mistake.field), "\(posted.body)")
                    #expect(kong.status == 400, "\(mistake.name): \(kong.body)")
                }
            }

            for node in mesh.nodes {
                #expect(try node.configurationHash() == hash)
                #expect(try Curl.get("\(node.proxy.url)/never").status == 404)
                #expect(try Curl.get("\(node.proxy.url)/demo").status == 200)
            }
        }

        @Test("changes made at two nodes at the same moment end in one configuration everywhere")
        func concurrentChanges() throws {
            let mesh = try TestMesh.settled()
            let left = try mesh.file(mesh.configuration(routes: ["left"]))
            let right = try mesh.file(mesh.configuration(routes: ["right"]))
            let apply = "\(Binaries.meshctl) config apply --wait none --admin"

            let both = try Command.run(
                "/bin/sh",
                [
                    "-c",
                    "\(apply) \(mesh.nodes[0].admin.url) \(left) & first=$!; "
                        + "\(apply) \(mesh.nodes[4].admin.url) \(right) && wait $first",
                ]
            )

            // The second may come late enough to be told that it lost; never is one half in force.
            #expect(both.status == 0 || both.status == 2, "\(both.errors)")
            try eventually("all five should agree", within: 10) {
                Set(try mesh.nodes.map { try $0.configurationHash() }).count == 1
            }
            let status = try mesh.nodes[2].ctl.run("config", "status", "--wait")
            #expect(status.status == 0, "\(status.out)")
            for node in mesh.nodes {
                #expect(try Curl.get("\(node.proxy.url)/demo").status == 200)
            }
        }

        @Test("a node that was away during a change serves it as soon as it is back")
        func catchingUp() throws {
            let mesh = try TestMesh.settled()
            let away = try mesh.node("us-2")
            away.kill()
            try eventually("us-2 should be failed", within: 15) {
                try mesh.nodes[0].state(of: "us-2") == "failed"
            }
            try mesh.apply(mesh.configuration(routes: ["meanwhile"]), at: "eu-2")
            let hash = try mesh.nodes[0].configurationHash()

            try mesh.start(away)
            try away.awaitAnswer()
            let seconds = try eventually("us-2 should serve the new route", within: 15) {
                try Curl.get("\(away.proxy.url)/meanwhile").status == 200
            }

            note("a node that was away caught up \(seconds) s after its Admin API answered")
            #expect(try away.configurationHash() == hash)
            try eventually("all should say that all run the same", within: 15) {
                try mesh.nodes[0].ctl.run("config", "status").status == 0
            }
        }

        @Test("of two changes against one base the second is refused with exit 2")
        func lostRace() throws {
            let mesh = try TestMesh.settled()
            let node = mesh.nodes[0]
            let base = try node.configurationHash() ?? ""
            let url = "\(node.admin.url)/mesh/config?base=\(base)"

            let first = try Curl.post(
                url,
                mesh.configuration(routes: ["first"]),
                type: "application/yaml"
            )
            let second = try Curl.post(
                url,
                mesh.configuration(routes: ["second"]),
                type: "application/yaml"
            )

            #expect(first.status == 201, "\(first.body)")
            #expect(second.status == 409, "\(second.body)")
        }
    }
}
