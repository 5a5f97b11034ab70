import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// The Admin API as it must be beyond loopback.
    @LoopbackActor
    @Suite("Asked by TLS, tokens and a unix socket", .serialized, .mesh(eu: 1, us: 0))
    struct SecureAdminTests {
        private struct Asked {
            let mesh: TestMesh
            let node: TestNode
            let folder: String

            /// Runs `meshctl` against the node, trusting `authority`.
            @LoopbackActor
            func ctl(
                _ arguments: [String],
                authority: String? = "ca",
                environment: [String: String] = [:]
            ) throws -> Command.Output {
                let trust = authority.map { ["--cacert", "\(self.folder)/\($0).pem"] } ?? []
                return try Command.run(
                    Binaries.meshctl,
                    arguments + ["--admin", "https://\(self.node.admin)"] + trust,
                    environment: environment,
                    within: 30
                )
            }
        }

        private static let reader = "reader-reader-reader"
        private static let writer = "writer-writer-writer"

        @Test("meshctl gets in by token, by certificate and by socket, and says why it does not")
        func ways() throws {
            let asked = try Self.started()
            let read = try Self.token(asked, "read", Self.reader)
            let write = try Self.token(asked, "write", Self.writer)
            let file = try asked.mesh.file("_format_version: \"3.0\"\n")

            #expect(try asked.ctl(["members", "--token-file", read]).status == 0)
            #expect(
                try asked.ctl(["members"], environment: ["MESHCTL_TOKEN": Self.writer]).status == 0
            )
            let stranger = try asked.ctl(["members"])
            #expect(stranger.status == 77, "\(stranger.errors)")
            let forbidden = try asked.ctl(["config", "apply", file, "--token-file", read])
            #expect(forbidden.status == 77, "\(forbidden.errors)")
            #expect(forbidden.errors.contains("read"), "\(forbidden.errors)")
            let applied = try asked.ctl(["config", "apply", file, "--token-file", write])
            #expect(applied.status == 0, "\(applied.errors)")

            let distrust = try asked.ctl(["members", "--token-file", read], authority: "other")
            #expect(distrust.status == 77, "\(distrust.errors)")
            #expect(distrust.errors.contains("--cacert"), "\(distrust.errors)")
            let certificate = [
                "--cert", "\(asked.folder)/alice.pem", "--key", "\(asked.folder)/alice.key",
            ]
            #expect(try asked.ctl(["members"] + certificate).status == 0)
            #expect(try asked.ctl(["members"] + certificate.prefix(2)).status == 78)

            let socket = try Ctl(admin: "unix:\(asked.folder)/m.sock").run("members")
            #expect(socket.status == 0, "\(socket.errors)")
            let plain = try Command.run(
                Binaries.meshctl,
                ["members", "--admin", "http://192.0.2.1:8001"],
                environment: ["MESHCTL_TOKEN": Self.writer]
            )
            #expect(plain.status == 78)
            #expect(plain.errors.contains("unencrypted"), "\(plain.errors)")
            chmod(read, 0o644)
            #expect(try asked.ctl(["members", "--token-file", read]).status == 78)
        }

        @Test("SIGHUP takes new tokens and a new certificate, and keeps the old when they are bad")
        func renewal() throws {
            let asked = try Self.started()
            let write = try Self.token(asked, "write", Self.writer)
            let fresh = try Self.token(asked, "fresh", "fresh-fresh-fresh-fresh")
            let tokens = "\(asked.folder)/tokens"
            #expect(try asked.ctl(["members", "--token-file", write]).status == 0)
            #expect(try asked.ctl(["members", "--token-file", fresh]).status == 77)

            try "nonsense\n".write(toFile: tokens, atomically: false, encoding: .utf8)
            asked.node.process?.signal(SIGHUP)
            try eventually("the log should tell of the bad file", within: 5) {
                asked.node.process?.lastWords.contains("Admin API kept") == true
            }
            #expect(try asked.ctl(["members", "--token-file", write]).status == 0)

            try "write bob fresh-fresh-fresh-fresh\n"
                .write(toFile: tokens, atomically: false, encoding: .utf8)
            for ending in ["pem", "key"] {
                let bytes = try Data(
                    contentsOf: URL(fileURLWithPath: "\(asked.folder)/next.\(ending)")
                )
                try bytes.write(to: URL(fileURLWithPath: "\(asked.folder)/node.\(ending)"))
            }
            asked.node.process?.signal(SIGHUP)
            try eventually("the new token should be taken", within: 5) {
                try asked.ctl(["members", "--token-file", fresh], authority: "other").status == 0
            }
            #expect(
                try asked.ctl(["members", "--token-file", write], authority: "other").status == 77
            )
            #expect(try asked.ctl(["members", "--token-file", fresh]).status == 77)
        }

        /// A node of its own with certificates and tokens; `other` is an authority of `next` only.
        private static func started() throws -> Asked {
            guard let mesh = TestMesh.shared else { throw TestFailure("the suite has no mesh") }
            let node = mesh.nodes[0]
            node.kill()
            let folder = "\(mesh.directory)/\(UUID().uuidString.prefix(8))"
            let address = "\(node.admin)".split(separator: ":")[0]
            let script = """
                mkdir -p \(folder) && cd \(folder) && umask 077
                key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
                for ca in ca other; do
                  openssl req -x509 $key -days 2 -subj /CN=$ca -keyout $ca.key -out $ca.pem || exit 1
                done
                printf 'subjectAltName=IP:\(address)' > san
                for pair in node:ca next:other alice:ca; do
                  name=${pair%%:*} ca=${pair##*:}
                  openssl req $key -subj /CN=$name -keyout $name.key -out $name.csr || exit 1
                  openssl x509 -req -in $name.csr -CA $ca.pem -CAkey $ca.key -CAcreateserial \\
                    -days 2 -extfile san -out $name.pem || exit 1
                done
                printf 'read r \(Self.reader)\\nwrite w \(Self.writer)\\nwrite alice certificate\\n' \\
                  > tokens
                """
            let made = try Command.run("/bin/bash", ["-c", script], within: 30)
            guard made.status == 0 else { throw TestFailure(made.errors) }
            node.adminSettings = [
                "socket: \(folder)/m.sock", "tls_cert: \(folder)/node.pem",
                "tls_key: \(folder)/node.key", "client_ca: \(folder)/ca.pem",
                "tokens_file: \(folder)/tokens",
            ]
            try node.start(seeds: [], keyRing: mesh.keyRing)
            let asked = Asked(mesh: mesh, node: node, folder: folder)
            try eventually("the node should answer at its socket", within: 20) {
                try Ctl(admin: "unix:\(folder)/m.sock").run("members").status == 0
            }
            return asked
        }

        private static func token(_ asked: Asked, _ name: String, _ token: String) throws -> String
        {
            let path = "\(asked.folder)/\(name).token"
            try "\(token)\n".write(toFile: path, atomically: true, encoding: .utf8)
            chmod(path, 0o600)
            return path
        }
    }
}
