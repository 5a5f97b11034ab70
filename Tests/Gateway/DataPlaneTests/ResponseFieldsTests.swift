import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("What a client is told of an answer")
struct ResponseFieldsTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    private func answer(_ response: String, to request: String? = nil) throws -> TestMessage? {
        let origin = Origin.answering { _ in response }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        return gateway.ask(request ?? self.get)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    private func isDate(_ text: String?) -> Bool {
        guard let text, text.utf8.count == 29 else { return false }
        let form = "Aaa, 00 Aaa 0000 00:00:00 GMT"
        return zip(text, form).allSatisfy { character, kind in
            switch kind {
            case "0": character.isNumber
            case "A": character.isUppercase
            case "a": character.isLowercase
            default: character == kind
            }
        }
    }

    @Test("has a Date when the target sent none, and the target's else (RFC 9110 6.6.1)")
    func date() throws {
        let without = try self.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let own = "Sun, 06 Nov 1994 08:49:37 GMT"
        let with = try self.answer("HTTP/1.1 200 OK\r\nDate: \(own)\r\nContent-Length: 0\r\n\r\n")

        #expect(self.isDate(without?["date"]), "\(without?["date"] ?? "none")")
        #expect(with?["date"] == own)
    }

    @Test("has a Date when the gateway answers itself (RFC 9110 6.6.1)")
    func ownDate() throws {
        let gateway = try Gateway(.empty)
        let unmatched = gateway.ask(self.get)
        let malformed = gateway.ask("GET /\r\n\r\n")

        #expect(unmatched?.status == 404)
        #expect(self.isDate(unmatched?["date"]))
        #expect(malformed?.status == 400)
        #expect(self.isDate(malformed?["date"]))
    }

    @Test("keeps Upgrade of a 426 (RFC 9110 15.5.22)")
    func upgradeRequired() throws {
        let answer = try self.answer(
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Content-Length: 0\r\n\r\n"
        )

        #expect(answer?.status == 426)
        #expect(answer?["upgrade"] == "websocket")
        #expect(answer?["connection"]?.lowercased().contains("upgrade") == true)
    }

    private let trailed =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        + "3\r\nabc\r\n0\r\nX-Sum: 9\r\nContent-Length: 4\r\nSet-Cookie: a=b\r\n\r\n"

    @Test("has trailers where the client takes them, but none of framing (RFC 9110 6.5.1)")
    func trailers() throws {
        let answer = try self.answer(
            self.trailed,
            to: "GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers\r\n\r\n"
        )

        #expect(answer?.text == "abc")
        #expect(answer?.trailers == ["X-Sum: 9"])
    }

    @Test("has no trailers where the client did not ask for them (RFC 9110 6.5.1)")
    func noTrailers() throws {
        let answer = try self.answer(self.trailed)

        #expect(answer?.text == "abc")
        #expect(answer?.trailers == [])
    }
}
