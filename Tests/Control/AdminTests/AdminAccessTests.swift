import Foundation
import MeshAdmin
import MeshPrimitives
import MeshTLS
import Synchronization
import Testing

private let readerToken = "reader-token-0123456789"
private let writerToken = "writer-token-0123456789"

@Suite("Who may use the Admin API", .serialized)
struct AdminAccessTests {
    private static func credentials(_ more: String = "") throws -> AdminCredentials {
        try AdminCredentials(
            parsing: """
                # who may what
                read  dashboard \(readerToken)
                write alice \(writerToken)  # her own
                \(more)
                """
        )
    }

    @Test(
        "is asked for a token: 401 without, 403 for a reader that writes",
        arguments: [
            ([], "GET", 401), (["-H", "Authorization: Bearer wrong-token-0123456789"], "GET", 401),
            (["-H", "Authorization: Basic \(readerToken)"], "GET", 401),
            (["-H", "Authorization: Bearer \(readerToken)"], "GET", 200),
            (["-H", "Kong-Admin-Token: \(readerToken)"], "GET", 200),
            (["-H", "Authorization: Bearer \(readerToken)"], "DELETE", 403),
            (["-H", "authorization: bearer \(writerToken)"], "DELETE", 204),
        ]
    )
    func roles(headers: [String], method: String, status: Int) async throws {
        let credentials = try Self.credentials()
        let node = FakeNode()
        try await withServer(node, credentials: credentials) {
            endpoint async throws in
            let answer = try await Curl(endpoint, "/routes/all", with: ["-X", method] + headers)
            #expect(answer.status == status)
            if status == 401 { #expect(answer.headers["www-authenticate"] != nil) }
            let told = node.told.withLock { $0.messages }
            #expect(told == (status == 204 ? ["alice: DELETE /routes/all"] : []))
        }
    }

    @Test(
        "reads all but private keys in the role read, and may check what it cannot write",
        arguments: [
            ("GET", "/config", 403), ("GET", "/mesh/config", 403), ("GET", "/certificates", 200),
            ("POST", "/schemas/services/validate", 200), ("POST", "/mesh/config/validate", 200),
            ("POST", "/mesh/nodes/eu-1/drain", 403), ("POST", "/services", 403),
            ("PUT", "/debug/node/log-level/debug", 403),
        ]
    )
    func reader(method: String, path: String, status: Int) async throws {
        let credentials = try Self.credentials()
        try await withServer(credentials: credentials) { endpoint async throws in
            let answer = try await send(
                endpoint,
                method,
                path,
                method == "GET" ? nil : #"{"host":"a"}"#,
                headers: ["Authorization: Bearer \(readerToken)"]
            )
            #expect(answer.status == status)
        }
    }

    @Test("refuses a large body before it is read when nobody is known")
    func early() async throws {
        let credentials = try Self.credentials()
        let file = try TemporaryFile(byteCount: 1 << 20)
        defer { file.remove() }
        try await withServer(credentials: credentials) { endpoint async throws in
            let upload = ["-H", "Expect:", "--data-binary", file.at]
            #expect(try await Curl(endpoint, "/config", with: upload).status == 401)
        }
    }

    @Test(
        "is told which line of the tokens cannot be used, never the token",
        arguments: [
            ("admin x tttttttttttttttttttt", "line 1: the role must be read or write"),
            ("\nwrite x short", "line 2: a token has at least 16 characters"),
            ("write x", "line 1: expected ROLE NAME TOKEN"),
            ("write x sha256:12", "line 1: sha256: is followed by 64 hexadecimal digits"),
            (
                "write x tttttttttttttttttttt\nread y tttttttttttttttttttt",
                "line 2: the token stands on another line too"
            ),
        ]
    )
    func badLines(text: String, message: String) {
        let error = #expect(throws: AdminCredentialsError.self) {
            try AdminCredentials(parsing: text)
        }
        #expect(error?.description == message)
    }

    @Test("keeps tokens as digests, or takes them so")
    func digests() throws {
        // SHA-256 of "writer-token-0123456789".
        let output = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["sh", "-c", "printf %s \(writerToken) | sha256sum"]
        process.standardOutput = output
        try process.run()
        process.waitUntilExit()
        let text = String(
            decoding: try output.fileHandleForReading.readToEnd() ?? Data(),
            as: UTF8.self
        )
        let credentials = try AdminCredentials(parsing: "write bob sha256:\(text.prefix(64))")

        #expect(credentials.holder(ofToken: writerToken)?.name == "bob")
        #expect(credentials.holder(ofToken: readerToken) == nil)
        #expect(!"\(credentials)".contains(writerToken))
    }
}

@Suite("The Admin API over TLS")
struct AdminTLSTests {
    private static func context(
        clientCertificates: TLSServerSettings.ClientCertificates = .none,
        authority: String? = nil
    ) throws -> (context: TLSServerContext, certificate: String) {
        let own = try #require(
            TLSCertificate.selfSigned(keyType: .ecdsa, now: Int(Date().timeIntervalSince1970))
        )
        var settings = TLSServerSettings(
            defaultIdentity: TLSIdentity(
                id: "own",
                certificate: own.certificate,
                key: own.key
            )
        )
        settings.offersHTTP2 = false
        settings.clientCertificates = clientCertificates
        settings.clientAuthorities = authority.map { [$0] } ?? []
        return (try TLSServerContext(settings), own.certificate)
    }

    @Test("answers large requests, several on one connection, and nothing in the clear")
    func answers() async throws {
        let made = try Self.context()
        let trusted = try TemporaryFile(made.certificate)
        let body = try TemporaryFile(byteCount: 300_000)
        defer {
            trusted.remove()
            body.remove()
        }
        try await withServer(tls: made.context) { endpoint async throws in
            let base = [
                "--cacert", trusted.path, "--resolve", "localhost:\(endpoint.port):127.0.0.1",
            ]
            let url = "https://localhost:\(endpoint.port)"
            let read = try await Curl(endpoint, "\(url)/services", with: base)
            #expect(read.status == 200)
            let large = try await Curl(
                endpoint,
                "\(url)/mesh/config/validate",
                with: base + ["--data-binary", body.at, "-H", "Content-Type: text/yaml"]
            )
            #expect(large.status == 200)
            // Two requests on one connection: the second reuses the first's.
            let twice = try await exitStatus(
                of: ["curl", "-sf", "\(url)/services", "\(url)/routes"] + base
            )
            #expect(twice == 0)
            #expect(try await exitStatus(of: ["curl", "-s", "http://\(endpoint)/"]) != 0)
        }
    }

    @Test("knows clients by the common name of their certificate")
    func clients() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("meshgate-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let script = """
            cd \(folder.path) &&
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
              -subj /CN=authority -keyout ca.key -out ca.pem 2>/dev/null &&
            for name in alice mallory; do
              openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name \
                -keyout $name.key -out $name.csr 2>/dev/null &&
              openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                -out $name.pem 2>/dev/null || exit 1
            done
            """
        #expect(try await exitStatus(of: ["bash", "-c", script]) == 0)
        let authority = try String(
            contentsOf: folder.appendingPathComponent("ca.pem"),
            encoding: .utf8
        )
        let made = try Self.context(clientCertificates: .optional, authority: authority)
        let credentials = try AdminCredentials(parsing: "write alice certificate")
        try await withServer(tls: made.context, credentials: credentials) { endpoint async throws in
            let url = "https://127.0.0.1:\(endpoint.port)/routes/all"
            for (name, status) in [("alice", 204), ("mallory", 401)] {
                let certificate = [
                    "--cert", "\(folder.path)/\(name).pem", "--key", "\(folder.path)/\(name).key",
                ]
                let answer = try await Curl(
                    endpoint,
                    url,
                    with: ["-k", "-X", "DELETE"] + certificate
                )
                #expect(answer.status == status)
            }
            #expect(try await Curl(endpoint, url, with: ["-k"]).status == 401)
        }
    }
}

@Suite("The Admin API at a unix socket")
struct AdminSocketTests {
    @Test("may be written by who may open it: mode 0660")
    func socket() async throws {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("m\(UUID().uuidString.prefix(8)).sock").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let node = FakeNode()
        let configuration = AdminServerConfiguration(place: .socket(path), surface: .admin)
        try await withListener(configuration, node) { _ in
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o660)
            let status = try await exitStatus(
                of: [
                    "curl", "-sf", "--unix-socket", path, "-X", "DELETE",
                    "http://localhost/routes/all",
                ]
            )
            #expect(status == 0)
            #expect(node.told.withLock { $0.messages } == ["socket: DELETE /routes/all"])
        }
    }
}

@Suite("Connections that do not get on", .serialized)
struct RequestDeadlinesTests {
    @Test(
        "end, however many bytes trickle in",
        arguments: [
            "while true; do printf 'a' >&3 2>/dev/null || break; sleep 0.05; done",
            "printf 'POST /services HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 9999\\r\\n\\r\\n' >&3; while true; do printf 'a' >&3 2>/dev/null || break; sleep 0.05; done",
            "printf 'GET /services HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' >&3",
        ]
    )
    func ends(script: String) async throws {
        try await withServer(patience: .milliseconds(300)) { endpoint async throws in
            // Bash ends with 124 when the connection is still open after thirty seconds.
            let whole = """
                exec 3<>/dev/tcp/127.0.0.1/\(endpoint.port)
                trap '' PIPE
                { \(script); } &
                timeout 30 cat <&3 >/dev/null
                status=$?
                kill %1 2>/dev/null
                exit $status
                """
            #expect(try await exitStatus(of: ["bash", "-c", whole]) == 0)
        }
    }

    @Test("take no bodies at a status listener")
    func statusBodies() async throws {
        try await withServer(surface: .status) { endpoint async throws in
            for arguments in [
                ["-X", "GET", "-d", "x"],
                ["-X", "GET", "-H", "Transfer-Encoding: chunked", "-d", "x"],
                ["-H", "Content-Length: 5000", "-H", "Expect:", "-d", "x"],
            ] {
                let answer = try await Curl(endpoint, "/status/ready", with: arguments)
                #expect(answer.status == 413)
                #expect(answer.headers["connection"] == "close")
            }
            let drained = try await Curl(
                endpoint,
                "/status/ready",
                "-d",
                #"{"status":"draining"}"#
            )
            #expect(drained.status == 204)
        }
    }
}
