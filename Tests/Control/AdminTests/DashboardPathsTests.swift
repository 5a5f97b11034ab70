import MeshAdmin
import MeshDashboard
import Testing

@Suite("The dashboard's paths")
struct DashboardPathsTests {
    private static let token = "reader-token-0123456789"

    private static func credentials() throws -> AdminCredentials {
        try AdminCredentials(parsing: "read looker \(Self.token)")
    }

    @Test("give the page to anybody, with a policy that lets nothing in from elsewhere")
    func page() async throws {
        let credentials = try Self.credentials()
        try await withServer(credentials: credentials) { endpoint async throws in
            let page = try await Curl(endpoint, "/mesh/ui")
            let script = try await Curl(endpoint, "/mesh/ui/app.js")
            let unknown = try await Curl(endpoint, "/mesh/ui/..%2Fsecret")

            #expect(page.status == 200)
            #expect(page.headers["content-type"] == "text/html; charset=utf-8")
            #expect(
                page.headers["content-security-policy"]?.hasPrefix("default-src 'self';") == true
            )
            #expect(page.headers["x-content-type-options"] == "nosniff")
            #expect(script.headers["content-type"] == "text/javascript; charset=utf-8")
            #expect(unknown.status == 404)
        }
    }

    @Test("give what it shows only to those who may read, and say who asks")
    func access() async throws {
        let credentials = try Self.credentials()
        try await withServer(credentials: credentials) { endpoint async throws in
            let bearer = ["-H", "Authorization: Bearer \(Self.token)"]
            for path in ["/mesh/board", "/mesh/board/changes", "/mesh/session"] {
                #expect(try await Curl(endpoint, path).status == 401, "\(path)")
            }
            #expect(try await Curl(endpoint, "/mesh/ui", with: ["-X", "POST"]).status == 401)
            let session = try await Curl(endpoint, "/mesh/session", with: bearer)
            #expect(session.body == #"{"name":"looker","role":"read"}"#)
        }
        try await withServer { endpoint async throws in
            let session = try await Curl(endpoint, "/mesh/session")
            #expect(session.body == #"{"name":"loopback","role":"write"}"#)
        }
    }

    @Test("tell everything at first, and what has changed to a stream that resumes")
    func board() async throws {
        let node = FakeNode()
        node.board.replace(with: ["a": "1", "b": "2"])
        try await withServer(node) { endpoint async throws in
            let whole = try await Curl(endpoint, "/mesh/board")
            #expect(
                whole.body == #"{"mark":"fake-1","reset":true,"set":{"a":1,"b":2},"gone":[]}"#
            )
            node.board.replace(with: ["a": "3"])

            let missed = try await Curl(endpoint, "/mesh/board?after=fake-1")
            #expect(
                missed.body == #"{"mark":"fake-2","reset":false,"set":{"a":3},"gone":["b"]}"#
            )
            let stream = try await Curl(
                endpoint,
                "/mesh/board/changes",
                with: ["--max-time", "1", "-H", "Last-Event-ID: fake-1"]
            )
            #expect(stream.headers["content-type"] == "text/event-stream")
            #expect(stream.body.contains("id: fake-2\ndata: \(missed.body)\n\n"))
        }
    }
}
