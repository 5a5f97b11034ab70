import MeshHTTP
import Testing

/// One request and why it is refused.
struct RefusedRequest: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let text: String
    let fault: HTTPFault

    init(_ description: String, _ text: String, _ fault: HTTPFault) {
        self.testDescription = description
        self.text = text
        self.fault = fault
    }

    static func fields(_ description: String, _ lines: String, _ fault: HTTPFault) -> RefusedRequest
    {
        RefusedRequest(description, "POST / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n", fault)
    }

    static func line(_ description: String, _ line: String, _ fault: HTTPFault) -> RefusedRequest {
        RefusedRequest(description, "\(line)Host: a\r\n\r\n", fault)
    }
}

@Suite("A request that two programs could read differently")
struct RequestRefusalTests {
    static let refusedFraming: [RefusedRequest] = [
        .fields("CL.TE", "Content-Length: 4\r\nTransfer-Encoding: chunked", .lengthAndCoding),
        .fields("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4", .lengthAndCoding),
        .fields(
            "TE.TE",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            .unknownCoding
        ),
        .fields(
            "chunked twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            .unknownCoding
        ),
        .fields("chunked not last", "Transfer-Encoding: chunked, identity", .unknownCoding),
        .fields("another coding first", "Transfer-Encoding: gzip, chunked", .unknownCoding),
        .fields("an unknown coding", "Transfer-Encoding: xchunked", .unknownCoding),
        .fields("a quoted coding", "Transfer-Encoding: \"chunked\"", .unknownCoding),
        .fields("a coding parameter", "Transfer-Encoding: chunked;a=b", .unknownCoding),
        .fields("an empty coding", "Transfer-Encoding:", .unknownCoding),
        .fields("a vertical tab in it", "Transfer-Encoding: \u{B}chunked", .malformedFieldValue),
        .fields("two lengths", "Content-Length: 4\r\nContent-Length: 5", .repeatedLength),
        .fields("two equal lengths", "Content-Length: 4\r\nContent-Length: 4", .repeatedLength),
        .fields("a list of lengths", "Content-Length: 4, 4", .malformedLength),
        .fields("a signed length", "Content-Length: +4", .malformedLength),
        .fields("a negative length", "Content-Length: -4", .malformedLength),
        .fields("a hexadecimal length", "Content-Length: 0x4", .malformedLength),
        .fields("an empty length", "Content-Length: ", .malformedLength),
        .fields("a length over 63 bits", "Content-Length: 9223372036854775808", .malformedLength),
        .fields("a huge length", "Content-Length: 99999999999999999999999", .malformedLength),
        RefusedRequest(
            "chunks with HTTP/1.0",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            .unknownCoding
        ),
        .fields("a nominated length", "Connection: Content-Length", .protectedFieldNominated),
        .fields("a nominated host", "Connection: close, host", .protectedFieldNominated),
        .fields(
            "a nominated coding",
            "Connection: transfer-encoding",
            .protectedFieldNominated
        ),
        .fields("a nominated non-token", "Connection: a b", .malformedFieldValue),
        .fields(
            "a flood of nominations",
            "Connection: " + String(repeating: "a,", count: 33),
            .malformedFieldValue
        ),
    ]

    static let refusedLines: [RefusedRequest] = [
        .fields("space before the colon", "Content-Length : 4", .malformedFieldName),
        .fields("tab before the colon", "Content-Length\t: 4", .malformedFieldName),
        .fields("a folded line", "X: a\r\n b", .foldedLine),
        .fields("a line folded by a tab", "X: a\r\n\tb", .foldedLine),
        .fields("a bare LF", "X: a\nY: b", .bareLineEnd),
        .fields("a bare CR", "X: a\rY: b", .bareLineEnd),
        .fields("a NUL in a value", "X: a\0b", .malformedFieldValue),
        .fields("a DEL in a value", "X: a\u{7F}b", .malformedFieldValue),
        .fields("a NUL in a name", "X\0: a", .malformedFieldName),
        .fields("no colon", "X", .malformedFieldName),
        .fields("an empty name", ": a", .malformedFieldName),
        .fields("a quoted name", "\"X\": a", .malformedFieldName),
        .fields("a name that is not ASCII", "é: a", .malformedFieldName),
        RefusedRequest(
            "a line of white space before the fields",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            .foldedLine
        ),
        RefusedRequest("an LF as the last line", "GET / HTTP/1.1\r\nHost: a\r\n\n", .bareLineEnd),
        RefusedRequest("a CR as the last line", "GET / HTTP/1.1\r\nHost: a\r\n\rX", .bareLineEnd),
    ]

    static let refusedStartLines: [RefusedRequest] = [
        .line("two spaces", "GET  / HTTP/1.1\r\n", .malformedStartLine),
        .line("a tab for a space", "GET\t/ HTTP/1.1\r\n", .malformedStartLine),
        .line("a leading space", " GET / HTTP/1.1\r\n", .malformedStartLine),
        .line("two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n", .malformedStartLine),
        .line("a bare LF before", "\nGET / HTTP/1.1\r\n", .malformedStartLine),
        .line("a bare CR before", "\rGET / HTTP/1.1\r\n", .bareLineEnd),
        .line("HTTP/0.9", "GET /\r\n", .malformedStartLine),
        .line("a space in the target", "GET /a b HTTP/1.1\r\n", .malformedStartLine),
        .line("a bare LF", "GET / HTTP/1.1\n", .bareLineEnd),
        .line("an LF in the target", "GET /\n HTTP/1.1\r\n", .bareLineEnd),
        .line("a space after the version", "GET / HTTP/1.1 \r\n", .malformedStartLine),
        .line("a lower-case version", "GET / http/1.1\r\n", .malformedStartLine),
        .line("a long version", "GET / HTTP/1.10\r\n", .malformedStartLine),
        .line("HTTP/2", "PRI * HTTP/2.0\r\n", .unknownVersion),
        .line("HTTP/0.9", "GET / HTTP/0.9\r\n", .unknownVersion),
        .line("HTTP/3.1", "GET / HTTP/3.1\r\n", .unknownVersion),
        .line("HTTP/1.10", "GET / HTTP/1.10\r\n", .malformedStartLine),
        .line("a comma in the version", "GET / HTTP/1,1\r\n", .malformedStartLine),
        .line("a fragment", "GET /a#b HTTP/1.1\r\n", .malformedTarget),
        .line("a NUL in the target", "GET /a\0b HTTP/1.1\r\n", .malformedTarget),
        .line("a relative target", "GET a HTTP/1.1\r\n", .malformedTarget),
        .line("another scheme", "GET ftp://a/ HTTP/1.1\r\n", .malformedTarget),
        .line("credentials in the target", "GET http://u@a/ HTTP/1.1\r\n", .malformedTarget),
        .line("an empty authority", "GET http:///a HTTP/1.1\r\n", .malformedTarget),
        .line("an asterisk without OPTIONS", "GET * HTTP/1.1\r\n", .malformedTarget),
        .line("a method that is no token", "G(T / HTTP/1.1\r\n", .malformedStartLine),
        .line(
            "an endless method",
            String(repeating: "A", count: 65) + " / HTTP/1.1\r\n",
            .malformedStartLine
        ),
        .line("CONNECT", "CONNECT a:443 HTTP/1.1\r\n", .methodNotAllowed),
        .line("TRACE", "TRACE / HTTP/1.1\r\n", .methodNotAllowed),
    ]

    static let refusedHosts: [RefusedRequest] = [
        RefusedRequest("no Host", "GET / HTTP/1.1\r\n\r\n", .missingHost),
        .fields("two Hosts", "Host: a", .repeatedHost),
        RefusedRequest(
            "two Hosts in HTTP/1.0",
            "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
            .repeatedHost
        ),
    ]

    @Test("is refused for its framing", arguments: Self.refusedFraming)
    func framing(refused: RefusedRequest) { self.check(refused) }

    @Test("is refused for a field line", arguments: Self.refusedLines)
    func lines(refused: RefusedRequest) { self.check(refused) }

    @Test("is refused for its request line", arguments: Self.refusedStartLines)
    func startLines(refused: RefusedRequest) { self.check(refused) }

    @Test("is refused for the number of its hosts", arguments: Self.refusedHosts)
    func hosts(refused: RefusedRequest) { self.check(refused) }

    private func check(_ refused: RefusedRequest) {
        #expect(Parsed(request: refused.text).outcome == .invalid(refused.fault))
    }

    @Test(
        "is refused for the text of its host (RFC 3986 section 3.2)",
        arguments: [
            "", "a b", "a,b", "a/b", "u@a", "a:b", "a:65536", "a:0", "a:1:2", "[::1", "[]", "::1",
            "[::1]x", "a%00", "[g]", ":80", "a:+80", "a:000080",
        ]
    )
    func malformedHosts(host: String) {
        let parsed = Parsed(request: "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")

        #expect(parsed.fault == .malformedHost)
    }

    @Test("is refused for an expectation that is not 100-continue (RFC 9110 section 10.1.1)")
    func expectation() {
        let parsed = Parsed(request: "GET / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n")

        #expect(parsed.fault == .unknownExpectation)
        #expect(parsed.fault?.status == 417)
    }

    @Test("is refused when its line or its head passes the limit, complete or not")
    func limits() {
        let long = String(repeating: "a", count: 16_400)
        #expect(Parsed(request: "GET /\(long)").fault == .startLineTooLong)
        #expect(Parsed(request: "GET /\(long) HTTP/1.1\r\n").fault == .startLineTooLong)
        let start = "GET / HTTP/1.1\r\nHost: a\r\n"
        #expect(Parsed(request: "\(start)X: \(long)").fault == .headTooLarge)
        let line = "X: \(String(repeating: "b", count: 1_000))\r\n"
        let large = start + String(repeating: line, count: 62)
        #expect(Parsed(request: large).fault == .headTooLarge)
        #expect(Parsed(request: large + "\r\n").fault == .headTooLarge)
        let many = start + String(repeating: "X: b\r\n", count: 199)
        #expect(Parsed(request: many + "\r\n").isComplete)
        #expect(Parsed(request: many + "X: b\r\n").fault == .tooManyFields)
    }

    @Test("is answered with Kong's status and message")
    func answers() {
        #expect(HTTPFault.foldedLine.status == 400)
        #expect("\(HTTPFault.foldedLine.message)" == "Bad request")
        #expect(HTTPFault.startLineTooLong.status == 414)
        #expect("\(HTTPFault.startLineTooLong.message)" == "URI too long")
        #expect(HTTPFault.headTooLarge.status == 431)
        #expect("\(HTTPFault.tooManyFields.message)" == "Request header or cookie too large")
        #expect(HTTPFault.methodNotAllowed.status == 405)
        #expect(HTTPFault.unknownVersion.status == 505)
        for fault in HTTPFault.allCases { #expect(fault.message.utf8CodeUnitCount > 0) }
    }
}
