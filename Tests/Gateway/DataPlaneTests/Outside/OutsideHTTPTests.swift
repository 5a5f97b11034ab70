import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("Answers of servers outside (RFC 9112 section 6.3)")
struct OutsideHTTPTests {
    private static let request = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)

    static func endpoint(_ port: UInt16) throws -> HTTPLogEndpoint {
        try #require(
            HTTPLogEndpoint(
                "http://127.0.0.1:\(port)/",
                method: "GET",
                contentType: nil,
                milliseconds: 20_000
            )
        )
    }

    /// Sends pieces for every request, and closes after them or waits for more requests.
    private static func origin(_ pieces: [String], closes: Bool) -> Origin {
        Origin { _, socket, _ in
            while socket.message() != nil {
                for piece in pieces { socket.send(piece) }
                if closes { return }
            }
        }
    }

    private static func ask(
        _ link: OutsideHTTP,
        milliseconds: Int64 = 20_000,
        byteLimit: Int = 8
    ) -> OutsideAnswer? {
        link.ask(Self.request, milliseconds: milliseconds, byteLimit: byteLimit)
    }

    @Test(
        "are read whole, and the connection is kept where their end is known",
        arguments: [
            (["HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nabcdefgh"], "abcdefgh"),
            (["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], ""),
            (["HTTP/1.1 204 No Content\r\n\r\n"], ""),
            (
                [
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r", "\nabc\r\n05",
                    "\r\ndef", "gh\r\n0\r\nX-Sum: 1\r\n", "\r\n",
                ], "abcdefgh"
            ),
            (["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], ""),
        ] as [([String], String)]
    )
    func whole(pieces: [String], body: String) throws {
        let origin = Self.origin(pieces, closes: false)
        let link = OutsideHTTP(try Self.endpoint(origin.port))
        for _ in 0..<2 {
            let answer = try #require(Self.ask(link))
            #expect(answer.body == Array(body.utf8))
        }
        #expect(origin.connections == 1)
    }

    @Test("are read until the connection ends where nothing else ends them")
    func untilClose() throws {
        let origin = Self.origin(["HTTP/1.1 200 OK\r\n\r\nabcd", "efgh"], closes: true)
        let link = OutsideHTTP(try Self.endpoint(origin.port))
        for _ in 0..<2 { #expect(Self.ask(link)?.body == Array("abcdefgh".utf8)) }
        #expect(origin.connections == 2)
    }

    @Test(
        "have a status and no body where that is longer than the limit, or does not end as it should",
        arguments: [
            (["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi"], false),
            (["HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nabcdefg"], true),
            (
                [
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "8\r\nabcdefgh\r\n1\r\ni\r\n0\r\n\r\n",
                ], false
            ),
            (
                ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n"],
                true
            ),
            (
                ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\nabcd\r\n"],
                false
            ),
            (["HTTP/1.1 200 OK\r\n\r\nabcdefghi"], true),
        ] as [([String], Bool)]
    )
    func partial(pieces: [String], closes: Bool) throws {
        let origin = Self.origin(pieces, closes: closes)
        let link = OutsideHTTP(try Self.endpoint(origin.port))
        for _ in 0..<2 {
            let answer = try #require(Self.ask(link))
            #expect(answer.status == 200)
            #expect(answer.body == nil)
        }
        #expect(origin.connections == 2)
    }

    @Test(
        "have no body where that does not end in time",
        arguments: [
            "Content-Length: 8\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "\r\nabc",
        ]
    )
    func late(rest: String) throws {
        let origin = Self.origin(["HTTP/1.1 200 OK\r\n" + rest], closes: false)
        let link = OutsideHTTP(try Self.endpoint(origin.port))
        // A head that comes too late is no answer, so that a slow machine may need another try.
        let answer = [1_000, 4_000, 16_000].lazy
            .compactMap { Self.ask(link, milliseconds: $0) }.first
        #expect(answer?.status == 200)
        #expect(answer.map { $0.body == nil } == true)
    }
}
