import MeshMembership
import MeshPrimitives
import Testing

@testable import MeshWire

@Suite("A datagram opener")
struct DatagramOpenerTests {
    private var sealer = DatagramSealer(
        keys: Fixture.keys,
        sender: Fixture.alpha,
        start: Fixture.start(5)
    )
    private var opener = DatagramOpener(keys: Fixture.keys, node: Fixture.beta)

    @Test("opens what a member sealed, and knows who it was")
    mutating func opens() throws {
        let opened = try self.opener.open(self.sealer.seal([1, 2, 3]))

        #expect(opened.sender == Fixture.alpha)
        #expect(opened.body == [1, 2, 3])
    }

    @Test("takes 66 bytes for the seal and refuses bodies that do not fit 1,400")
    mutating func boundsSize() throws {
        let largest = [UInt8](repeating: 7, count: DatagramSealer.bodyByteLimit)

        #expect(try self.sealer.seal(largest).count == 1_400)
        #expect(try self.sealer.seal([]).count == 66)
        #expect(throws: WireError.tooLarge) { try self.sealer.seal(largest + [0]) }
        #expect(throws: WireError.tooLarge) {
            try self.opener.open([UInt8](repeating: 0, count: 1_401))
        }
    }

    @Test("refuses every truncation of a real datagram")
    mutating func refusesTruncation() throws {
        let datagram = try self.sealer.seal(Array(0..<200))

        for count in 0..<datagram.count {
            let error = self.refusal(of: Array(datagram.prefix(count)))
            #expect(error == (count < 66 ? .truncated : .forged))
        }
        #expect(self.refusal(of: datagram + [0]) == .forged)
        #expect(self.refusal(of: datagram) == nil)
    }

    @Test("refuses a real datagram with any one bit flipped")
    mutating func refusesFlippedBits() throws {
        let datagram = try self.sealer.seal(Array(0..<100))

        for index in datagram.indices {
            for bit in 0..<8 {
                var flipped = datagram
                flipped[index] ^= 1 << bit
                let error = self.refusal(of: flipped)
                switch index {
                case 0...1: #expect(error == .notMeshgate)
                case 2: #expect(error == .unknownVersion)
                case 3: #expect(error == .wrongKind)
                case 4...7: #expect(error == .wrongCluster)
                case 8...9: #expect(error == .unknownKeyEpoch)
                default: #expect(error == .forged)
                }
            }
        }
        #expect(self.refusal(of: datagram) == nil, "forgeries must not use up the counter")
    }

    @Test("refuses noise of every length without a trap", arguments: UInt64(0)..<8)
    mutating func refusesNoise(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for count in stride(from: 0, through: 1_500, by: 3) {
            let noise = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            #expect(self.refusal(of: noise) != nil)
        }
    }

    @Test("opens each datagram once, also out of order within the window")
    mutating func refusesReplays() throws {
        let datagrams = try (0..<4_000).map { _ in try self.sealer.seal([]) }

        #expect(self.refusal(of: datagrams[2_500]) == nil)
        #expect(self.refusal(of: datagrams[2_500]) == .replayed)
        #expect(self.refusal(of: datagrams[453]) == nil)
        #expect(self.refusal(of: datagrams[453]) == .replayed)
        #expect(self.refusal(of: datagrams[452]) == .belowWindow)
        #expect(self.refusal(of: datagrams[3_999]) == nil)
        #expect(self.refusal(of: datagrams[453]) == .belowWindow)
    }

    @Test("closes a sender's earlier sessions when its record proves a later start")
    mutating func closesOldSessions() throws {
        let recorded = try self.sealer.seal([1])
        var restarted = DatagramSealer(
            keys: Fixture.keys,
            sender: Fixture.alpha,
            start: Fixture.start(6)
        )

        #expect(self.refusal(of: try restarted.seal([2])) == nil)
        self.opener.prove(Fixture.alpha, Fixture.start(6))
        #expect(self.refusal(of: recorded) == .staleSession)
        #expect(self.refusal(of: try restarted.seal([3])) == nil)
    }

    @Test("keeps a proved session open, whatever start a holder of the ring makes up")
    mutating func keepsProvedSessions() throws {
        self.opener.prove(Fixture.alpha, Fixture.start(5))
        let first = try self.sealer.seal([1])
        #expect(self.refusal(of: first) == nil)
        var forger = DatagramSealer(
            keys: Fixture.keys,
            sender: Fixture.alpha,
            start: Fixture.start(MemberStart.bootLimit)
        )

        #expect(self.refusal(of: try forger.seal([])) == nil, "it may bring the record yet")
        #expect(self.refusal(of: try self.sealer.seal([])) == nil)
        #expect(self.refusal(of: first) == .replayed)
    }

    @Test("takes a restored disk's lower start from its record")
    mutating func takesRestoredDisks() throws {
        self.opener.prove(Fixture.alpha, Fixture.start(9))
        #expect(self.refusal(of: try self.sealer.seal([])) == .staleSession)

        self.opener.prove(Fixture.alpha, Fixture.start(5))

        #expect(self.refusal(of: try self.sealer.seal([])) == nil)
    }

    @Test("refuses a second session of a proved start: a copied disk, or an old one put back")
    mutating func refusesTwins() throws {
        self.opener.prove(Fixture.alpha, Fixture.start(5))
        var twin = DatagramSealer(
            keys: Fixture.keys,
            sender: Fixture.alpha,
            start: Fixture.start(5, token: 78)
        )

        #expect(self.refusal(of: try self.sealer.seal([])) == nil)
        #expect(self.refusal(of: try twin.seal([])) == .staleSession)
    }

    @Test("refuses strangers: another name, another key, another epoch, itself")
    mutating func refusesStrangers() throws {
        let other = "3 7iqqJcGn5wEe4tFBlBfbrnuu5T3uvSwzOlyEyYQ0pnU="
        let moved = "4 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        let named = ClusterKeys(ring: Fixture.ring, clusterName: "other")

        #expect(self.refusal(from: Fixture.alpha, named) == .wrongCluster)
        #expect(self.refusal(from: Fixture.alpha, try Fixture.keys(other)) == .forged)
        #expect(self.refusal(from: Fixture.alpha, try Fixture.keys(moved)) == .unknownKeyEpoch)
        #expect(self.refusal(from: Fixture.beta, Fixture.keys) == .ownMessage)
    }

    @Test("binds the name into the keys, so that an equal tag would not be enough")
    mutating func bindsName() throws {
        let other = ClusterKeys(ring: Fixture.ring, clusterName: "other")
        var sealer = DatagramSealer(keys: other, sender: Fixture.alpha, start: Fixture.start(1))
        var datagram = try sealer.seal([1])

        datagram.replaceSubrange(4..<8, with: try self.sealer.seal([])[4..<8])

        #expect(self.refusal(of: datagram) == .forged)
    }

    @Test("binds the sender into the keys, so that no member can speak in another's name")
    mutating func bindsSender() throws {
        var datagram = try self.sealer.seal([1])
        var name = ByteWriter()
        name.write(Fixture.gamma)

        datagram.replaceSubrange(10..<26, with: name.bytes)

        #expect(self.refusal(of: datagram) == .forged)
    }

    @Test("opens under any key of the ring while keys change hands")
    mutating func rotates() throws {
        let old = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        let new = "2 7iqqJcGn5wEe4tFBlBfbrnuu5T3uvSwzOlyEyYQ0pnU="
        let both = try Fixture.keys("\(old)\n\(new)")
        self.opener = DatagramOpener(keys: both, node: Fixture.beta)

        #expect(self.refusal(from: Fixture.alpha, try Fixture.keys(old)) == nil)
        #expect(self.refusal(from: Fixture.gamma, try Fixture.keys(new)) == nil)
        #expect(self.refusal(from: Fixture.gamma, both, boot: 2) == nil)
    }

    @Test("forgets the sender not heard for longest when its table is full")
    mutating func boundsSenders() throws {
        self.opener = DatagramOpener(keys: Fixture.keys, node: Fixture.beta, limit: 2)
        let first = try self.sealer.seal([])
        #expect(self.refusal(of: first) == nil)
        #expect(self.refusal(from: NodeID(high: 9, low: 1), Fixture.keys) == nil)
        #expect(self.refusal(of: try self.sealer.seal([])) == nil)
        #expect(self.refusal(from: NodeID(high: 9, low: 2), Fixture.keys) == nil)

        #expect(self.refusal(of: first) == .replayed, "alpha was heard later than 9.1")
    }

    private mutating func refusal(of datagram: [UInt8]) -> WireError? {
        do throws(WireError) {
            _ = try self.opener.open(datagram)
            return nil
        } catch {
            return error
        }
    }

    private mutating func refusal(
        from sender: NodeID,
        _ keys: ClusterKeys,
        boot: UInt64 = 1
    ) -> WireError? {
        var sealer = DatagramSealer(keys: keys, sender: sender, start: Fixture.start(boot))
        do throws(WireError) {
            _ = try self.opener.open(sealer.seal([1]))
            return nil
        } catch {
            return error
        }
    }
}
