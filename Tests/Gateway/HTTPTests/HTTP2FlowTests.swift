import MeshHTTP
import Testing

@Suite("HTTP/2 flow control (RFC 9113 section 5.2)")
struct HTTP2FlowTests {
    private let text = String(repeating: "0123456789", count: 10_000)

    @Test("sends what the window allows at once and keeps the rest")
    func sending() throws {
        let server = try HTTP2End(.server)
        server.begin([(4, 1_000)])
        server.feed(.headers(get, on: 1))
        #expect(server.respond("HTTP/1.1 200 OK\r\n\r\n", on: 1, ends: false))
        #expect(server.send(String(self.text.prefix(2_500)), on: 1, ends: true))
        #expect(server.session.waiting(on: 1) == 1_500)
        #expect(server.frames().map(\.payload.count).last == 1_000)
        server.feed(.update(1, 1_499))
        #expect(server.session.waiting(on: 1) == 1)
        #expect(!server.log.contains("1 drained"))
        server.feed(.update(1, 10))
        #expect(server.session.waiting(on: 1) == 0)
        let frames = server.frames()
        #expect(frames.map(\.payload.count) == [1_499, 1])
        #expect(frames.last?.flags == RawFrame.endStream)
        #expect(server.log.suffix(2) == ["1 drained", "1 closed 0"])
    }

    @Test("follows a change of the initial window, below zero too (section 6.9.2)")
    func initialWindow() throws {
        let server = try HTTP2End(.server)
        server.begin([(4, 3)])
        server.feed(.headers(get, on: 1))
        #expect(server.respond("HTTP/1.1 200 OK\r\n\r\n", on: 1, ends: false))
        server.send("abcdef", on: 1)
        #expect(server.frames().last?.payload.count == 3)
        server.feed(.settings([(4, 2)]))
        server.feed(.update(1, 1))
        #expect(server.frames().map(\.type) == [RawFrame.settings])
        server.feed(.update(1, 1))
        #expect(server.frames().last?.payload == Array("d".utf8))
    }

    @Test("keeps to the connection's window")
    func connectionWindow() throws {
        let server = try HTTP2End(.server)
        server.begin([(4, 1_000_000)])
        server.feed(.headers(get, on: 1))
        #expect(server.respond("HTTP/1.1 200 OK\r\n\r\n", on: 1, ends: false))
        server.send(self.text, on: 1)
        let sent = server.frames().filter { $0.type == RawFrame.data }.map(\.payload.count)
        #expect(sent.reduce(0, +) == 65_535)
        #expect(sent.allSatisfy { $0 <= 16_384 })
        server.feed(.update(0, 100_000))
        #expect(server.session.waiting(on: 1) == 0)
    }

    @Test("makes no frames far ahead of a reader that is slow, whatever its window")
    func slowReader() throws {
        var limits = HTTP2Limits()
        limits.outputByteCount = 20_000
        let server = try HTTP2End(.server, limits: limits)
        server.begin([(4, 0x7FFF_FFFF)])
        server.feed(.headers(get, on: 1), .update(0, 0x7000_0000))
        #expect(server.respond("HTTP/1.1 200 OK\r\n\r\n", on: 1, ends: false))
        server.send(self.text, on: 1, ends: true)
        #expect(server.session.waiting(on: 1) > 60_000)
        #expect(server.session.output.count < 40_000)
        let frames = server.frames()
        #expect(
            frames.filter { $0.type == RawFrame.data }.flatMap(\.payload) == Array(self.text.utf8)
        )
        #expect(server.log.suffix(2) == ["1 drained", "1 closed 0"])
    }

    @Test("takes no more when too much waits already")
    func tooMuchWaits() throws {
        var limits = HTTP2Limits()
        limits.waitingByteCount = 50_000
        let server = try HTTP2End(.server, limits: limits)
        server.begin([(4, 0)])
        server.feed(.headers(get, on: 1))
        #expect(server.respond("HTTP/1.1 200 OK\r\n\r\n", on: 1, ends: false))
        #expect(server.send(self.text, on: 1))
        #expect(!server.send("x", on: 1))
        #expect(server.session.waiting(on: 1) == 100_000)
    }

    @Test("credits the connection on receipt and a stream when its content went on")
    func receiving() throws {
        let server = try HTTP2End(.server)
        server.consumes = false
        server.begin()
        server.feed(.headers(post, on: 1, ends: false))
        let piece = RawFrame.data(String(self.text.prefix(16_000)), on: 1)
        for _ in 0..<4 { server.feed(piece) }
        #expect(server.frames().isEmpty)
        server.session.consume(40_000, on: 1)
        #expect(server.frames() == [.update(1, 40_000)])
        server.feed(piece, piece)
        #expect(server.session.fault == nil)
    }

    @Test("resets a stream that sends over its window (section 6.9.1)")
    func overflow() throws {
        let server = try HTTP2End(.server)
        server.consumes = false
        server.begin()
        server.feed(.headers(post, on: 1, ends: false))
        let piece = RawFrame.data(String(self.text.prefix(16_384)), on: 1)
        for _ in 0..<4 { server.feed(piece) }
        #expect(server.session.fault == nil && server.frames().isEmpty)
        server.feed(.data("x", on: 1))
        let frames = server.frames()
        #expect(frames.contains { $0.code == .flowControlError })
    }

    @Test("credits the connection for what nobody reads, so that others go on")
    func ignoredContent() throws {
        let server = try HTTP2End(.server)
        server.consumes = false
        server.begin()
        let piece = RawFrame.data(String(self.text.prefix(16_000)), on: 1)
        server.feed(.headers(post, on: 1, ends: false))
        server.session.reset(1, .cancel)
        var credit = 1_048_576
        for _ in 0..<200 {
            server.feed(piece)
            credit -= 16_000
            for frame in server.frames() where frame.type == RawFrame.update {
                credit += Int(number(frame.payload[...]))
            }
        }
        #expect(server.session.fault == nil)
        #expect(credit > 500_000)
    }

    @Test("stops both ways and goes on both ways")
    func bothWays() throws {
        var limits = HTTP2Limits()
        limits.streamWindowByteCount = 1_000
        let pair = try HTTP2Pair(limits)
        pair.client.consumes = false
        pair.server.consumes = false
        let stream = try #require(
            pair.client.request("POST / HTTP/1.1\r\nHost: a\r\n\r\n", ends: false)
        )
        pair.client.send(self.text, on: stream, ends: true)
        pair.exchange()
        #expect(pair.server.respond("HTTP/1.1 200 OK\r\n\r\n", on: stream, ends: false))
        pair.server.send(self.text, on: stream, ends: true)
        pair.exchange()
        #expect(pair.server.content[stream]?.count == 1_000)
        #expect(pair.client.content[stream]?.count == 1_000)
        for _ in 0..<200 {
            pair.client.session.consume(1_000, on: stream)
            pair.server.session.consume(1_000, on: stream)
            pair.exchange()
        }
        #expect(pair.server.content[stream] == Array(self.text.utf8))
        #expect(pair.client.content[stream] == Array(self.text.utf8))
        #expect(pair.client.log.last == "1 closed 0")
        #expect(pair.server.log.last == "1 closed 0")
    }
}
