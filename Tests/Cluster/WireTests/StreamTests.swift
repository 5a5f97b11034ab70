import MeshPrimitives
import Testing

@testable import MeshWire

@Suite("A stream")
struct StreamTests {
    private let handshake = StreamHandshake(keys: Fixture.keys, node: Fixture.alpha)

    @Test("gives both sides a channel that knows the other")
    func opens() throws {
        var (initiator, responder) = try self.channels()

        #expect(initiator.peer == Fixture.beta)
        #expect(responder.peer == Fixture.alpha)
        for body in [[], [1], [UInt8](repeating: 3, count: StreamChannel.bodyByteLimit)] {
            #expect(try responder.open(initiator.seal(body)) == body)
            #expect(try initiator.open(responder.seal(body)) == body)
        }
    }

    @Test("answers a hello with no more bytes than it has")
    func doesNotAmplify() throws {
        let (welcome, _) = try self.accept(self.handshake.hello)

        #expect(self.handshake.hello.count == StreamHandshake.byteCount)
        #expect(welcome.count == StreamHandshake.byteCount)
    }

    @Test("cannot be replayed: the same hello earns another key")
    func refusesReplayedStream() throws {
        let first = try self.accept(self.handshake.hello)
        var recording = try self.handshake.open(welcome: first.welcome)
        let frame = try recording.seal([1])

        var replayed = try self.accept(self.handshake.hello).channel

        #expect(throws: WireError.forged) { try replayed.open(frame) }
    }

    @Test("refuses a welcome meant for another hello")
    func bindsWelcome() throws {
        let other = StreamHandshake(keys: Fixture.keys, node: Fixture.alpha)
        let (welcome, _) = try self.accept(other.hello)

        #expect(throws: WireError.forged) { try self.handshake.open(welcome: welcome) }
    }

    @Test("refuses a greeting that is cut, changed, of another kind or cluster, or its own")
    func refusesBadGreetings() throws {
        let hello = self.handshake.hello
        let (welcome, _) = try self.accept(hello)
        let named = ClusterKeys(ring: Fixture.ring, clusterName: "other")
        var sealer = DatagramSealer(
            keys: Fixture.keys,
            sender: Fixture.alpha,
            start: Fixture.start(1)
        )
        let datagram = try sealer.seal([])

        for count in hello.indices {
            #expect(throws: WireError.truncated) { try self.accept(Array(hello.prefix(count))) }
            var flipped = hello
            flipped[count] ^= 0x10
            #expect(throws: WireError.self) { try self.accept(flipped) }
            var changed = welcome
            changed[count] ^= 0x10
            #expect(throws: WireError.self) { try self.handshake.open(welcome: changed) }
        }
        #expect(throws: WireError.tooLarge) { try self.accept(hello + [0]) }
        #expect(throws: WireError.wrongKind) { try self.accept(welcome) }
        #expect(throws: WireError.wrongKind) { try self.accept(datagram) }
        #expect(throws: WireError.wrongKind) { try self.handshake.open(welcome: hello) }
        #expect(throws: WireError.wrongCluster) {
            try StreamHandshake.accept(hello: hello, keys: named, node: Fixture.beta)
        }
        #expect(throws: WireError.ownMessage) {
            try StreamHandshake.accept(hello: hello, keys: Fixture.keys, node: Fixture.alpha)
        }
    }

    @Test("opens frames only once, in their order, in their direction, whole and unchanged")
    func bindsFrames() throws {
        var (initiator, responder) = try self.channels()
        let first = try initiator.seal([1])
        let second = try initiator.seal([2])

        #expect(throws: WireError.forged) { try responder.open(second) }
        #expect(throws: WireError.forged) { try initiator.open(first) }
        #expect(throws: WireError.truncated) { try responder.open([1, 2]) }
        #expect(throws: WireError.tooLarge) {
            try responder.open([UInt8](repeating: 0, count: StreamChannel.frameByteLimit))
        }
        for index in first.indices {
            var flipped = first
            flipped[index] ^= 1
            #expect(throws: WireError.forged) { try responder.open(flipped) }
        }
        #expect(try responder.open(first) == [1])
        #expect(throws: WireError.forged) { try responder.open(first) }
        #expect(try responder.open(second) == [2])
    }

    @Test("refuses to seal what no frame holds")
    func boundsFrames() throws {
        var (initiator, _) = try self.channels()
        let body = [UInt8](repeating: 0, count: StreamChannel.bodyByteLimit + 1)

        #expect(throws: WireError.tooLarge) { try initiator.seal(body) }
    }

    @Test("is cut into frames wherever the network cuts it")
    func assembles() throws {
        let frames = [16, 66, 40].map { [UInt8](repeating: UInt8($0), count: $0) }
        let bytes = frames.flatMap { FrameAssembler.prefixed($0) }
        for size in 1...bytes.count {
            var assembler = FrameAssembler()
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                assembler.append(bytes[start..<min(start + size, bytes.count)])
                while let frame = try assembler.next() { found.append(frame) }
            }
            #expect(found == frames)
            #expect(assembler.pendingByteCount == 0)
        }
    }

    @Test("refuses lengths that no frame has before it holds their bytes")
    func boundsLengths() throws {
        var stranger = FrameAssembler()
        stranger.append([0, 0, 0, 69])
        #expect(throws: WireError.tooLarge) { try stranger.next() }

        var peer = FrameAssembler()
        peer.allowFrames()
        peer.append([0, 0, 0, 67])
        #expect(try peer.next() == nil)
        for length in [[0, 0x10, 0, 0], [255, 255, 255, 255]] as [[UInt8]] {
            var peer = FrameAssembler()
            peer.allowFrames()
            peer.append(length)
            #expect(throws: WireError.tooLarge) { try peer.next() }
        }
        var short = FrameAssembler()
        short.append([0, 0, 0, 15])
        #expect(throws: WireError.truncated) { try short.next() }
    }

    private func accept(_ hello: [UInt8]) throws -> (welcome: [UInt8], channel: StreamChannel) {
        try StreamHandshake.accept(hello: hello, keys: Fixture.keys, node: Fixture.beta)
    }

    private func channels() throws -> (initiator: StreamChannel, responder: StreamChannel) {
        let (welcome, responder) = try self.accept(self.handshake.hello)
        return (try self.handshake.open(welcome: welcome), responder)
    }
}
