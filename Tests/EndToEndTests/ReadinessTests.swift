import Foundation
import Testing

extension EndToEnd {
    /// When a node calls itself ready, and what becomes of its `config:` file.
    @LoopbackActor
    @Suite("Ready when it has a configuration", .serialized, .mesh(eu: 1, us: 1))
    struct ReadinessTests {
        private static let file = """
            _format_version: "3.0"
            services:
              - name: own
                host: 127.0.0.1
                routes:
                  - name: own
                    paths: [/own]
                    plugins:
                      - name: request-termination
                        config: { status_code: 200, message: "from the file" }
            """

        /// Starts a node beside the mesh.
        private static func start(
            _ node: TestNode,
            in mesh: TestMesh,
            seeds: [Place] = [],
            config: String? = nil
        ) throws -> MeshProcess {
            var settings = [
                "proxy.listen=\(node.proxy)", "proxy.tls_listen=off", "proxy.workers=1",
                "admin.listen=\(node.admin)", "status.listen=\(node.status)",
                "gossip.bind=\(node.gossip)", "gossip.keyring=\(mesh.keyRing)",
                "gossip.cluster=end-to-end", "gossip.profile=local", "node.name=\(node.name)",
                "node.region=eu", "node.data_dir=\(node.directory)/data",
            ]
            if !seeds.isEmpty {
                settings.append("gossip.seeds=" + seeds.map { "\($0)" }.joined(separator: ","))
            }
            if let config { settings.append("config=\(config)") }
            return try MeshProcess(
                node.name,
                executable: Binaries.meshd,
                arguments: ["run"] + settings.flatMap { ["--set", $0] },
                log: "\(node.directory)/log"
            )
        }

        private static func readiness(_ node: TestNode) throws -> String {
            let answer = try Curl.get("\(node.status.url)/status/ready")
            return "\(answer.status) \(answer.body)"
        }

        private static func awaitAnswer(_ node: TestNode) throws {
            try eventually("\(node.name) should answer", within: 20) {
                try Curl.get("\(node.admin.url)/status").status == 200
            }
        }

        private static func node(_ name: String, _ last: Int, in mesh: TestMesh) throws -> TestNode
        {
            try TestNode(
                name,
                region: "eu",
                address: "127.0.20.\(last)",
                directory: mesh.directory
            )
        }

        @Test("a node without any configuration is not ready, says why, and is once it has one")
        func emptyStart() throws {
            let mesh = try TestMesh.settled()
            let node = try Self.node("alone", 21, in: mesh)
            let process = try Self.start(node, in: mesh)
            defer { process.kill() }
            try Self.awaitAnswer(node)

            let before = try Self.readiness(node)
            let status = try node.ctl.json("status")["readiness"].text ?? ""
            let applied = try node.ctl.run("config", "apply", try mesh.file(Self.file))

            #expect(before.hasPrefix("503"))
            #expect(before.contains("no configuration available"))
            #expect(status.contains("meshctl config apply"), "\(status)")
            #expect(applied.status == 0, "\(applied.errors)")
            #expect(try Self.readiness(node).hasPrefix("200"))
            #expect(try Curl.get("\(node.proxy.url)/own").status == 200)
        }

        @Test("a node whose file is refused is not ready, and names what is wrong")
        func refusedFile() throws {
            let mesh = try TestMesh.settled()
            let node = try Self.node("refused", 22, in: mesh)
            let bad = try mesh.file(Self.file.replacing("paths:", with: "pathz:"))
            let process = try Self.start(node, in: mesh, config: bad)
            defer { process.kill() }
            try Self.awaitAnswer(node)

            try eventually("the file should be named", within: 10) {
                try node.ctl.json("status")["readiness"].text?.contains("pathz") ?? false
            }
            #expect(try Self.readiness(node).hasPrefix("503"))
        }

        @Test("a node whose seeds are down says so, and applies its file after a while")
        func deadSeeds() throws {
            let mesh = try TestMesh.settled()
            let node = try Self.node("lonely", 23, in: mesh)
            let nobody = Place(address: "127.0.20.99", port: 9)
            let process = try Self.start(
                node,
                in: mesh,
                seeds: [nobody],
                config: try mesh.file(Self.file)
            )
            defer { process.kill() }
            try Self.awaitAnswer(node)

            let status = try node.ctl.json("status")["readiness"].text ?? ""
            #expect(try Self.readiness(node).hasPrefix("503"))
            #expect(status.contains("no seed answers"), "\(status)")
            let seconds = try eventually("it should serve its file", within: 25) {
                try Curl.get("\(node.proxy.url)/own").status == 200
            }
            note("a node without seeds applied its file after \(seconds) s")
            #expect(try Self.readiness(node).hasPrefix("200"))
        }

        @Test("a node that joins takes the mesh's configuration, and says that its file differs")
        func joins() throws {
            let mesh = try TestMesh.settled()
            let node = try Self.node("joiner", 24, in: mesh)
            let process = try Self.start(
                node,
                in: mesh,
                seeds: mesh.nodes.map(\.gossip),
                config: try mesh.file(Self.file)
            )
            defer { process.kill() }
            try Self.awaitAnswer(node)

            try eventually("it should be ready", within: 15) {
                try Self.readiness(node).hasPrefix("200")
            }
            #expect(try Curl.get("\(node.proxy.url)/demo").status == 200)
            #expect(try Curl.get("\(node.proxy.url)/own").status == 404)
            try eventually("the difference should be told", within: 10) {
                try node.ctl.json("status")["config_file_differs"] == .flag(true)
            }
            #expect(
                try node.events("config").contains { $0["type"].text == "config-file-differs" }
            )
            let checks = try node.ctl.run("check", "-o", "json")
            #expect(checks.out.contains("MESH043"), "\(checks.out)")
        }
    }
}
