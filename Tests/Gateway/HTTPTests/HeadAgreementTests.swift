import MeshHTTP
import MeshPrimitives
import Testing

@Suite("The reader of request heads")
struct HeadAgreementTests {
    private static let methods = ["GET", "POST", "OPTIONS", "PURGE", "CONNECT", "TRACE", "get", ""]
    private static let targets = [
        "/", "/a?b#", "/a/b?c=d", "*", "http://x.y/z", "HTTPS://x:1?q", "http://", "https://u@x/",
        "a",
        "/\u{e9}", "//", "http://[::1]:80/",
    ]
    private static let versions = [
        "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/1.1 ", "http/1.1",
    ]
    private static let names = [
        "Host", "Content-Length", "Transfer-Encoding", "Connection", "X-A", "content-length",
        "Expect", "Upgrade", "TE", "Cookie", "X_Forwarded_For", "Content_Length", "X-Kong-A",
        "Accept", String(repeating: "n", count: 31), String(repeating: "x", count: 32),
    ]
    private static let values = [
        "a.example", "a:80", "5", "0", "chunked", "close", "keep-alive, X-A", "Upgrade",
        "websocket",
        "100-continue", "x", "", "gzip, chunked", "18446744073709551616", "+5", "5, 5",
        "[::1]:8080",
        "Cookie , , x-a", "Host", "trailers", String(repeating: "long; ", count: 11) + "end",
        String(repeating: "\u{e9}", count: 64), "a\tb", "a ",
    ]

    private static func head(_ generator: inout SeededGenerator) -> [UInt8] {
        let pick = { (list: [String], generator: inout SeededGenerator) in
            // The first of a list is what makes a head acceptable; it comes more often.
            generator.next(below: 2) == 0 ? list[0] : list[generator.next(below: list.count)]
        }
        var text = generator.next(below: 8) == 0 ? "\r\n" : ""
        text += pick(Self.methods, &generator) + " " + pick(Self.targets, &generator) + " "
        text += pick(Self.versions, &generator) + "\r\n"
        if generator.next(below: 8) != 0 { text += "Host: a\r\n" }
        for _ in 0..<generator.next(below: 5) {
            let space = [" ", "", "\t", "  "][generator.next(below: 4)]
            let name = Self.names[generator.next(below: Self.names.count)]
            text += "\(name):\(space)\(Self.values[generator.next(below: Self.values.count)])\r\n"
        }
        return Array((text + "\r\n").utf8)
    }

    private static func mutated(
        _ head: [UInt8],
        _ generator: inout SeededGenerator
    ) -> [UInt8] {
        let marks = Array("\r\n :,\t\0\u{7F}/[]_=#A09".utf8)
        var head = head
        for _ in 0..<generator.next(below: 3) {
            let place = generator.next(below: head.count)
            let byte =
                generator.next(below: 4) == 0
                ? UInt8(truncatingIfNeeded: generator.next())
                : marks[generator.next(below: marks.count)]
            switch generator.next(below: 4) {
            case 0: head.insert(byte, at: place)
            case 1: head.remove(at: place)
            case 2: head[place] = byte
            default: head.insert(contentsOf: head[place..<min(head.count, place + 9)], at: place)
            }
        }
        return head
    }

    /// The fast reader's view in the model's words.
    private static func view(_ parsed: Parsed) -> SlowRequest? {
        guard case .complete(let consumed) = parsed.outcome else { return nil }
        let head = parsed.request
        let bytes = { (range: ByteRange) in Array(parsed.bytes[range.start..<range.end]) }
        return SlowRequest(
            method: bytes(head.methodName),
            target: bytes(head.target),
            isHTTP11: head.version == .http11,
            host: bytes(head.host),
            port: Int(head.port),
            fields: (0..<head.fieldCount).map { index in
                SlowRequest.Field(
                    name: bytes(parsed.fields[index].name),
                    value: bytes(parsed.fields[index].value)
                )
            },
            framing: Self.framing(head.framing) ?? .none,
            keepAlive: head.keepAlive,
            consumed: consumed
        )
    }

    private static func framing(_ framing: MessageFraming) -> SlowRequest.Framing? {
        switch framing {
        case .none: SlowRequest.Framing.none
        case .length(let count): .length(count)
        case .chunked: .chunked
        case .untilClose: nil
        }
    }

    /// Nominated fields that are neither the connection's own nor written anew must be dropped.
    private static func expectNominations(_ model: SlowRequest, _ parsed: Parsed, _ seed: Int) {
        let plain = ["x-a", "cookie", "accept"]
        for (index, field) in model.fields.enumerated()
        where plain.contains(SlowRequest.lower(field.name)) {
            let isDropped = parsed.fields[index].kind == .dropped
            #expect(isDropped == field.isNominated, "seed \(seed)")
        }
    }

    @Test("agrees with a slow obvious model, whatever the bytes", arguments: 0..<40)
    func agrees(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        var accepted = 0
        for _ in 0..<300 {
            let bytes = Self.mutated(Self.head(&generator), &generator)
            let parsed = Parsed(requestBytes: bytes)
            guard SlowRequest.end(of: bytes) != nil else {
                #expect(!parsed.isComplete, "seed \(seed): \(bytes)")
                continue
            }
            var model = SlowRequest.read(bytes)
            if let model {
                accepted += 1
                Self.expectNominations(model, parsed, seed)
            }
            model?.forgetNominations()
            guard parsed.outcome == .incomplete || Self.view(parsed) != model else { continue }
            let text = String(decoding: bytes, as: UTF8.self).debugDescription
            Issue.record("seed \(seed): \(parsed.outcome) for \(text)")
        }
        #expect((15..<285).contains(accepted), "the generator makes good and bad heads")
    }
}
