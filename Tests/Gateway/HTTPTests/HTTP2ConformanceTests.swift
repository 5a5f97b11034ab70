import MeshHTTP
import Testing

/// What a peer sends on a fresh connection, and what must become of it.
struct HTTP2Case: CustomTestStringConvertible {
    enum Verdict {
        /// GOAWAY with one of these codes.
        case connection([HTTP2ErrorCode])
        /// RST_STREAM or GOAWAY with one of these codes.
        case stream(UInt32, [HTTP2ErrorCode])
        /// Neither; the connection goes on.
        case fine
    }

    let section: String
    let what: String
    let frames: [RawFrame]
    let verdict: Verdict
    var response: String?

    init(
        _ section: String,
        _ what: String,
        _ frames: [RawFrame],
        _ verdict: Verdict,
        response: String? = nil
    ) {
        self.section = section
        self.what = what
        self.frames = frames
        self.verdict = verdict
        self.response = response
    }

    var testDescription: String { "\(self.section) \(self.what)" }
}

private typealias Frame = RawFrame

private let open = RawFrame.headers(post, on: 1, ends: false)
private let ended = RawFrame.headers(get, on: 1)
private let half = RawFrame(
    type: RawFrame.headers,
    flags: RawFrame.endStream,
    stream: 1,
    payload: block(get)
)

private func more(_ stream: UInt32, ends: Bool = true) -> RawFrame {
    RawFrame(
        type: RawFrame.more,
        flags: ends ? RawFrame.endHeaders : 0,
        stream: stream,
        payload: block([("x", "y")])
    )
}

private func priority(_ stream: UInt32, on other: UInt32) -> RawFrame {
    RawFrame(type: RawFrame.priority, stream: stream, payload: word(other) + [255])
}

private func raw(
    _ type: UInt8,
    _ stream: UInt32,
    _ payload: [UInt8],
    flags: UInt8 = 0
) -> RawFrame {
    RawFrame(type: type, flags: flags, stream: stream, payload: payload)
}

private func coded(_ block: [UInt8]) -> RawFrame {
    raw(RawFrame.headers, 1, block, flags: RawFrame.endHeaders | RawFrame.endStream)
}

private let zeros = [UInt8](repeating: 0, count: 16_385)

@Suite("An HTTP/2 server, frame by frame")
struct HTTP2ConformanceTests {
    static let frames: [HTTP2Case] = [
        HTTP2Case("4.1", "unknown type", [raw(0x16, 0, [1, 2])], .fine),
        HTTP2Case(
            "4.1",
            "undefined flags",
            [raw(Frame.ping, 0, [0, 0, 0, 0, 0, 0, 0, 0], flags: 0x16)],
            .fine
        ),
        HTTP2Case(
            "4.1",
            "reserved bit",
            [raw(Frame.ping, 0x8000_0000, [0, 0, 0, 0, 0, 0, 0, 0])],
            .fine
        ),
        HTTP2Case(
            "4.2",
            "16 KiB of DATA",
            [open, raw(Frame.data, 1, Array(zeros.dropLast()))],
            .fine
        ),
        HTTP2Case(
            "4.2",
            "DATA too long",
            [open, raw(Frame.data, 1, zeros)],
            .stream(1, [.frameSizeError])
        ),
        HTTP2Case(
            "4.2",
            "HEADERS too long",
            [raw(Frame.headers, 1, zeros, flags: 5)],
            .connection([.frameSizeError])
        ),
        HTTP2Case("4.3", "broken block", [coded([0, 10, 1])], .connection([.compressionError])),
        HTTP2Case(
            "4.3",
            "PRIORITY in a block",
            [half, priority(1, on: 0)],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "4.3",
            "another stream in a block",
            [half, .headers(get, on: 3)],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "5.5",
            "unknown type in a block",
            [half, raw(0x16, 0, [1])],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.1",
            "DATA on stream 0",
            [raw(Frame.data, 0, [1])],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.1",
            "padding over the end",
            [open, raw(Frame.data, 1, [6, 1, 2], flags: Frame.padded)],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.2",
            "HEADERS on stream 0",
            [raw(Frame.headers, 0, block(get), flags: 5)],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.2",
            "padding over the end",
            [raw(Frame.headers, 1, [200] + block(get), flags: 13)],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.3",
            "PRIORITY on stream 0",
            [priority(0, on: 1)],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.3",
            "PRIORITY of 4 bytes",
            [open, raw(Frame.priority, 1, [0, 0, 0, 3])],
            .stream(1, [.frameSizeError])
        ),
        HTTP2Case("6.4", "RST_STREAM on stream 0", [.reset(0)], .connection([.protocolError])),
        HTTP2Case(
            "6.4",
            "RST_STREAM of 3 bytes",
            [open, raw(Frame.rst, 1, [0, 0, 0])],
            .connection([.frameSizeError])
        ),
        HTTP2Case(
            "6.5",
            "acknowledgement with payload",
            [raw(Frame.settings, 0, [0, 0, 0, 0, 0, 0], flags: 1)],
            .connection([.frameSizeError])
        ),
        HTTP2Case(
            "6.5",
            "SETTINGS on a stream",
            [raw(Frame.settings, 1, [])],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.5",
            "SETTINGS of 3 bytes",
            [raw(Frame.settings, 0, [0, 0, 0])],
            .connection([.frameSizeError])
        ),
        HTTP2Case("6.5.2", "ENABLE_PUSH 2", [.settings([(2, 2)])], .connection([.protocolError])),
        HTTP2Case(
            "6.5.2",
            "window over 2^31",
            [.settings([(4, 0x8000_0000)])],
            .connection([.flowControlError])
        ),
        HTTP2Case(
            "6.5.2",
            "frame size below",
            [.settings([(5, 16_383)])],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.5.2",
            "frame size above",
            [.settings([(5, 16_777_216)])],
            .connection([.protocolError])
        ),
        HTTP2Case("6.5.2", "unknown setting", [.settings([(0xFF, 1)])], .fine),
        HTTP2Case(
            "8441 3",
            "CONNECT setting 2",
            [.settings([(8, 2)])],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.7",
            "PING on a stream",
            [raw(Frame.ping, 1, [0, 0, 0, 0, 0, 0, 0, 0])],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.7",
            "PING of 6 bytes",
            [raw(Frame.ping, 0, [0, 0, 0, 0, 0, 0])],
            .connection([.frameSizeError])
        ),
        HTTP2Case(
            "6.7",
            "unasked acknowledgement",
            [raw(Frame.ping, 0, [0, 0, 0, 0, 0, 0, 0, 0], flags: 1)],
            .fine
        ),
        HTTP2Case(
            "6.8",
            "GOAWAY on a stream",
            [raw(Frame.goaway, 1, word(0) + word(0))],
            .connection([.protocolError])
        ),
        HTTP2Case("6.9", "increment 0", [.update(0, 0)], .connection([.protocolError])),
        HTTP2Case(
            "6.9",
            "increment 0 on a stream",
            [open, .update(1, 0)],
            .stream(1, [.protocolError])
        ),
        HTTP2Case(
            "6.9",
            "WINDOW_UPDATE of 3 bytes",
            [raw(Frame.update, 0, [0, 0, 1])],
            .connection([.frameSizeError])
        ),
        HTTP2Case(
            "6.9.1",
            "window over 2^31",
            [.update(0, 0x7FFF_FFFF), .update(0, 0x7FFF_FFFF)],
            .connection([.flowControlError])
        ),
        HTTP2Case(
            "6.9.1",
            "window of a stream over 2^31",
            [open, .update(1, 0x7FFF_FFFF), .update(1, 0x7FFF_FFFF)],
            .stream(1, [.flowControlError])
        ),
        HTTP2Case(
            "6.9.2",
            "settings take a window over 2^31",
            [open, .update(1, 0x7FFF_0000), .settings([(4, 0x7FFF_FFFF)])],
            .connection([.flowControlError])
        ),
        HTTP2Case("6.10", "continued block", [half, more(1, ends: false), more(1)], .fine),
        HTTP2Case(
            "6.10",
            "DATA in a block",
            [half, more(1, ends: false), .data("x", on: 1)],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.10",
            "CONTINUATION on stream 0",
            [half, more(0)],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.10",
            "CONTINUATION behind a block",
            [open, more(1)],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.10",
            "CONTINUATION behind the last",
            [half, more(1), more(1)],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "6.10",
            "CONTINUATION behind DATA",
            [open, .data("x", on: 1), more(1)],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "7",
            "unknown code in RST_STREAM",
            [open, .reset(1, HTTP2ErrorCode(rawValue: 0xFF))],
            .fine
        ),
        HTTP2Case(
            "8.4",
            "PUSH_PROMISE of a client",
            [open, raw(Frame.push, 1, word(2) + block(get), flags: 4)],
            .connection([.protocolError])
        ),
    ]

    static let states: [HTTP2Case] = [
        HTTP2Case("5.1 idle", "DATA", [.data("x", on: 1)], .connection([.protocolError])),
        HTTP2Case("5.1 idle", "RST_STREAM", [.reset(1)], .connection([.protocolError])),
        HTTP2Case("5.1 idle", "WINDOW_UPDATE", [.update(1, 1)], .connection([.protocolError])),
        HTTP2Case("5.1 idle", "CONTINUATION", [more(1)], .connection([.protocolError])),
        HTTP2Case("5.1 idle", "PRIORITY", [priority(1, on: 0)], .fine),
        HTTP2Case(
            "5.1 half closed",
            "DATA",
            [ended, .data("x", on: 1)],
            .stream(1, [.streamClosed])
        ),
        HTTP2Case("5.1 half closed", "HEADERS", [ended, ended], .stream(1, [.streamClosed])),
        HTTP2Case(
            "5.1 half closed",
            "CONTINUATION",
            [ended, more(1)],
            .connection([.protocolError, .streamClosed])
        ),
        HTTP2Case(
            "5.1 half closed",
            "WINDOW_UPDATE, PRIORITY, RST_STREAM",
            [ended, .update(1, 1), priority(1, on: 0), .reset(1)],
            .fine
        ),
        HTTP2Case(
            "5.1 reset",
            "DATA",
            [open, .reset(1), .data("x", on: 1)],
            .stream(1, [.streamClosed])
        ),
        HTTP2Case("5.1 reset", "HEADERS", [open, .reset(1), ended], .stream(1, [.streamClosed])),
        HTTP2Case(
            "5.1 reset",
            "CONTINUATION",
            [open, .reset(1), more(1)],
            .connection([.protocolError, .streamClosed])
        ),
        HTTP2Case("5.1 reset", "PRIORITY", [open, .reset(1), priority(1, on: 0)], .fine),
        HTTP2Case(
            "5.1 closed",
            "DATA",
            [ended, .data("x", on: 1)],
            .stream(1, [.streamClosed]),
            response: "HTTP/1.1 204 X\r\n\r\n"
        ),
        HTTP2Case(
            "5.1 closed",
            "HEADERS",
            [ended, ended],
            .connection([.streamClosed]),
            response: "HTTP/1.1 204 X\r\n\r\n"
        ),
        HTTP2Case(
            "5.1 closed",
            "CONTINUATION",
            [ended, more(1)],
            .connection([.protocolError, .streamClosed]),
            response: "HTTP/1.1 204 X\r\n\r\n"
        ),
        HTTP2Case(
            "5.1 closed",
            "WINDOW_UPDATE, RST_STREAM",
            [ended, .update(1, 1), .reset(1)],
            .fine,
            response: "HTTP/1.1 204 X\r\n\r\n"
        ),
        HTTP2Case("5.1.1", "even number", [.headers(get, on: 2)], .connection([.protocolError])),
        HTTP2Case(
            "5.1.1",
            "number below the last",
            [.headers(get, on: 5), .headers(get, on: 3)],
            .connection([.protocolError])
        ),
        HTTP2Case(
            "5.3.1 of 7540",
            "HEADERS depend on themselves",
            [raw(Frame.headers, 1, word(1) + [1] + block(get), flags: 0x25)],
            .stream(1, [.protocolError])
        ),
        HTTP2Case(
            "5.3.1 of 7540",
            "PRIORITY depends on itself",
            [open, priority(1, on: 1)],
            .stream(1, [.protocolError])
        ),
        HTTP2Case(
            "5.4.1",
            "nothing is read after an error",
            [raw(Frame.ping, 0, [1]), ended],
            .connection([.frameSizeError])
        ),
    ]

    static let hpack: [HTTP2Case] = [
        HTTP2Case(
            "7541 2.3.3",
            "index without entry",
            [coded([0xC6] + block(get))],
            .connection([.compressionError])
        ),
        HTTP2Case(
            "7541 4.2",
            "size update at the end",
            [coded(block(get) + [0x20])],
            .connection([.compressionError])
        ),
        HTTP2Case(
            "7541 5.2",
            "padding of 8 bits and more",
            [coded(block(get) + [0, 1, 120, 0x82, 0x1F, 0xFF])],
            .connection([.compressionError])
        ),
        HTTP2Case(
            "7541 5.2",
            "padding of zeros",
            [coded(block(get) + [0, 1, 120, 0x81, 0x18])],
            .connection([.compressionError])
        ),
        HTTP2Case(
            "7541 5.2",
            "EOS in a string",
            [coded(block(get) + [0, 1, 120, 0x84, 0xFF, 0xFF, 0xFF, 0xFF])],
            .connection([.compressionError])
        ),
        HTTP2Case(
            "7541 6.1",
            "index 0",
            [coded(block(get) + [0x80])],
            .connection([.compressionError])
        ),
        HTTP2Case(
            "7541 6.3",
            "size above the limit",
            [coded([0x3F, 0xE2, 0x1F] + block(get))],
            .connection([.compressionError])
        ),
        HTTP2Case(
            "7541 5.1",
            "number over 32 bits",
            [coded([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F])],
            .connection([.compressionError])
        ),
    ]

    @Test("gives each frame its due (RFC 9113 sections 4 to 8)", arguments: frames)
    func frame(it: HTTP2Case) throws { try self.check(it) }

    @Test("keeps the states of streams (RFC 9113 section 5)", arguments: states)
    func state(it: HTTP2Case) throws { try self.check(it) }

    @Test("refuses broken compression (RFC 7541)", arguments: hpack)
    func compression(it: HTTP2Case) throws { try self.check(it) }

    private func check(_ it: HTTP2Case) throws {
        let server = try HTTP2End(.server)
        server.begin()
        if let response = it.response {
            server.react = { [unowned server] event in
                guard case .head = event.kind else { return }
                #expect(server.respond(response, on: event.stream))
            }
        }
        var sent: [RawFrame] = []
        for frame in it.frames {
            server.feed(frame)
            sent += server.frames()
        }
        server.feed(.pingFrame)
        sent += server.frames()
        let goaway = sent.first { $0.type == RawFrame.goaway }
        switch it.verdict {
        case .connection(let codes):
            #expect(codes.contains(goaway?.code ?? .noError))
            #expect(server.session.fault?.code == goaway?.code)
            #expect(sent.last?.type == RawFrame.goaway)
            #expect(server.session.isFinished)
            #expect(server.session.openStreams == 0)
        case .stream(let stream, let codes):
            let reset = sent.first { $0.type == RawFrame.rst && $0.stream == stream }
            #expect(codes.contains(reset?.code ?? goaway?.code ?? .noError), "\(sent)")
        case .fine:
            #expect(goaway == nil)
            #expect(!sent.contains { $0.type == RawFrame.rst })
            let pongs = sent.filter { $0.type == RawFrame.ping && $0.flags == RawFrame.ack }
            #expect(pongs.last?.payload == RawFrame.pingFrame.payload)
        }
    }

    @Test("refuses what is no preface (RFC 9113 section 3.4)")
    func noPreface() throws {
        let server = try HTTP2End(.server)
        server.feed(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        #expect(server.session.fault == HTTP2Fault(code: .protocolError, cause: .preface))
        #expect(server.frames().last?.code == .protocolError)
    }

    @Test("demands SETTINGS behind the preface (RFC 9113 section 3.4)")
    func noSettings() throws {
        let server = try HTTP2End(.server)
        server.feed(preface + RawFrame.pingFrame.bytes)
        #expect(server.session.fault?.code == .protocolError)
    }

    @Test("ignores frames that were under way when it reset a stream (RFC 9113 section 5.1)")
    func lateFrames() throws {
        let server = try HTTP2End(.server)
        server.begin()
        for stream in stride(from: UInt32(1), to: 401, by: 2) {
            server.feed(.headers(post, on: stream, ends: false))
            server.session.reset(Int32(stream), .cancel)
            #expect(server.frames() == [.reset(stream)])
        }
        for stream in [UInt32(1), 399] {
            server.feed(
                .data("x", on: stream),
                .headers([("x", "y")], on: stream),
                .update(stream, 1)
            )
        }
        server.feed(.pingFrame)
        #expect(server.frames().map(\.type) == [RawFrame.ping])
        #expect(server.session.fault == nil)
    }

    @Test("finishes what it began after a GOAWAY of any code (RFC 9113 sections 6.8 and 7)")
    func goaway() throws {
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(.headers(get, on: 1), raw(Frame.goaway, 0, word(0) + word(0xFF)))
        #expect(server.log.last == "0 goaway 0 255")
        #expect(!server.session.isFinished)
        #expect(server.respond("HTTP/1.1 204 X\r\n\r\n", on: 1))
        #expect(server.frames().map(\.type) == [RawFrame.headers])
        #expect(server.session.isFinished)
        #expect(server.session.fault == nil)
    }

    @Test("begins with SETTINGS of its limits and acknowledges those of the peer")
    func settings() throws {
        let server = try HTTP2End(.server)
        let first = server.frames()
        #expect(first.map(\.type) == [RawFrame.settings, RawFrame.update])
        var pairs: [UInt32: UInt32] = [:]
        let payload = first[0].payload
        for at in stride(from: 0, to: payload.count, by: 6) {
            pairs[number(payload[at..<(at + 2)])] = number(payload[(at + 2)..<(at + 6)])
        }
        #expect(pairs == [3: 100, 4: 65_536, 6: 65_536, 8: 1, 9: 1])
        #expect(first[1].payload == word(1_048_576 - 65_535))
        server.feed(preface + RawFrame.settings().bytes)
        #expect(server.frames() == [.settingsAck])
        server.feed(.settingsAck)
        #expect(server.log == ["0 settings", "0 acknowledged"])
    }
}
