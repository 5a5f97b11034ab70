import MeshHTTP
import MeshPrimitives
import Testing

@Suite("A response head")
struct ResponseHeadTests {
    private static let usual =
        "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 3\r\nX-A: b\r\n\r\n"

    @Test("is cut into its parts")
    func readsUsual() {
        let parsed = Parsed(response: Self.usual + "abc")

        #expect(parsed.outcome == .complete(consumed: Self.usual.utf8.count))
        #expect(parsed.response.status == 200)
        #expect(parsed.text(parsed.response.reason) == "OK")
        #expect(parsed.response.framing == .length(3))
        #expect(parsed.response.keepAlive)
        #expect(!parsed.response.isInterim)
    }

    @Test("is incomplete when cut anywhere before its last byte")
    func truncation() {
        let whole = Array(Self.usual.utf8)
        for count in 0..<whole.count {
            #expect(Parsed(responseBytes: Array(whole[..<count])).outcome == .incomplete)
        }
    }

    @Test("with any byte replaced never traps")
    func everyByteFlipped() {
        let whole = Array(Self.usual.utf8)
        for index in whole.indices {
            for value in UInt8.min...UInt8.max {
                var bytes = whole
                bytes[index] = value
                if case .complete(let consumed) = Parsed(responseBytes: bytes).outcome {
                    #expect(consumed <= bytes.count)
                }
            }
        }
    }

    @Test(
        "frames its content by RFC 9112 section 6.3",
        arguments: [
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", MessageFraming.chunked, true),
            ("HTTP/1.1 200 OK\r\n\r\n", .untilClose, false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .none, true),
            ("HTTP/1.1 204 No Content\r\n\r\n", .none, true),
            ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", .none, false),
            ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", .none, false),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", .none, true),
            ("HTTP/1.1 100 Continue\r\n\r\n", .none, true),
            ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", .none, true),
            ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", .length(2), false),
            (
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n",
                .length(2), true
            ),
            ("HTTP/1.1 500\r\nConnection: close\r\nContent-Length: 2\r\n\r\n", .length(2), false),
        ]
    )
    func framing(text: String, framing: MessageFraming, keepAlive: Bool) {
        let parsed = Parsed(response: text)

        #expect(parsed.isComplete)
        #expect(parsed.response.framing == framing)
        #expect(parsed.response.keepAlive == keepAlive)
    }

    @Test("to HEAD has no content, whatever length it declares (RFC 9110 section 9.3.2)")
    func head() {
        let parsed = Parsed(response: Self.usual, head: true)

        #expect(parsed.response.framing == .none)
        #expect(parsed.response.declaredLength == 3)
    }

    @Test("of a later HTTP/1 is read as 1.1 (RFC 9110 section 6.2)")
    func laterVersion() {
        let parsed = Parsed(response: "HTTP/1.7 200 OK\r\nContent-Length: 0\r\n\r\n")

        #expect(parsed.isComplete)
        #expect(parsed.response.version == .http11)
        #expect(parsed.response.keepAlive)
    }

    @Test("is interim below 200, except 101 (RFC 9110 section 15.2)")
    func interim() {
        #expect(Parsed(response: "HTTP/1.1 103 Early Hints\r\n\r\n").response.isInterim)
        #expect(!Parsed(response: "HTTP/1.1 101 \r\n\r\n").response.isInterim)
    }

    @Test(
        "that is ambiguous is refused",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1", HTTPFault.repeatedLength),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
                .lengthAndCoding
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip", .unknownCoding),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked", .unknownCoding),
            ("HTTP/1.1 200 OK\r\nX: a\r\n b", .foldedLine),
            ("HTTP/1.1 200 OK\r\nX: a\nY: b", .bareLineEnd),
            ("HTTP/1.1 200 OK\nX: a", .bareLineEnd), ("HTTP/1.1 200\nX: a", .bareLineEnd),
            ("HTTP/1.1 200 O\rK", .bareLineEnd), ("HTTP/1.1 200 O\0K", .malformedStartLine),
            ("HTTP/1.1 2000 OK", .malformedStatus), ("HTTP/1.1 20 OK", .malformedStatus),
            ("HTTP/1.1 099 OK", .malformedStatus), ("HTTP/1.1 abc OK", .malformedStatus),
            ("HTTP/2.0 200 OK", .unknownVersion), ("HTTP/1.x 200 OK", .unknownVersion),
            ("HTTP/1.1\t200 OK", .malformedStartLine), ("ICY 200 OK", .malformedStartLine),
        ]
    )
    func refusals(text: String, fault: HTTPFault) {
        #expect(Parsed(response: text + "\r\n\r\n").outcome == .invalid(fault))
    }
}
