/// What fuzzers feed with arbitrary bytes; a trap is a finding.
public enum HTTP2Fuzz {
    /// Plays a connection whose peer sends `input`, and answers all that it asks.
    ///
    /// The first byte says which end we are and how large the pieces are in which the rest arrives.
    /// Every head that a server accepts must be read by ``RequestHead`` to its last byte, and what
    /// waits must stay within the limits.
    public static func run(_ input: UnsafeRawBufferPointer) {
        guard let first = input.first else { return }
        let role: HTTP2Session.Role = first & 1 == 0 ? .server : .client
        var limits = HTTP2Limits()
        limits.streamWindowByteCount = 1_000
        limits.waitingByteCount = 2_000
        limits.outputByteCount = 3_000
        guard let session = HTTP2Session(role: role, limits: limits) else { return }
        let fields = HeaderFieldBuffer.allocate()
        defer { fields.deallocate() }
        if role == .client { Self.request(session) }
        let rest = UnsafeRawBufferPointer(rebasing: input.dropFirst())
        let piece = max(1, Int(first >> 1))
        var at = 0
        while at < rest.count {
            let end = min(at + piece, rest.count)
            let bytes = UnsafeRawBufferPointer(rebasing: rest[at..<end])
            let fault = session.receive(bytes, now: UInt64(at))
            Self.answer(session, fields)
            at = end
            let output = session.output.count
            precondition(output < 100_000, "output without bound")
            // A peer that reads slowly at first, then all.
            session.dropOutput(at < rest.count / 2 ? output / 2 : output)
            precondition(fault == session.fault, "a fault is told at once")
            if fault != nil { break }
        }
        Self.answer(session, fields)
        precondition(session.fault == nil || session.openStreams == 0, "streams outlive a fault")
    }

    private static func request(_ session: HTTP2Session) {
        let head: StaticString = "POST /a HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n"
        let bytes = UnsafeRawBufferPointer(
            start: head.utf8Start,
            count: head.utf8CodeUnitCount
        )
        for stream in 0..<4 {
            _ = session.submitRequest(head: bytes, isSecure: true, endsStream: stream & 1 == 0)
        }
    }

    private static func answer(_ session: HTTP2Session, _ fields: HeaderFieldBuffer) {
        let head: StaticString = "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n"
        let bytes = UnsafeRawBufferPointer(
            start: head.utf8Start,
            count: head.utf8CodeUnitCount
        )
        while let event = session.nextEvent() {
            switch event.kind {
            case .head(let found):
                Self.check(found, session.role, fields)
                guard session.role == .server else { continue }
                let ends = found.fault != nil
                _ = session.submitResponse(on: event.stream, head: bytes, endsStream: ends)
            case .data(let content):
                session.consume(content.count, on: event.stream)
                _ = session.send(content, on: event.stream, endsStream: false)
                precondition(session.waiting(on: event.stream) <= 20_000, "too much waits")
            case .trailers(let lines): _ = session.sendTrailers(lines, on: event.stream)
            case .end: _ = session.send(bytes, on: event.stream, endsStream: true)
            case .pong: session.shutdown()
            case .drained, .closed, .goaway, .settings, .settingsAcknowledged: break
            }
        }
    }

    /// What the framing layer lets through is one whole message to the parser behind it.
    private static func check(
        _ found: HTTP2Head,
        _ role: HTTP2Session.Role,
        _ fields: HeaderFieldBuffer
    ) {
        guard found.fault == nil else { return }
        let outcome: HeadParse
        switch role {
        case .server:
            var head = RequestHead()
            outcome = RequestHead.parseRequest(found.text, into: &head, fields: fields)
        case .client:
            var head = ResponseHead()
            outcome = ResponseHead.parseResponse(
                found.text,
                requestMethodIsHead: false,
                into: &head,
                fields: fields
            )
        }
        switch outcome {
        case .complete(let consumed): precondition(consumed == found.text.count, "two messages")
        case .incomplete: preconditionFailure("half a message")
        case .invalid: break
        }
    }
}
