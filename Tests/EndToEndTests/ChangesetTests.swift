import Glibc
import Testing

extension EndToEnd {
    /// What was changed before, and how it is taken back.
    @LoopbackActor
    @Suite("Asked about its changesets", .serialized, .mesh(eu: 2, us: 1))
    struct ChangesetTests {
        @Test("history names who wrote what, and show and diff what it changed, at any node")
        func history() throws {
            let mesh = try TestMesh.settled()
            let file = try mesh.file(mesh.configuration(routes: ["first"]))
            let applied = try mesh.nodes[0].ctl.run(
                "config",
                "apply",
                file,
                "--message",
                "the first route"
            )
            #expect(applied.status == 0, "\(applied.errors)")
            #expect(applied.out.contains("live on 3 of 3 alive nodes"), "\(applied.out)")

            for node in mesh.nodes {
                let history = try node.ctl.json("config", "history")
                let newest = history["changesets"][0]
                #expect(newest["message"].text == "the first route")
                #expect(newest["node"].text == "eu-1")
                #expect(newest["author"].text == "loopback")
                #expect(newest["summary"]["created"].number == 1)
                #expect(newest["config"]["hash"].text == (try node.configurationHash()))
                #expect(newest["nodes"].items.count == 3)
                let id = newest["id"].text ?? ""
                let shown = try node.ctl.json("config", "show", id)
                #expect(shown["changes"][0]["name"].text == "first")
                let between = try node.ctl.run("config", "diff", "\(id)^..\(id)")
                #expect(between.status == 2)
                #expect(between.out.contains("+ routes first"), "\(between.out)")
            }
            let strange = try mesh.nodes[1].ctl.run("config", "show", "nobody:1")
            #expect(strange.status == 1)
            #expect(strange.errors.contains("meshctl config history"), "\(strange.errors)")
        }

        @Test("rollback brings an older configuration back everywhere, and can be undone itself")
        func rollback() throws {
            let mesh = try TestMesh.settled()
            let before = try mesh.nodes[0].configurationHash()
            try mesh.apply(mesh.configuration(routes: ["gone"]))
            let ctl = try mesh.node("us-1").ctl
            #expect(try Curl.get("\(mesh.nodes[0].proxy.url)/gone").status == 200)

            let dry = try ctl.run("config", "rollback", "--dry-run")
            #expect(dry.status == 0)
            #expect(dry.out.contains("- routes gone"), "\(dry.out)")
            #expect(try Curl.get("\(mesh.nodes[0].proxy.url)/gone").status == 200)

            let back = try ctl.run("config", "rollback", "--message", "no")
            #expect(back.status == 0, "\(back.errors)")
            for node in mesh.nodes {
                #expect(try node.configurationHash() == before)
                #expect(try Curl.get("\(node.proxy.url)/gone").status == 404)
            }
            #expect(try ctl.run("config", "rollback").status == 0)
            for node in mesh.nodes {
                #expect(try Curl.get("\(node.proxy.url)/gone").status == 200)
            }
            let unknown = try ctl.run("config", "rollback", "g999999")
            #expect(unknown.status == 1, "\(unknown.errors)")
        }

        @Test(
            "rollback to before the first changeset takes everything away only when somebody agrees"
        )
        func everything() throws {
            let mesh = try TestMesh.settled()
            let ctl = try mesh.node("us-1").ctl
            let before = try mesh.nodes[0].configurationHash()
            let asked = try ctl.run("config", "rollback", "g1^")
            #expect(asked.status == 1)
            #expect(asked.errors.contains("give --yes"), "\(asked.errors)")
            #expect(try mesh.nodes[0].configurationHash() == before)

            #expect(try ctl.run("config", "rollback", "g1^", "--yes").status == 0)
            #expect(try mesh.nodes[0].configurationHash() != before)
            #expect(try ctl.run("config", "rollback").status == 0)
            #expect(try mesh.nodes[0].configurationHash() == before)
        }

        @Test("apply takes away most of what there is only when somebody agrees")
        func mostOfIt() throws {
            let mesh = try TestMesh.settled()
            let services = (0..<20).map {
                "  - { name: many-\($0), url: 'http://127.0.0.1:9', "
                    + "routes: [{ name: many-\($0), paths: [/many-\($0)] }] }\n"
            }
            let head = "_format_version: '3.0'\n"
            let many = try mesh.file(head + "services:\n" + services.joined())
            let none = try mesh.file(head)
            let ctl = mesh.nodes[0].ctl
            let applied = try ctl.run("config", "apply", many, "--select-tag", "many")
            #expect(applied.status == 0, "\(applied.errors)")

            let refused = try ctl.run("config", "apply", none, "--select-tag", "many")
            #expect(refused.status == 1)
            #expect(refused.errors.contains("take away 40 of"), "\(refused.errors)")
            #expect(refused.errors.contains("give --yes"), "\(refused.errors)")
            #expect(try ctl.run("config", "diff", many, "--select-tag", "many").status == 0)
            let agreed = try ctl.run("config", "apply", none, "--select-tag", "many", "--yes")
            #expect(agreed.status == 0, "\(agreed.errors)")
            #expect(agreed.out.contains("-40"), "\(agreed.out)")
        }

        @Test("apply with a tag changes what has the tag and leaves the rest alone")
        func selectTag() throws {
            let mesh = try TestMesh.settled()
            let part = """
                _format_version: "3.0"
                services:
                  - { name: part, url: "http://127.0.0.1:9", routes: [{ name: part, paths: [/part] }] }
                """
            let ctl = mesh.nodes[0].ctl
            let file = try mesh.file(part)
            let applied = try ctl.run("config", "apply", file, "--select-tag", "team-a")
            #expect(applied.status == 0, "\(applied.errors)")
            #expect(applied.out.contains("+2 ~0 -0"), "\(applied.out)")
            #expect(try Curl.get("\(mesh.nodes[2].proxy.url)/demo").status == 200)
            #expect(try Curl.get("\(mesh.nodes[2].proxy.url)/part").status == 502)
            #expect(try ctl.run("config", "diff", file, "--select-tag", "team-a").status == 0)

            let named = "_info: { select_tags: [team-b] }\n" + part.replacing("part", with: "own")
            let own = try ctl.run("config", "apply", try mesh.file(named))
            #expect(own.status == 0 && own.out.contains("+2 ~0 -0"), "\(own.out)\(own.errors)")
            #expect(try Curl.get("\(mesh.nodes[2].proxy.url)/demo").status == 200)

            let empty = try mesh.file("_format_version: \"3.0\"\n")
            let emptied = try ctl.run("config", "apply", empty, "--select-tag", "team-a")
            #expect(emptied.status == 0, "\(emptied.errors)")
            #expect(emptied.out.contains("+0 ~0 -2"), "\(emptied.out)")
            #expect(try Curl.get("\(mesh.nodes[2].proxy.url)/part").status == 404)
            #expect(try Curl.get("\(mesh.nodes[2].proxy.url)/demo").status == 200)
        }

        @Test("apply with a tag takes memberships with their consumers")
        func selectedMembers() throws {
            let mesh = try TestMesh.settled()
            let ctl = mesh.nodes[0].ctl
            let people = """
                _format_version: "3.0"
                _info: { select_tags: [team-c] }
                consumer_groups: [{ name: gold }]
                consumers: [{ username: ann, groups: [{ name: gold }] }, { username: bob }]
                """
            let file = try mesh.file(people)
            let applied = try ctl.run("config", "apply", file)
            #expect(applied.status == 0, "\(applied.errors)")
            #expect(applied.out.contains("+4 ~0 -0"), "\(applied.out)")
            #expect(try ctl.run("config", "diff", file).status == 0)
            let other = people.replacing("team-c", with: "team-d").replacing("ann", with: "eve")
                .replacing("bob", with: "joe").replacing("gold", with: "silver")
            #expect(try ctl.run("config", "apply", try mesh.file(other)).status == 0)
            let alone = try mesh.file(people.replacing(", groups: [{ name: gold }]", with: ""))
            let left = try ctl.run("config", "apply", alone)
            #expect(left.status == 0, "\(left.errors)")
            #expect(left.out.contains("+0 ~0 -1"), "\(left.out)")
            let none = "_format_version: \"3.0\"\n_info: { select_tags: [team-c] }\n"
            #expect(try ctl.run("config", "apply", try mesh.file(none)).out.contains("-3"))
            let exported = try ctl.run("config", "export").out
            #expect(exported.contains("silver") && !exported.contains("gold"), "\(exported)")
        }

        @Test("apply upon another base is refused with what was written since")
        func overtaken() throws {
            let mesh = try TestMesh.settled()
            let ctl = mesh.nodes[0].ctl
            let base = try ctl.json("config", "history")["config"]
            let version = base["version"].text ?? ""
            let file = try mesh.file(mesh.configuration(routes: ["late"]))
            let other = try mesh.file(mesh.configuration(routes: ["quick"]))
            let quick = try ctl.run(
                "config",
                "apply",
                other,
                "--base",
                version,
                "--message",
                "I won"
            )
            #expect(quick.status == 0, "\(quick.errors)")

            let late = try ctl.run("config", "apply", file, "--base", version)
            #expect(late.status == 2)
            #expect(late.errors.contains("I won"), "\(late.errors)")
            #expect(late.errors.contains("nothing was changed"), "\(late.errors)")
            #expect(try Curl.get("\(mesh.nodes[0].proxy.url)/late").status == 404)
        }
    }

    /// Two nodes that never run together while somebody writes.
    @LoopbackActor
    @Suite("Written to at two nodes that do not see each other", .serialized, .mesh(eu: 1, us: 1))
    struct ConflictTests {
        @Test("both changes are kept: one stands, the other is shown and can be applied again")
        func conflict() throws {
            let mesh = try TestMesh.settled()
            let (eu, us) = (mesh.nodes[0], mesh.nodes[1])
            let write = { (node: TestNode, retries: Int) in
                try Curl.get(
                    "-X",
                    "PATCH",
                    "-d",
                    "retries=\(retries)",
                    "\(node.admin.url)/services/demo"
                )
            }
            for node in mesh.nodes { try node.awaitSavedMembers() }
            us.kill()
            try eventually("us-1 should be failed", within: 15) {
                try eu.state(of: "us-1") == "failed"
            }
            let first = try write(eu, 7)
            #expect(first.status == 202, "\(first.body)")
            #expect(first.header("X-Meshgate-Holders") == "eu-1")
            eu.kill()
            try mesh.start(us)
            try us.awaitAnswer()
            let second = try write(us, 9)
            #expect(second.status == 202, "\(second.body)")
            #expect(second.header("X-Meshgate-Holders") == "us-1")
            try mesh.start(eu)
            try eu.awaitAnswer()

            try eventually("both should agree", within: 20) {
                let hashes = try mesh.nodes.map { try $0.configurationHash() }
                let shown = try eu.ctl.json("config", "conflicts")["conflicts"].items.count
                return hashes[0] == hashes[1] && shown == 1
            }
            let shown = try mesh.nodes.map { try $0.ctl.json("config", "conflicts") }
            #expect(shown[0]["conflicts"][0]["id"].text == shown[1]["conflicts"][0]["id"].text)
            let conflict = shown[0]["conflicts"][0]
            #expect(conflict["open"].flag == true)
            #expect(conflict["name"].text == "demo")
            #expect(
                Set([conflict["winner"]["node"].text, conflict["loser"]["node"].text])
                    == ["eu-1", "us-1"]
            )
            let table = try us.ctl.run("config", "conflicts")
            #expect(table.status == 2)
            #expect(table.out.contains("services demo"), "\(table.out)")

            let stands = conflict["winner"]["node"].text == "eu-1" ? "7" : "9"
            let lost = stands == "7" ? 9.0 : 7.0
            let again = try us.ctl.run("config", "conflicts", "apply", conflict["id"].text ?? "")
            #expect(again.status == 0, "\(again.errors)")
            let settled = try us.ctl.json("config", "conflicts")["conflicts"][0]
            #expect(settled["open"].flag == false)
            #expect(settled["name"].text == "demo")
            for node in mesh.nodes {
                let service = try Curl.get("\(node.admin.url)/services/demo").json()
                #expect(service["retries"].number == lost)
                #expect(try node.ctl.run("config", "conflicts").status == 0)
            }
        }
    }
}
