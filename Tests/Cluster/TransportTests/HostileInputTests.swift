import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshTransport
import MeshWire
import Testing

@Suite("Hostile input at the cluster's port", .serialized, .timeLimit(.minutes(2)))
struct HostileInputTests {
    private let keys = ClusterKeys(ring: TestNode.ring, clusterName: "test")
    private let stranger = NodeID(high: 66, low: 6)

    @Test("of noise disturbs nobody, and no datagram is answered")
    func survivesNoise() async throws {
        let first = try TestNode("node-1")
        let endpoint = try await first.endpoint()
        var generator = SeededGenerator(seed: 5)
        let datagrams = try RawSocket(.datagram, to: endpoint)
        for count in stride(from: 1, to: 1_500, by: 15) {
            datagrams.send((0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
            let stream = try RawSocket(.stream, to: endpoint)
            stream.send((0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
        }
        datagrams.send([])

        let second = try TestNode("node-2", seeds: [endpoint])
        try await eventually("joined in spite of noise") { await allSee([first, second]) }
        try await second.service.put(["a": "1"])
        try await eventually("written in spite of noise") {
            await first.service.texts().count == 1
        }
        let counters = await first.service.status().counters
        #expect(counters.rejected[.truncated, default: 0] > 0)
        #expect(counters.rejected[.notMeshgate, default: 0] > 80)
        #expect(datagrams.receive() == nil)
        await second.kill()
        await first.kill()
    }

    @Test(
        "from a node with another key or cluster name never makes it a member",
        arguments: [
            (KeyRing(secret: [UInt8](repeating: 8, count: 32)), "test", WireError.forged),
            (TestNode.ring, "other", .wrongCluster),
            (KeyRing(epoch: 2, secret: [UInt8](repeating: 7, count: 32)), "test", .unknownKeyEpoch),
        ]
    )
    func refusesStrangers(ring: KeyRing, name: String, reason: WireError) async throws {
        let first = try TestNode("node-1")
        let seed = try await first.endpoint()
        let other = try TestNode("node-2", seeds: [seed], ring: ring, clusterName: name)
        _ = try await other.endpoint()

        try await eventually("three refusals") {
            await first.service.status().counters.rejected[reason, default: 0] >= 3
        }

        let troubles = await first.service.status().troubles
        #expect(troubles.map(\.path) == [.stranger])
        #expect(troubles.map(\.endpoint) == [TestNode.loopback(0)])
        #expect(await first.service.members().count == 1)
        #expect(await other.service.members().count == 1)
        await other.kill()
        await first.kill()
    }

    @Test("from a holder of a key who floods is taken no further than one source may send")
    func limitsSources() async throws {
        try await withCluster(of: 2) { nodes in
            let endpoint = try await nodes[0].endpoint()
            let socket = try RawSocket(.datagram, to: endpoint)
            var sealer = DatagramSealer(
                keys: self.keys,
                sender: self.stranger,
                start: MemberStart(boot: 1, token: 1)
            )
            let accusation = Accusation(
                subject: NodeID(high: 5, low: 5),
                incarnation: 1,
                verdict: .suspect,
                accuser: self.stranger
            )
            let flood = ClusterMessage.membership(
                MembershipMessage(
                    kind: .gossip,
                    sender: self.stranger,
                    senderIncarnation: 1,
                    digest: .zero,
                    mesh: MeshClaim(id: MeshID(1), standing: .alone),
                    updates: Array(repeating: .accusation(accusation), count: 20)
                )
            )
            try await eventually("some of it is refused") {
                for _ in 0..<50 { socket.send(try sealer.seal(flood.encoded)) }
                let rejected = await nodes[0].service.status().counters.rejected
                return rejected[.overLimit, default: 0] > 0
            }
            #expect(await allSee(nodes))
        }
    }

    @Test("that replays a whole recorded stream gets a greeting and then nothing")
    func refusesReplayedStreams() async throws {
        let node = try TestNode("node-1")
        let endpoint = try await node.endpoint()
        let handshake = StreamHandshake(keys: self.keys, node: self.stranger)
        let recording = try RawSocket(.stream, to: endpoint)
        recording.send(FrameAssembler.prefixed(handshake.hello))
        var channel = try handshake.open(welcome: try self.frame(from: recording))
        let ping = ClusterMessage.membership(self.ping(of: node.id))
        let frame = FrameAssembler.prefixed(try channel.seal(ping.encoded))
        recording.send(frame)
        _ = try channel.open(try self.frame(from: recording))

        let replay = try RawSocket(.stream, to: endpoint)
        replay.send(FrameAssembler.prefixed(handshake.hello) + frame)

        _ = try self.frame(from: replay)
        #expect(replay.receive() == [])
        #expect(await node.service.status().counters.rejected == [.forged: 1])
        await node.kill()
    }

    @Test("aside, a sealed ping by stream is answered by an ack of its number")
    func answersStreamProbes() async throws {
        let node = try TestNode("node-1")
        let endpoint = try await node.endpoint()
        let handshake = StreamHandshake(keys: self.keys, node: self.stranger)
        let socket = try RawSocket(.stream, to: endpoint)
        socket.send(FrameAssembler.prefixed(handshake.hello))
        var channel = try handshake.open(welcome: try self.frame(from: socket))
        #expect(channel.peer == node.id)

        let ping = ClusterMessage.membership(self.ping(of: node.id))
        socket.send(FrameAssembler.prefixed(try channel.seal(ping.encoded)))

        let body = try channel.open(try self.frame(from: socket))
        let answers = try ClusterMessage.decode(body, from: node.id)
        guard case .membership(let answer) = answers.first else {
            Issue.record("no membership message")
            return
        }
        #expect(answer.kind == .ack(sequence: 77))
        await node.kill()
    }

    @Test("that connects and says nothing is closed")
    func closesSilentStreams() async throws {
        let node = try TestNode("node-1") { $0.streams.handshakeTimeout = .milliseconds(300) }
        let socket = try RawSocket(.stream, to: try await node.endpoint())

        #expect(socket.receive() == [])
        try await eventually("no stream is left") {
            await node.service.status().counters.inboundStreams == 0
        }
        await node.kill()
    }

    @Test("that holds connections open costs the oldest of them, never a member's")
    func boundsStrangers() async throws {
        let node = try TestNode("node-1") { $0.streams.handshakeTimeout = .seconds(60) }
        let endpoint = try await node.endpoint()
        let oldest = try RawSocket(.stream, to: endpoint)
        let others = try (0..<60).map { _ in try HeldStream(to: endpoint) }

        #expect(oldest.receive() == [])
        let second = try TestNode("node-2", seeds: [endpoint])
        try await eventually("joined in spite of strangers") { await allSee([node, second]) }
        #expect(await node.service.status().counters.inboundStreams <= 33)
        withExtendedLifetime(others) {}
        await second.kill()
        await node.kill()
    }

    @Test("that holds connections open from one address costs none of another's")
    func boundsStrangersByAddress() async throws {
        let node = try TestNode("node-1") { $0.streams.handshakeTimeout = .seconds(60) }
        let endpoint = try await node.endpoint()
        let oldest = try RawSocket(.stream, to: endpoint)
        let others = try (0..<60).map { _ in try HeldStream(to: endpoint, from: 0x7F00_0002) }
        let handshake = StreamHandshake(keys: self.keys, node: self.stranger)
        oldest.send(FrameAssembler.prefixed(handshake.hello))

        _ = try handshake.open(welcome: try self.frame(from: oldest))
        withExtendedLifetime(others) {}
        await node.kill()
    }

    @Test("from one holder of a key who opens stream after stream costs the oldest of its own")
    func boundsStreamsOfOne() async throws {
        let node = try TestNode("node-1")
        let endpoint = try await node.endpoint()
        let oldest = try HeldStream(to: endpoint)
        _ = try self.shakeHands(over: oldest)
        let others = try (0..<12).map { _ in
            let stream = try HeldStream(to: endpoint)
            _ = try self.shakeHands(over: stream)
            return stream
        }

        #expect(oldest.receive() == [])
        #expect(await node.service.status().counters.inboundStreams == 8)
        withExtendedLifetime(others) {}
        await node.kill()
    }

    @Test("of a member that sends more than it may waits, and all of it is read in the end")
    func pacesStreams() async throws {
        let node = try TestNode("node-1") {
            $0.streams.byteRate = 8_192
            $0.streams.byteBurst = 4_096
        }
        let stream = try HeldStream(to: try await node.endpoint())
        var channel = try self.shakeHands(over: stream)
        let ping = ClusterMessage.membership(self.ping(of: node.id))
        let began = ContinuousClock.now
        var sent: [Int] = []
        // What arrives at once is read at once; what comes next waits until that is paid off.
        for _ in 0..<2 {
            let frames = try (0..<100).map { _ in
                FrameAssembler.prefixed(try channel.seal(ping.encoded))
            }
            sent.append(frames.reduce(0) { $0 + $1.count })
            for frame in frames { stream.send(frame) }
            for _ in 0..<100 {
                let body = try channel.open(try stream.frame(by: self.frame(from:)))
                #expect(try ClusterMessage.decode(body, from: node.id).count == 1)
            }
        }
        let debt = sent[0] - 4_096
        #expect(debt > 0)
        #expect(began.duration(to: .now) >= .milliseconds(1_000 * debt / 8_192))
        #expect(await node.service.status().counters.streamsRested > 0)
        await node.kill()
    }

    private func shakeHands(over stream: HeldStream) throws -> StreamChannel {
        let handshake = StreamHandshake(keys: self.keys, node: self.stranger)
        stream.send(FrameAssembler.prefixed(handshake.hello))
        return try handshake.open(welcome: try stream.frame(by: self.frame(from:)))
    }

    private func ping(of node: NodeID) -> MembershipMessage {
        MembershipMessage(
            kind: .ping(sequence: 77, target: node),
            sender: self.stranger,
            senderIncarnation: 1,
            digest: .zero,
            mesh: MeshClaim(id: MeshID(1), standing: .alone),
            updates: []
        )
    }

    private func frame(from socket: borrowing RawSocket) throws -> [UInt8] {
        var assembler = FrameAssembler()
        assembler.allowFrames()
        while true {
            if let frame = try assembler.next() { return frame }
            guard let bytes = socket.receive(limit: 4), !bytes.isEmpty else {
                throw NeverHappened(description: "a frame")
            }
            assembler.append(bytes)
        }
    }
}

/// A stream that is connected for as long as it is kept.
private final class HeldStream {
    private let socket: RawSocket

    init(to endpoint: Endpoint, from source: UInt32 = 0x7F00_0001) throws {
        self.socket = try RawSocket(.stream, to: endpoint, from: source)
    }

    func send(_ bytes: [UInt8]) { self.socket.send(bytes) }

    func receive() -> [UInt8]? { self.socket.receive() }

    func frame(by read: (borrowing RawSocket) throws -> [UInt8]) throws -> [UInt8] {
        try read(self.socket)
    }
}
