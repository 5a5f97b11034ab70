import MeshHTTP
import Testing

/// Bytes recorded from `h2` 4.4.1 of Python, whose framing and HPACK share nothing with ours, and
/// bytes of ours that it was seen to read as the names say.
@Suite("Another implementation of HTTP/2")
struct HTTP2PeerTests {
    /// Huffman coding, dynamic entries, padding, trailers, cookie crumbs, a PING.
    private let client =
        "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a00002a0400000000000001000010000002000000"
        + "0100040000ffff00050000400000080000000000030000006400060001000000005701040000000183874487"
        + "607fe4702a207f418c1d665cbe474d7416e3cd34cf5f8b1d75d0620d263d4c4d65644082497f864d833505b1"
        + "1f1f11821c011f11838e017f7a99d07f66a281b0dae053fafc087ed4ce6aadf2a7979c89c6bfbf00000f0008"
        + "000000010968656c6c6f00000000000000000000000600000000000120776f726c6400000c01050000000140"
        + "88f2b127293aa2da7f81770000110105000000038287c3c2bf1f0889ba51d85b144149615300000806000000"
        + "00003132333435363738"

    /// An interim response, trailers, a response to HEAD, a refusal, GOAWAY.
    private let server =
        "00002a04000000000000010000100000020000000000040000ffff0005000040000008000000000003000000"
        + "6400060001000000000004010000000000000e010400000001488208196d88fff8c0d72211ff7f0000140104"
        + "00000001885f87497ca58ae819aa7783f3007f7783f500bf00000500000000000168656c6c6f00000c010500"
        + "00000140889acac8b21234da8f8107000006010500000003885c837df7ff0000040300000000050000000700"
        + "00080700000000000000000500000000"

    private func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }

    private func text(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test("that is a client is understood, in pieces of any size", arguments: [1, 2, 7, 9, 10_000])
    func pythonClient(piece: Int) throws {
        let server = try HTTP2End(.server)
        let bytes = self.bytes(self.client)
        for at in stride(from: 0, to: bytes.count, by: piece) {
            server.feed(Array(bytes[at..<min(at + piece, bytes.count)]))
        }
        let agent = "user-agent: Mozilla/5.0 (X11; Linux x86_64)"
        let heads = server.log.filter { !$0.contains("data") }
        #expect(
            heads == [
                "0 settings",
                "1 head POST /a?b=%20 HTTP/1.1|Host: api.example:8443|"
                    + "content-type: application/grpc|te: trailers|\(agent)|cookie: a=1; b=2|"
                    + "Transfer-Encoding: chunked|| tls",
                "1 trailers x-checksum: 7|", "1 end",
                "3 head GET /a?b=%20 HTTP/1.1|Host: api.example:8443|\(agent)|"
                    + "authorization: Bearer secret|| ends tls",
                "3 end",
            ]
        )
        #expect(server.content[1] == Array("hello world".utf8))
        #expect(server.frames().contains { $0.type == RawFrame.ping && $0.flags == 1 })
    }

    @Test("that is a client understands a response, trailers and an interim response")
    func toPythonClient() throws {
        let server = try HTTP2End(.server)
        server.feed(self.bytes(self.client))
        _ = server.drain()
        #expect(server.respond("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", on: 1))
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nServer: a\r\n\r\n"
        #expect(server.respond(head, on: 1, ends: false))
        server.send("hello", on: 1)
        server.trailers("grpc-status: 0\r\n", on: 1)
        #expect(server.respond("HTTP/1.1 404 Not Found\r\nServer: a\r\n\r\n", on: 3))
        #expect(
            self.text(server.drain())
                == "0000110104000000013fe11f488208196d083c2f612e6373733e000011010400000001885f8b1d"
                + "75d0620d263d4c4d656476016100000500000000000168656c6c6f0000020105000000038dbe00"
                + "000c01050000000140889acac8b21234da8f0130"
        )
    }

    @Test("that is a server is understood, in pieces of any size", arguments: [1, 2, 7, 9, 10_000])
    func pythonServer(piece: Int) throws {
        let client = try HTTP2End(.client)
        #expect(client.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == 1)
        #expect(client.request("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n") == 3)
        #expect(client.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == 5)
        _ = client.drain()
        let bytes = self.bytes(self.server)
        for at in stride(from: 0, to: bytes.count, by: piece) {
            client.feed(Array(bytes[at..<min(at + piece, bytes.count)]))
        }
        let log = client.log.filter { !$0.contains("data") }
        #expect(
            log == [
                "0 settings", "0 acknowledged", "1 head HTTP/1.1 103 |link: </a.css>||",
                "1 head HTTP/1.1 200 |content-type: text/plain|set-cookie: x=1|set-cookie: y=2|"
                    + "Transfer-Encoding: chunked||",
                "1 trailers grpc-status: 0|", "1 end", "1 closed 0",
                "3 head HTTP/1.1 200 |content-length: 999|| ends", "3 end", "3 closed 0",
                "5 closed 7 peer", "0 goaway 5 0",
            ]
        )
        #expect(client.content[1] == Array("hello".utf8))
    }

    @Test("that is a server understands a request with content and trailers")
    func toPythonServer() throws {
        let client = try HTTP2End(.client)
        let head = "POST /a HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nCookie: x=1; y=2\r\n\r\n"
        let stream = try #require(client.request(head, ends: false))
        client.send("hello", on: stream)
        client.trailers("x-checksum: 7\r\n", on: stream)
        #expect(client.request("GET /b HTTP/1.1\r\nHost: a\r\n\r\n") == 3)
        #expect(
            self.text(client.drain())
                == "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a000012040000000000000400010000"
                + "000600010000000200000000000004080000000000000f000100001e010400000001838704022f"
                + "6141016140027465864d833505b11f1f1187f3007ed4f500bf00000500000000000168656c6c6f"
                + "000007010500000003828704022f62bf00000c0105000000014088f2b127293aa2da7f0137"
        )
    }
}
