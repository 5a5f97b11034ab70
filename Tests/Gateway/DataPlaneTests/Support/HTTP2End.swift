import MeshHTTP

/// One end of an HTTP/2 connection over a blocking stream; used by one thread.
final class HTTP2End {
    /// What the peer did, with what it said.
    enum Event {
        case head(Int32, TestMessage, isLast: Bool)
        case data(Int32, [UInt8])
        case trailers(Int32, [String])
        case end(Int32)
        case closed(Int32, HTTP2ErrorCode, byPeer: Bool)
        case goaway(lastStream: Int32, HTTP2ErrorCode)
        case other
    }

    let session: HTTP2Session
    private let stream: any TestStream
    private var events: [Event] = []
    /// Whether content is credited at once; without, the peer stops at the window.
    var consumes = true

    init(_ stream: any TestStream, _ role: HTTP2Session.Role, limits: HTTP2Limits = HTTP2Limits()) {
        guard let session = HTTP2Session(role: role, limits: limits) else {
            fatalError("no memory")
        }
        self.session = session
        self.stream = stream
        self.flush()
    }

    /// Sends the frames that are due; `false` when the peer is gone.
    @discardableResult
    func flush() -> Bool {
        while self.session.wantsWrite {
            let bytes = Array(self.session.output)
            guard !bytes.isEmpty else { return true }
            self.session.dropOutput(bytes.count)
            guard self.stream.send(bytes) else { return false }
        }
        return true
    }

    /// The next thing that the peer did; `nil` at the end of the connection or after ten seconds.
    func next() -> Event? {
        while self.events.isEmpty {
            self.flush()
            guard let bytes = self.stream.receive() else { return nil }
            self.take(bytes)
        }
        return self.events.removeFirst()
    }

    private func take(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            _ = self.session.receive(bytes, now: 0)
            self.collect()
        }
    }

    private func collect() {
        while let event = self.session.nextEvent() {
            let stream = event.stream
            switch event.kind {
            case .head(let head):
                let text = String(decoding: head.text, as: UTF8.self)
                guard let message = TestMessage(head: text) else { continue }
                self.events.append(.head(stream, message, isLast: head.endsStream))
            case .data(let bytes):
                self.events.append(.data(stream, Array(bytes)))
                if self.consumes { self.session.consume(bytes.count, on: stream) }
            case .trailers(let lines):
                let text = String(decoding: lines, as: UTF8.self)
                let parts = text.split(separator: "\r\n").map(String.init)
                self.events.append(.trailers(stream, parts))
            case .end: self.events.append(.end(stream))
            case .closed(let code, let byPeer):
                self.events.append(.closed(stream, code, byPeer: byPeer))
            case .goaway(let last, let code):
                self.events.append(.goaway(lastStream: last, code))
            case .drained, .settings, .settingsAcknowledged, .pong: self.events.append(.other)
            }
        }
    }

    /// Sends content, waiting for the peer's window; `false` when the stream is over.
    ///
    /// What the peer does meanwhile is kept for ``next()``.
    @discardableResult
    func send(_ bytes: [UInt8], on stream: Int32, isLast: Bool) -> Bool {
        var offset = 0
        repeat {
            let end = min(offset + 65_536, bytes.count)
            let ends = isLast && end == bytes.count
            let isTaken = bytes[offset..<end].withUnsafeBytes {
                self.session.send($0, on: stream, endsStream: ends)
            }
            guard isTaken, self.flush() else { return false }
            offset = end
            while self.session.waiting(on: stream) > 0 {
                guard let more = self.stream.receive() else { return false }
                self.take(more)
                guard self.flush() else { return false }
            }
        } while offset < bytes.count
        return true
    }

    /// Answers a request with a status line and fields, content, and trailer lines.
    @discardableResult
    func answer(
        _ stream: Int32,
        _ head: String = "HTTP/1.1 200 OK\r\n\r\n",
        body: [UInt8]? = nil,
        trailers: String? = nil
    ) -> Bool {
        let endsNow = body == nil && trailers == nil
        let isTaken = Array(head.utf8).withUnsafeBytes {
            self.session.submitResponse(on: stream, head: $0, endsStream: endsNow)
        }
        guard isTaken else { return false }
        if let body { self.send(body, on: stream, isLast: trailers == nil) }
        if let trailers {
            _ = Array(trailers.utf8).withUnsafeBytes {
                self.session.sendTrailers($0, on: stream)
            }
        }
        return self.flush()
    }

    func reset(_ stream: Int32, _ code: HTTP2ErrorCode) {
        self.session.reset(stream, code)
        self.flush()
        self.collect()
    }
}

/// An HTTP/2 client of a test.
final class HTTP2Client {
    /// What has come of an answer.
    struct Answer {
        var interims: [TestMessage] = []
        var head: TestMessage?
        var body: [UInt8] = []
        var trailers: [String] = []
        /// Whether the server has said that nothing follows.
        var isWhole = false
        /// How the stream was closed.
        var code: HTTP2ErrorCode?

        var status: Int { self.head?.status ?? 0 }
        var text: String { String(decoding: self.body, as: UTF8.self) }
    }

    let end: HTTP2End
    private(set) var answers: [Int32: Answer] = [:]
    /// The last stream and the code of every GOAWAY that came.
    private(set) var goaways: [(lastStream: Int32, code: HTTP2ErrorCode)] = []
    /// Whether the connection has ended, or nothing came for ten seconds.
    private(set) var hasEnded = false

    init(_ stream: any TestStream, limits: HTTP2Limits = HTTP2Limits()) {
        self.end = HTTP2End(stream, .client, limits: limits)
    }

    /// Begins a request; `nil` when the connection takes none.
    func begin(_ head: String, isLast: Bool = true, isSecure: Bool = false) -> Int32? {
        let stream = Array(head.utf8).withUnsafeBytes {
            self.end.session.submitRequest(head: $0, isSecure: isSecure, endsStream: isLast)
        }
        guard let stream else { return nil }
        self.answers[stream] = Answer()
        self.end.flush()
        return stream
    }

    /// Begins a GET of a path.
    func get(_ path: String = "/", fields: String = "") -> Int32? {
        self.begin("GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
    }

    /// Makes a whole request and waits for the end of its answer.
    func ask(_ head: String, body: [UInt8]? = nil, isSecure: Bool = false) -> Answer? {
        guard let stream = self.begin(head, isLast: body == nil, isSecure: isSecure) else {
            return nil
        }
        if let body { self.end.send(body, on: stream, isLast: true) }
        return self.answer(stream)
    }

    /// Waits until a stream is closed; `nil` when that does not come.
    func answer(_ stream: Int32?) -> Answer? {
        guard let stream else { return nil }
        return self.pump { $0.answers[stream]?.code != nil } ? self.answers[stream] : nil
    }

    /// Takes what the server does until something holds; `false` when the connection ends first.
    @discardableResult
    func pump(until condition: (HTTP2Client) -> Bool) -> Bool {
        while !condition(self) {
            guard let event = self.end.next() else {
                self.hasEnded = true
                return condition(self)
            }
            self.take(event)
        }
        return true
    }

    private func take(_ event: HTTP2End.Event) {
        switch event {
        case .head(let stream, let message, _):
            if message.status < 200 {
                self.answers[stream]?.interims.append(message)
            } else {
                self.answers[stream]?.head = message
            }
        case .data(let stream, let bytes): self.answers[stream]?.body += bytes
        case .trailers(let stream, let lines): self.answers[stream]?.trailers = lines
        case .end(let stream): self.answers[stream]?.isWhole = true
        case .closed(let stream, let code, _): self.answers[stream]?.code = code
        case .goaway(let last, let code): self.goaways.append((last, code))
        case .other: break
        }
    }
}
