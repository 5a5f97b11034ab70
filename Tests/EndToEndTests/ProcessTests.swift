import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// The process as its supervisor and its operator's shell meet it.
    @LoopbackActor
    @Suite("A process among others", .serialized, .mesh(eu: 1, us: 1))
    struct ProcessTests {
        private static func end(_ node: TestNode, by signal: Int32) throws -> MeshProcess.Ending? {
            node.process?.signal(signal)
            return try node.process?.end(within: 20)
        }

        @Test("tells its supervisor when it serves, lives, reads its files again and stops")
        func supervised() throws {
            let mesh = try TestMesh.settled()
            let node = try mesh.node("eu-1")
            #expect(try Self.end(node, by: SIGTERM) == .exited(0))
            let supervisor = try NotifyReceiver("\(mesh.directory)/notify")
            node.environment = [
                "NOTIFY_SOCKET": supervisor.path, "WATCHDOG_USEC": "600000",
            ]
            defer { node.environment = [:] }
            try mesh.start(node)

            try eventually("it should be ready") { supervisor.lines.contains("READY=1") }
            #expect(try Curl.get("\(node.status.url)/status/ready").status == 200)
            #expect(try Curl.get("\(node.proxy.url)/demo").status == 200)
            try eventually("it should be seen alive three times") {
                supervisor.lines.count { $0 == "WATCHDOG=1" } > 3
            }
            try eventually("it should say what it does") {
                supervisor.lines.contains { $0.hasPrefix("STATUS=serves g") }
            }
            for name in ["proxy", "admin", "status", "gossip", "gossip-udp"] {
                #expect(supervisor.stored[name] == 1, "\(name): \(supervisor.stored)")
            }

            supervisor.forget()
            node.process?.signal(SIGHUP)
            try eventually("it should be ready again") { supervisor.lines.contains("READY=1") }
            let lines = supervisor.lines.filter { !$0.hasPrefix("STATUS") && $0 != "WATCHDOG=1" }
            #expect(lines.first == "RELOADING=1")
            let microseconds = lines.dropFirst().first?.split(separator: "=").last ?? ""
            #expect(abs((Double(microseconds) ?? 0) / 1_000_000 - Clock.now) < 5, "\(lines)")
            #expect(lines.last == "READY=1")

            #expect(try Self.end(node, by: SIGTERM) == .exited(0))
            #expect(supervisor.lines.contains("STOPPING=1"))
            try mesh.start(node)
        }

        @Test("QUIT writes what the node knows to a file, and drains")
        func quit() throws {
            let mesh = try TestMesh.settled()
            let node = try mesh.node("us-1")

            #expect(
                try Self.end(node, by: SIGQUIT) == .exited(0),
                "\(node.process?.lastWords ?? "")"
            )
            let directory = "\(node.directory)/data"
            let files = try FileManager.default.contentsOfDirectory(atPath: directory)
                .filter { $0.hasPrefix("state-") }
            let name = try #require(files.first)
            let text = try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
            let state = try JSON(parsing: text)

            #expect(state["status"]["node"]["name"].text == "us-1")
            #expect(state["health"]["upstreams"][0]["name"].text == "demo")
            #expect(state["metrics"].text?.contains("meshgate_members") == true)
            for other in mesh.nodes where other !== node {
                try eventually("\(other.name) should know that us-1 left", within: 5) {
                    try other.state(of: "us-1") == "left"
                }
            }
            try mesh.start(node)
        }

        @Test("no other signal ends it")
        func strays() throws {
            let mesh = try TestMesh.settled()
            let node = try mesh.node("eu-1")
            // glibc keeps 32 and 33; USR2 would start a successor.
            let strays =
                [SIGHUP, SIGUSR1, SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGXFSZ]
                + [SIGXCPU, SIGSTKFLT, SIGCHLD, SIGURG, SIGWINCH, 34, 50, 64]

            for signal in strays { node.process?.signal(signal) }
            #expect(try Curl.get("\(node.proxy.url)/demo").status == 200)
            #expect(node.isRunning)
        }

        @Test("a second TERM waits no longer, and status 75 says that a request was cut")
        func secondTerm() throws {
            let mesh = try TestMesh.settled()
            let node = try mesh.node("eu-1")
            for upstream in mesh.upstreams { try upstream.set(#"{"latency_ms":9000}"#) }
            let load = LoadProbe([node], perSecond: 20)
            try eventually("requests should be in flight") {
                (try node.members()["eu-1"]?["in_flight"].number ?? 0) > 0
            }

            node.process?.signal(SIGTERM)
            try eventually("it should drain") {
                try node.members()["eu-1"]?["mode"].text == "draining"
            }
            #expect(node.isRunning)
            #expect(
                try Self.end(node, by: SIGTERM) == .exited(75),
                "\(node.process?.lastWords ?? "")"
            )
            _ = try load.stop()
            for upstream in mesh.upstreams { try upstream.set(#"{"latency_ms":0}"#) }
            try mesh.start(node)
        }
    }
}
