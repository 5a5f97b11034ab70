import MeshHTTP
import Testing

@Suite("A hostile HTTP/2 peer")
struct HTTP2LimitTests {
    private func server(_ change: (inout HTTP2Limits) -> Void = { _ in }) throws -> HTTP2End {
        var limits = HTTP2Limits()
        change(&limits)
        let server = try HTTP2End(.server, limits: limits)
        server.begin()
        return server
    }

    /// Feeds until the connection ends; how many times.
    private func flood(_ server: HTTP2End, most: Int = 3_000, _ next: (UInt32) -> [RawFrame]) -> Int
    {
        for round in 0..<most {
            server.feed(next(UInt32(round)).flatMap(\.bytes))
            if server.session.fault != nil { return round }
            _ = server.frames()
        }
        return most
    }

    private func expectCalm(_ server: HTTP2End, _ cause: HTTP2Cause) {
        let fault = HTTP2Fault(code: .enhanceYourCalm, cause: cause)
        #expect(server.session.fault == fault)
        #expect(server.session.counters.fault == fault)
        let last = server.frames().last
        #expect(last?.type == RawFrame.goaway && last?.code == .enhanceYourCalm)
        #expect(server.session.isFinished)
        #expect(server.session.openStreams == 0)
    }

    @Test("may reset 200 streams in 30 s (CVE-2023-44487)")
    func rapidReset() throws {
        let server = try self.server()
        let count = self.flood(server) { [.headers(get, on: $0 * 2 + 1), .reset($0 * 2 + 1)] }
        #expect(count == 200)
        self.expectCalm(server, .resets)
        #expect(server.session.counters.resetsReceived == 201)
    }

    @Test("may reset 200 streams in every 30 s for ever")
    func slowReset() throws {
        let server = try self.server()
        let count = self.flood(server, most: 1_000) {
            server.now += 150
            return [.headers(get, on: $0 * 2 + 1), .reset($0 * 2 + 1)]
        }
        #expect(count == 1_000)
        #expect(server.session.fault == nil)
    }

    @Test("may make us reset 200 streams in 30 s (CVE-2025-8671)")
    func madeYouReset() throws {
        let server = try self.server()
        let count = self.flood(server) {
            [.headers(post, on: $0 * 2 + 1, ends: false), .update($0 * 2 + 1, 0x7FFF_FFFF)]
        }
        #expect(count == 200)
        self.expectCalm(server, .resets)
    }

    @Test("may send 200 malformed requests in 30 s, read in one piece or one by one")
    func malformed() throws {
        let server = try self.server()
        let bad = get + [("te", "gzip")]
        #expect(self.flood(server) { [.headers(bad, on: $0 * 2 + 1)] } == 200)
        self.expectCalm(server, .resets)
        #expect(server.session.counters.headsMalformed <= 201)
        let other = try self.server { $0.resets = 50 }
        other.feed((0..<51).flatMap { RawFrame.headers(bad, on: $0 * 2 + 1).bytes })
        self.expectCalm(other, .resets)
    }

    @Test("does not pay for resets that the caller asks for")
    func ownResets() throws {
        let server = try self.server()
        let count = self.flood(server, most: 500) { round in
            if round > 0 { server.session.reset(Int32(round) * 2 - 1, .cancel) }
            return [.headers(get, on: round * 2 + 1)]
        }
        #expect(count == 500)
        #expect(server.session.counters.resetsForErrors == 0)
    }

    @Test("may send 200 PINGs (CVE-2019-9512)")
    func pings() throws {
        let server = try self.server()
        #expect(self.flood(server) { _ in [.pingFrame] } == 200)
        self.expectCalm(server, .pings)
    }

    @Test("earns PINGs by content, as bandwidth estimators of gRPC need")
    func earnedPings() throws {
        let server = try self.server()
        server.feed(.headers(post, on: 1, ends: false))
        let count = self.flood(server, most: 1_000) { _ in [.data("x", on: 1), .pingFrame] }
        #expect(count == 1_000)
    }

    @Test("may send 100 SETTINGS (CVE-2019-9515)")
    func settings() throws {
        // One begins the connection.
        let server = try self.server()
        #expect(self.flood(server) { _ in [.settings()] } == 99)
        self.expectCalm(server, .settings)
    }

    @Test("may send 200 PRIORITYs (CVE-2019-9513)")
    func priorities() throws {
        let server = try self.server()
        let frame = RawFrame(type: RawFrame.priority, stream: 1, payload: word(0) + [1])
        #expect(self.flood(server) { _ in [frame] } == 200)
        self.expectCalm(server, .priorities)
    }

    @Test("may send 1,000 WINDOW_UPDATEs without reading anything")
    func updates() throws {
        let server = try self.server()
        #expect(self.flood(server) { _ in [.update(0, 1)] } == 1_000)
        self.expectCalm(server, .windowUpdates)
    }

    @Test("may send 100 empty DATA frames (CVE-2019-9518), plain, padded or ignored")
    func emptyData() throws {
        for padding in [[], [1, 0]] as [[UInt8]] {
            let server = try self.server()
            server.feed(.headers(post, on: 1, ends: false))
            let frame = RawFrame(
                type: RawFrame.data,
                flags: padding.isEmpty ? 0 : RawFrame.padded,
                stream: 1,
                payload: padding
            )
            #expect(self.flood(server) { _ in [frame] } == 100)
            self.expectCalm(server, .emptyFrames)
        }
        let server = try self.server()
        server.feed(.headers(post, on: 1, ends: false))
        server.session.reset(1, .cancel)
        #expect(self.flood(server) { _ in [.data("", on: 1)] } == 100)
        self.expectCalm(server, .emptyFrames)
    }

    @Test("may send 200 frames of unknown types")
    func unknown() throws {
        let server = try self.server()
        #expect(self.flood(server) { _ in [RawFrame(type: 0x20)] } == 200)
        self.expectCalm(server, .unknownFrames)
    }

    @Test("may continue a head 8 times (CVE-2024-28182)")
    func continuations() throws {
        let server = try self.server()
        let begin = RawFrame(type: RawFrame.headers, stream: 1, payload: block(get))
        let more = RawFrame(type: RawFrame.more, stream: 1, payload: block([("x", "y")]))
        let count = self.flood(server, most: 20) { $0 == 0 ? [begin] : [more] }
        #expect(count == 9)
        self.expectCalm(server, .continuations)
    }

    @Test("is told when a head is too large, and goes on")
    func largeHead() throws {
        let server = try self.server { $0.fieldListByteCount = 1_000 }
        server.feed(.headers(get + [("x", String(repeating: "y", count: 900))], on: 1))
        server.feed(.headers(get, on: 3))
        #expect(
            server.log == [
                "1 head headTooLarge", "1 end",
                "3 head GET / HTTP/1.1|Host: a.example|| ends tls", "3 end",
            ]
        )
        #expect(server.session.counters.headsTooLarge == 1)
        #expect(server.respond("HTTP/1.1 431 X\r\n\r\n", on: 1))
        #expect(server.frames().first?.type == RawFrame.headers)
    }

    @Test("is told when a head has too many fields")
    func manyFields() throws {
        let server = try self.server { $0.head.fieldCount = 10 }
        server.feed(.headers(get + (0..<11).map { ("x\($0)", "") }, on: 1))
        #expect(server.log == ["1 head tooManyFields", "1 end"])
    }

    @Test("cannot make one byte per field cost memory (CVE-2016-6581)")
    func bomb() throws {
        let server = try self.server()
        // A field of 4,000 bytes goes into the table, then one byte each repeats it.
        var payload = block(get)
        payload += [0x40] + literal("x") + literal(String(repeating: "y", count: 4_000))
        payload += [UInt8](repeating: 0x80 | 62, count: 1_000)
        server.feed(RawFrame(type: RawFrame.headers, flags: 5, stream: 1, payload: payload))
        self.expectCalm(server, .fieldList)
        #expect(server.log.isEmpty)
    }

    @Test("cannot make the heads of one receipt cost memory without bound")
    func manyBombs() throws {
        let server = try self.server()
        let large = String(repeating: "y", count: 3_900)
        var bytes = RawFrame(
            type: RawFrame.headers,
            flags: 5,
            stream: 1,
            payload: block(get) + [0x40] + literal("x") + literal(large)
        ).bytes
        for stream in 1..<100 as Range<UInt32> {
            let payload = block(get) + [UInt8](repeating: 0x80 | 62, count: 14)
            bytes += RawFrame(type: 1, flags: 5, stream: stream * 2 + 1, payload: payload).bytes
        }
        var textByteCount = 0
        server.react = { event in
            if case .head(let head) = event.kind { textByteCount += head.text.count }
        }
        server.feed(bytes)
        #expect((900_000...1_000_000).contains(textByteCount))
        #expect(server.session.counters.headsTooLarge > 80)
        #expect(server.session.fault == nil)
    }

    @Test("cannot make us queue acknowledgements that it does not read")
    func unreadAcknowledgements() throws {
        let server = try self.server {
            $0.outputByteCount = 100
            $0.pings = 100_000
        }
        for _ in 0..<1_000 where server.session.fault == nil { server.feed(.pingFrame) }
        #expect(
            server.session.fault == HTTP2Fault(code: .enhanceYourCalm, cause: .queuedFrames)
        )
    }

    @Test("cannot make us queue resets that it does not read")
    func unreadResets() throws {
        let server = try self.server {
            $0.outputByteCount = 1
            $0.resets = 100_000
            $0.queuedFrames = 50
        }
        for round in 0..<300 as Range<UInt32> where server.session.fault == nil {
            server.feed(.headers(get + [("te", "x")], on: round * 2 + 1))
        }
        #expect(
            server.session.fault == HTTP2Fault(code: .enhanceYourCalm, cause: .queuedFrames)
        )
    }

    @Test("gets its streams above 100 refused until it knows the limit (section 5.1.2)")
    func concurrency() throws {
        let server = try HTTP2End(.server)
        server.feed(preface + RawFrame.settings().bytes)
        _ = server.frames()
        for index in 0..<102 as Range<UInt32> { server.feed(.headers(get, on: index * 2 + 1)) }
        let refused = server.frames().filter { $0.type == RawFrame.rst }
        #expect(refused == [.reset(201, .refusedStream), .reset(203, .refusedStream)])
        #expect(server.session.counters.streamsRefused == 2)
        #expect(server.session.openStreams == 100)
        server.feed(.settingsAck, .headers(get, on: 205))
        #expect(server.session.fault?.code == .protocolError)
    }

    @Test("gets no reset of its refused streams counted as an error of its own")
    func refusalsAreFree() throws {
        let server = try HTTP2End(.server)
        server.feed(preface + RawFrame.settings().bytes)
        for index in 0..<600 as Range<UInt32> { server.feed(.headers(get, on: index * 2 + 1)) }
        _ = server.frames()
        #expect(server.session.fault == nil)
        #expect(server.session.counters.streamsRefused == 500)
        #expect(server.session.counters.resetsForErrors == 0)
    }

    @Test("that is a target may reset what it likes")
    func target() throws {
        let client = try HTTP2End(.client)
        client.feed(.settings())
        for _ in 0..<500 {
            let stream = try #require(client.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
            _ = client.frames()
            client.feed(.reset(UInt32(stream), .refusedStream))
        }
        #expect(client.session.fault == nil)
        #expect(client.log.last == "999 closed 7 peer")
    }
}
