import MeshHTTP
import Testing

/// A session with a transcript of what it reported.
final class HTTP2End {
    let session: HTTP2Session
    var log: [String] = []
    var now: UInt64 = 0
    /// Content is given back as soon as it is reported.
    var consumes = true
    /// Called with each event, after it was written down.
    var react: ((HTTP2Event) -> Void)?
    /// Content by stream.
    var content: [Int32: [UInt8]] = [:]

    init(_ role: HTTP2Session.Role, limits: HTTP2Limits = HTTP2Limits()) throws {
        self.session = try #require(HTTP2Session(role: role, limits: limits, seed: 42))
    }

    /// Feeds bytes, all at once, and reads the events.
    func feed(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            _ = self.session.receive(bytes, now: self.now)
            self.readEvents()
        }
    }

    func feed(_ frames: RawFrame...) { self.feed(frames.flatMap(\.bytes)) }

    /// Begins the connection as a client that has nothing to say.
    func begin(_ settings: [(UInt16, UInt32)] = []) {
        self.feed(preface + RawFrame.settings(settings).bytes + RawFrame.settingsAck.bytes)
        self.log = []
        _ = self.sent()
    }

    func readEvents() {
        while let event = self.session.nextEvent() {
            self.log.append(self.describe(event))
            if case .data(let bytes) = event.kind {
                self.content[event.stream, default: []] += bytes
                if self.consumes { self.session.consume(bytes.count, on: event.stream) }
            }
            self.react?(event)
        }
    }

    private func describe(_ event: HTTP2Event) -> String {
        let text: String =
            switch event.kind {
            case .head(let head): self.describe(head)
            case .data(let bytes): "data \(bytes.count)"
            case .trailers(let bytes): "trailers \(Self.lines(bytes))"
            case .end: "end"
            case .drained: "drained"
            case .closed(let code, let byPeer): "closed \(code.rawValue)\(byPeer ? " peer" : "")"
            case .goaway(let last, let code): "goaway \(last) \(code.rawValue)"
            case .settings: "settings"
            case .settingsAcknowledged: "acknowledged"
            case .pong(let opaque): "pong \(opaque)"
            }
        return event.tag < 0 ? "\(event.stream) \(text)" : "\(event.stream)#\(event.tag) \(text)"
    }

    private func describe(_ head: HTTP2Head) -> String {
        if let fault = head.fault { return "head \(fault)" }
        let marks =
            (head.endsStream ? " ends" : "") + (head.isExtendedConnect ? " websocket" : "")
            + (head.isSecure ? " tls" : "")
        return "head \(Self.lines(head.text))\(marks)"
    }

    static func lines(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "|")
    }

    /// What the session wants sent.
    func sent() -> [UInt8] {
        let bytes = Array(self.session.output)
        self.session.dropOutput(bytes.count)
        self.readEvents()
        return bytes
    }

    /// All that the session wants sent, however much it is.
    func drain() -> [UInt8] {
        var bytes: [UInt8] = []
        while self.session.wantsWrite {
            let more = self.sent()
            if more.isEmpty { break }
            bytes += more
        }
        return bytes
    }

    func frames() -> [RawFrame] { RawFrame.all(in: self.drain()) }

    func respond(_ head: String, on stream: Int32, ends: Bool = true) -> Bool {
        withBytes(head) {
            self.session.submitResponse(on: stream, head: $0, endsStream: ends)
        }
    }

    func request(_ head: String, ends: Bool = true, tag: Int32 = -1) -> Int32? {
        withBytes(head) {
            self.session.submitRequest(head: $0, isSecure: true, endsStream: ends, tag: tag)
        }
    }

    @discardableResult
    func send(_ text: String, on stream: Int32, ends: Bool = false) -> Bool {
        withBytes(text) { self.session.send($0, on: stream, endsStream: ends) }
    }

    @discardableResult
    func trailers(_ lines: String, on stream: Int32) -> Bool {
        withBytes(lines) { self.session.sendTrailers($0, on: stream) }
    }
}

/// Both ends of one connection, in memory.
struct HTTP2Pair {
    let client: HTTP2End
    let server: HTTP2End

    init(_ limits: HTTP2Limits = HTTP2Limits()) throws {
        self.client = try HTTP2End(.client, limits: limits)
        self.server = try HTTP2End(.server, limits: limits)
        self.exchange()
        self.client.log = []
        self.server.log = []
    }

    /// Carries bytes both ways until nobody has any; `cut` says into what pieces.
    func exchange(_ cut: () -> Int = { Int.max }) {
        while self.client.session.wantsWrite || self.server.session.wantsWrite {
            let up = self.client.sent()
            let down = self.server.sent()
            if up.isEmpty && down.isEmpty { return }
            Self.feed(up, to: self.server, cut)
            Self.feed(down, to: self.client, cut)
        }
    }

    private static func feed(_ bytes: [UInt8], to end: HTTP2End, _ cut: () -> Int) {
        var at = 0
        while at < bytes.count {
            let count = min(max(1, cut()), bytes.count - at)
            end.feed(Array(bytes[at..<(at + count)]))
            at += count
        }
    }
}
