import Foundation
import Testing

extension EndToEnd {
    /// What an operator sees of five nodes.
    @LoopbackActor
    @Suite("Seen through meshctl", .serialized, .mesh)
    struct ObservationTests {
        @Test("every node lists all members with every field that scripts rely on")
        func membersJSON() throws {
            let mesh = try TestMesh.settled()

            for node in mesh.nodes {
                let report = try node.ctl.json("members", statuses: [0])

                let members = report["members"].items
                #expect(members.count == 5)
                for member in members {
                    #expect(
                        member.names.isSuperset(of: [
                            "name", "region", "zone", "address", "state", "mode", "incarnation",
                            "version", "config", "rtt_ms",
                        ])
                    )
                    #expect(member["config"].names.isSuperset(of: ["version", "hash"]))
                    #expect(member["state"].text == "alive")
                    #expect(member["mode"].text == "normal")
                    #expect((member["incarnation"].number ?? 0) > 0)
                    #expect(member["version"].text?.isEmpty == false)
                    #expect(member["config"]["hash"].text?.count == 32)
                    let known = mesh.nodes.first { $0.name == member["name"].text }
                    #expect(member["region"].text == known?.region)
                    #expect(member["address"].text == known?.gossip.description)
                }
                #expect(report["view"]["node"].text == node.name)
            }
        }

        @Test("members come as a table, wide, as lines, filtered by state and region")
        func membersForms() throws {
            let ctl = try TestMesh.settled().nodes[0].ctl

            let table = try ctl.run("members")
            let wide = try ctl.run("members", "-o", "wide")
            let lines = try ctl.run("members", "-o", "jsonl", "--region", "us")
            let failed = try ctl.json("members", "--state", "failed", statuses: [0])

            #expect(table.status == 0)
            for word in ["ST", "NODE", "REGION", "ADDRESS", "VERSION", "CONFIG", "RTT", "LOAD"] {
                #expect(table.out.contains(word), "\(table.out)")
            }
            #expect(table.out.split(separator: "\n").count { $0.hasPrefix("UN ") } == 5)
            #expect(table.out.split(separator: "\n").allSatisfy { $0.count <= 100 })
            #expect(!table.out.contains("\u{1B}"), "colour in a pipe")
            #expect(wide.out.contains("us-2"))
            let names = try lines.out.split(separator: "\n").map {
                try JSON(parsing: String($0))["name"].text
            }
            #expect(Set(names) == ["us-1", "us-2"])
            #expect(failed["members"].items.isEmpty)
        }

        @Test("members --watch repeats, and colour is for terminals that did not refuse it")
        func membersWatched() throws {
            let mesh = try TestMesh.settled()
            let log = "\(mesh.directory)/watch.log"
            let watch = try MeshProcess(
                "watch",
                executable: Binaries.meshctl,
                arguments: ["members", "--watch", "--admin", mesh.nodes[1].admin.url],
                log: log
            )
            defer { watch.kill() }
            let words = "\(Binaries.meshctl) members --admin \(mesh.nodes[0].admin.url)"

            try eventually("two tables should be printed", within: 10) {
                let text = try String(contentsOfFile: log, encoding: .utf8)
                return text.components(separatedBy: "5 members").count > 2
            }
            let terminal = try Command.run("/usr/bin/script", ["-qec", words, "/dev/null"])
            let plain = try Command.run(
                "/usr/bin/script",
                ["-qec", words, "/dev/null"],
                environment: ["NO_COLOR": "1"]
            )

            #expect(terminal.status == 0)
            #expect(terminal.out.contains("\u{1B}["))
            #expect(plain.out.contains("eu-1"))
            #expect(!plain.out.contains("\u{1B}["))
        }

        @Test("config status proves by hash that all five run the same")
        func configStatus() throws {
            let mesh = try TestMesh.settled()

            for node in mesh.nodes {
                let report = try node.ctl.json("config", "status", statuses: [0])

                #expect(report["agreed"].flag == true)
                #expect(report["nodes"].items.count == 5)
                #expect(Set(report["nodes"].items.map { $0["state"].text }) == ["running"])
                let hashes = Set(report["nodes"].items.map { $0["config"]["hash"].text })
                #expect(hashes == [try mesh.nodes[0].configurationHash()])
            }
        }

        @Test("status, check and region list find nothing to complain about")
        func wholeMesh() throws {
            let mesh = try TestMesh.settled()

            // The first state of every node travels within its report period.
            try eventually("status should be clean") {
                try mesh.nodes[0].ctl.run("status").status == 0
            }
            let status = try mesh.nodes[0].ctl.json("status", statuses: [0])
            let check = try mesh.nodes[4].ctl.run("check", "--wait", "15", "-o", "json")
            let regions = try mesh.nodes[2].ctl.json("region", "list", statuses: [0])

            #expect(status["counts"]["alive"].number == 5)
            #expect(status["config_agreed"].flag == true)
            #expect(check.status == 0, "\(check.out)")
            let checks = try JSON(parsing: check.out)["checks"].items
            #expect(checks.count > 5)
            #expect(checks.allSatisfy { $0["code"].text?.hasPrefix("MESH0") == true })
            #expect(regions["regions"].items.map { $0["name"].text } == ["eu", "us"])
            #expect(regions["regions"].items.map { $0["alive"].number } == [3, 2])
        }

        @Test("health shows every target by every observer with its evidence")
        func healthMatrix() throws {
            let mesh = try TestMesh.settled()
            let victim = mesh.upstreams(in: "eu")[0]
            victim.kill()
            for node in mesh.nodes {
                for _ in 1...4 { _ = try Curl.get("\(node.proxy.url)/demo") }
            }

            // What is up needs no word of others; what is not, all of the region speak of.
            let report = try found("peers should speak against the target", within: 20) {
                let report = try mesh.nodes[1].ctl.json("health", "demo", statuses: [0, 2])
                let dead = report["upstreams"][0]["targets"].items.first {
                    $0["target"].text == victim.place.description
                }
                let regions = dead?["observations"].items.compactMap { $0["region"].text } ?? []
                return regions.count >= 3 && Set(regions) == ["eu", "us"] ? report : nil
            }

            let targets = report["upstreams"][0]["targets"].items
            #expect(Set(targets.map { $0["target"].text }) == Set(self.places(mesh)))
            for target in targets {
                let isDead = target["target"].text == victim.place.description
                #expect(target["verdict"].text == (isDead ? "excluded" : "healthy"))
                let observations = target["observations"].items
                if isDead {
                    #expect(observations.contains { $0["observer"].text == mesh.nodes[1].name })
                }
                for observation in observations {
                    #expect(
                        observation.names.isSuperset(of: [
                            "observer", "region", "state", "successes", "failures",
                            "last_failure", "age_seconds",
                        ])
                    )
                }
            }
            let table = try mesh.nodes[1].ctl.run("health", "demo")
            #expect(table.out.contains(victim.place.description), "\(table.out)")
        }

        @Test("events -w streams what happens, as lines of JSON")
        func eventStream() throws {
            let mesh = try TestMesh.settled()
            let log = "\(mesh.directory)/events.log"
            let watch = try MeshProcess(
                "events",
                executable: Binaries.meshctl,
                arguments: ["events", "-w", "-o", "jsonl", "--admin", mesh.nodes[3].admin.url],
                log: log
            )
            defer { watch.kill() }
            // Nothing is printed before the first event, so the change is made until one comes.
            var count = 0
            let line = try found("the stream should tell of a change", within: 20, every: 0.5) {
                count += 1
                try mesh.apply(mesh.configuration(routes: ["seen-\(count)"]), at: "eu-1")
                return try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
                    .map { try JSON(parsing: String($0)) }.first { $0["kind"].text == "config" }
            }

            #expect(line["observer"].text == "us-1")
            #expect(
                line.names.isSuperset(of: [
                    "id", "time", "kind", "type", "observer", "subject", "message",
                ])
            )
        }

        @Test("completion scripts exist for bash, zsh and fish")
        func completion() throws {
            let ctl = Ctl(admin: "http://127.0.20.1:1")
            for shell in ["bash", "zsh", "fish"] {
                let output = try ctl.run("completion", shell)
                #expect(output.status == 0)
                #expect(output.out.contains("meshctl"))
            }
            let script = try ctl.run("completion", "bash").out
            let check = try Command.run("/bin/bash", ["-n", "-c", script])
            #expect(check.status == 0, "\(check.errors)")
        }

        @Test("an unreachable node is exit 69, a wrong command 64, both on stderr alone")
        func exitStatuses() throws {
            let gone = Ctl(admin: "http://127.0.20.1:1")

            let unreachable = try gone.run("members")
            let usage = try gone.run("members", "--colour", "red")
            let unknown = try TestMesh.settled().nodes[0].ctl.run("drain", "nobody", "--yes")

            #expect(unreachable.status == 69)
            #expect(unreachable.out.isEmpty)
            #expect(unreachable.errors.contains("127.0.20.1:1"))
            #expect(usage.status == 64)
            #expect(unknown.status == 1)
            #expect(unknown.errors.contains("nobody"))
        }

        private func places(_ mesh: TestMesh) -> [String] {
            mesh.upstreams.map(\.place.description)
        }
    }
}
