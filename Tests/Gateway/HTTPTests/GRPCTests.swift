import MeshHTTP
import Testing

@Suite("gRPC in fields")
struct GRPCTests {
    @Test(
        "is told by its content type",
        arguments: [
            ("application/grpc", true), ("application/grpc+proto", true),
            ("Application/GRPC; charset=x", true), ("application/grpc;x", true),
            ("application/grpc-web", false), ("application/grpcx", false),
            ("application/json", false), ("application/grp", false), ("", false),
        ]
    )
    func contentType(value: String, isGRPC: Bool) {
        #expect(withBytes(value) { GRPC.isContentType($0) } == isGRPC)
    }

    @Test(
        "has deadlines of one to eight digits and a unit",
        arguments: [
            ("1H", 3_600_000), ("2M", 120_000), ("3S", 3_000), ("4m", 4), ("0m", 0),
            ("1u", 1), ("1000u", 1), ("1001u", 2), ("1n", 1), ("99999999n", 100),
            ("99999999H", GRPC.longestTimeout), ("00000001S", 1_000),
            ("", nil), ("S", nil), ("1", nil), ("1s", nil), ("-1S", nil), ("1.5S", nil),
            ("123456789m", nil), (" 1S", nil), ("1 S", nil), ("1SS", nil),
        ] as [(String, UInt64?)]
    )
    func timeout(value: String, milliseconds: UInt64?) {
        #expect(withBytes(value) { GRPC.timeout($0) } == milliseconds)
    }

    @Test(
        "has no more than eight digits of what is left of a deadline",
        arguments: [(0, "0m"), (99_999_999, "99999999m"), (100_000_999, "100000S")]
            as [(UInt64, String)]
    )
    func writtenTimeout(milliseconds: UInt64, text: String) {
        #expect(written { GRPC.writeTimeout(milliseconds, into: &$0) } == text)
    }

    @Test(
        "has a status for every HTTP status, as Kong maps them",
        arguments: [
            (200, 0), (400, 3), (401, 16), (403, 7), (404, 5), (409, 6), (429, 8), (499, 1),
            (500, 13), (501, 12), (503, 14), (504, 4), (415, 3), (426, 3), (502, 13), (505, 13),
        ] as [(UInt16, UInt8)]
    )
    func status(http: UInt16, grpc: UInt8) {
        #expect(GRPC.status(ofHTTP: http) == grpc)
    }

    @Test("escapes messages by bytes")
    func message() {
        let text = written { writer in
            withBytes("50% \u{E4}\r\n~\u{7F}") { GRPC.writeMessage($0, into: &writer) }
        }
        #expect(text == "50%25 %C3%A4%0D%0A~%7F")
    }

    @Test("ends a call that the gateway refuses in one head")
    func error() throws {
        let text = try #require(
            written { writer in
                withBytes("no Route matched with those values") {
                    GRPC.writeError(status: 404, message: $0, into: &writer)
                }
            }
        )
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(.headers(post + [("content-type", "application/grpc")], on: 1, ends: false))
        #expect(server.respond(text, on: 1))
        let client = try HTTP2End(.client)
        client.feed(.settings())
        let stream = try #require(client.request("POST / HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(stream == 1)
        _ = client.drain()
        client.feed(server.drain())
        #expect(
            client.log.dropFirst().first
                == "1 head HTTP/1.1 200 |content-type: application/grpc|grpc-status: 5|"
                + "grpc-message: no Route matched with those values|Content-Length: 0|| ends"
        )
    }
}
