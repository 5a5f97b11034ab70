import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("What a target is told of a request")
struct RequestFieldsTests {
    private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    /// What a recording target gets for one request.
    private func received(
        _ request: String,
        paths: [String] = ["/"],
        change: (inout Service, inout Route) -> Void = { _, _ in }
    ) throws -> (answer: TestMessage?, request: TestMessage?) {
        let ok = self.ok
        let origin = Origin.answering { _ in ok }
        let entities = TestEntities.proxying([origin.port]) { service, route in
            route.paths = paths
            route.stripPath = false
            change(&service, &route)
        }
        let gateway = try Gateway(entities)
        let answer = gateway.ask(request, hasBody: !request.hasPrefix("HEAD"))
        return (answer, origin.messages.first)
    }

    @Test(
        "keeps Content-Length: 0 of methods that have content (RFC 9110 8.6)",
        arguments: ["POST", "PUT", "PATCH", "DELETE"]
    )
    func emptyContent(method: String) throws {
        let seen = try self.received(
            "\(method) /n HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        )

        #expect(seen.request?["content-length"] == "0")
        #expect(seen.request?["transfer-encoding"] == nil)
    }

    @Test("says no length for a GET that said none (RFC 9110 8.6)")
    func noContent() throws {
        let seen = try self.received("GET /n HTTP/1.1\r\nHost: a\r\n\r\n")

        #expect(seen.request != nil)
        #expect(seen.request?["content-length"] == nil)
        #expect(seen.request?["transfer-encoding"] == nil)
    }

    @Test("keeps only `trailers` of TE, the one that this hop can keep (RFC 9110 10.1.4)")
    func acceptedTrailers() throws {
        let seen = try self.received(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers, gzip\r\n\r\n"
        )

        #expect(seen.request?["te"] == "trailers")
    }

    @Test("writes the host in lower case in X-Forwarded-Host (RFC 9110 4.2.3)")
    func forwardedHost() throws {
        let seen = try self.received("GET / HTTP/1.1\r\nHost: Shop.EXAMPLE\r\n\r\n")

        #expect(seen.request?["x-forwarded-host"] == "shop.example")
    }

    @Test("takes a minor version it does not know as 1.1 (RFC 9110 6.2)")
    func minorVersion() throws {
        let seen = try self.received("GET / HTTP/1.2\r\nHost: a\r\n\r\n")

        #expect(seen.answer?.status == 200)
        #expect(seen.answer?.startLine == "HTTP/1.1 200 OK")
        #expect(seen.request?.startLine == "GET / HTTP/1.1")
    }

    @Test(
        "decodes escapes before a path is matched, and escapes what is sent (RFC 3986 2.1)",
        arguments: [
            ("/kødsalg", "/k%C3%B8dsalg", "/k%C3%B8dsalg"),
            ("/kødsalg", "/kødsalg/x", "/k%C3%B8dsalg/x"),
            ("/a b", "/a%20b", "/a%20b"),
            ("~/files/[a-z ]+$", "/files/my%20doc", "/files/my%20doc"),
            ("~/auth\\|x", "/auth%7Cx", "/auth%7Cx"),
            ("/a", "/a/%2f%3F", "/a/%2F%3F"),
            ("/x", "/x/wor%6cd", "/x/world"),
            ("/x", "/x/%7f%ff", "/x/%7F%FF"),
        ]
    )
    func escapes(path: String, asked: String, sent: String) throws {
        let seen = try self.received("GET \(asked) HTTP/1.1\r\nHost: a\r\n\r\n", paths: [path])

        #expect(seen.answer?.status == 200)
        #expect(seen.request?.target == sent)
        let bytes = seen.request?.startLine.utf8.allSatisfy { $0 < 0x80 }
        #expect(bytes == true)
    }

    @Test("leaves the bytes of X-Forwarded-Path within ASCII (RFC 9110 5.5)")
    func forwardedPath() throws {
        let seen = try self.received("GET /k\u{F8}d HTTP/1.1\r\nHost: a\r\n\r\n")

        #expect(seen.answer?.status == 200)
        #expect(seen.request?["x-forwarded-path"]?.utf8.allSatisfy { $0 < 0x80 } == true)
    }

    @Test("sends trailers of the request on, but none of framing or identity (RFC 9110 6.5.1)")
    func requestTrailers() throws {
        let seen = try self.received(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                + "3\r\nabc\r\n0\r\nX-Sum: 9\r\nContent-Length: 4\r\nAuthorization: x\r\n"
                + "Host: evil\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

        #expect(seen.request?.text == "abc")
        #expect(seen.request?.trailers == ["X-Sum: 9"])
    }
}
