import MeshMembership
import MeshObservations
import MeshPrimitives
import Testing

@testable import MeshWire

@Suite("A cluster message")
struct ClusterMessageTests {
    @Test("comes back as it was sent", arguments: Fixture.messages)
    func roundTrip(message: ClusterMessage) throws {
        #expect(try ClusterMessage.decode(message.encoded, from: Fixture.alpha) == [message])
    }

    @Test("takes its sender from the seal, not from the content")
    func senderIsProved() throws {
        let message = ClusterMessage.membership(Fixture.membership(.gossip))

        guard
            case .membership(let decoded) = try ClusterMessage.decode(
                message.encoded,
                from: Fixture.gamma
            ).first
        else {
            Issue.record("not a membership message")
            return
        }
        #expect(decoded.sender == Fixture.gamma)
    }

    @Test("takes no more bytes than the membership counts with", arguments: Fixture.messages)
    func membershipSize(message: ClusterMessage) {
        guard case .membership(let content) = message else { return }

        #expect(message.encoded.count <= content.wireByteCount)
    }

    @Test("takes two bytes less for a member update than the membership counts with")
    func updateSize() {
        let updates = [
            Fixture.update("a"), Fixture.update("b", address: "[::1]:1"), Fixture.accusation,
        ]
        for update in updates {
            var writer = ByteWriter()
            writer.writeItem { $0.write(update) }
            #expect(writer.bytes.count == update.wireByteCount - 2)
        }
    }

    @Test("of the largest size each core makes fits the datagram and the frame")
    func limitsAgree() {
        let membership = MembershipConfiguration()
        let observations = ObservationConfiguration()
        let spare = MembershipMessage.fixedByteCount - 70

        #expect(membership.datagramByteLimit - spare <= DatagramSealer.bodyByteLimit)
        #expect(observations.datagramByteCount <= DatagramSealer.bodyByteLimit)
        #expect(membership.streamByteLimit <= StreamChannel.bodyByteLimit)
        #expect(observations.streamByteCount + 1_024 <= StreamChannel.bodyByteLimit)
    }

    @Test("skips records, kinds and states of newer software, and reads on")
    func skipsUnknown() throws {
        let known = ClusterMessage.membership(Fixture.membership(.ack(sequence: 3)))
        var newerKind = ClusterMessage.membership(Fixture.membership(.gossip)).encoded
        newerKind[6] = 99
        let newerType: [UInt8] = [200, 1, 0, 0, 0, 2, 8, 9]

        let body = newerType + newerKind + known.encoded

        #expect(try ClusterMessage.decode(body, from: Fixture.alpha) == [known])
        #expect(try ClusterMessage.decode([], from: Fixture.alpha).isEmpty)
    }

    @Test("leaves an accusation of a newer kind out, and keeps the rest")
    func skipsUnknownVerdict() throws {
        let update = Fixture.update("a")
        let message = ClusterMessage.membership(
            Fixture.membership(.gossip, updates: [update, Fixture.accusation])
        )
        var body = message.encoded
        body[body.count - 25] = 77

        let one = ClusterMessage.membership(Fixture.membership(.gossip, updates: [update]))
        #expect(try ClusterMessage.decode(body, from: Fixture.alpha) == [one])
    }

    @Test("carries six signed records in a datagram")
    func recordsPerDatagram() {
        let room = MembershipConfiguration().datagramByteLimit - MembershipMessage.fixedByteCount

        #expect(room / Fixture.update("eu-1").wireByteCount == 6)
    }

    @Test("ignores fields that newer software adds behind the known ones")
    func skipsAddedFields() throws {
        let message = ClusterMessage.membership(Fixture.membership(.gossip))
        var longer = message.encoded
        longer += [77, 0, 0, 0, 0, 3, 1, 2, 3]
        longer[5] += 9

        #expect(try ClusterMessage.decode(longer, from: Fixture.alpha) == [message])
    }

    @Test("looks at no more than 64 records of one body")
    func boundsRecords() throws {
        let one = ClusterMessage.membership(Fixture.membership(.gossip))
        let body = (0..<100).flatMap { _ in one.encoded }

        #expect(try ClusterMessage.decode(body, from: Fixture.alpha).count == 64)
    }

    @Test("cut anywhere is refused or read as less, without a trap", arguments: Fixture.messages)
    func survivesTruncation(message: ClusterMessage) {
        let body = message.encoded
        for count in 1..<body.count {
            #expect(throws: WireError.malformed) {
                try ClusterMessage.decode(Array(body.prefix(count)), from: Fixture.alpha)
            }
        }
    }

    @Test("with any byte changed is refused or read, without a trap", arguments: Fixture.messages)
    func survivesDamage(message: ClusterMessage) {
        let body = message.encoded
        for index in body.indices where index < 400 {
            for value in [0, 1, 0x7F, 0x80, 0xFF] as [UInt8] {
                var damaged = body
                damaged[index] = value
                _ = try? ClusterMessage.decode(damaged, from: Fixture.alpha)
            }
        }
    }

    @Test("made of noise is refused or read, without a trap", arguments: UInt64(0)..<200)
    func survivesNoise(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for type in UInt8(0)..<26 {
            let count = generator.next(below: 300)
            let noise = (0..<count).map { _ in
                UInt8(truncatingIfNeeded: generator.next() >> UInt64(generator.next(below: 8)))
            }
            let head: [UInt8] = [type, 0, 0, 0, UInt8(count >> 8), UInt8(count & 255)]
            _ = try? ClusterMessage.decode(head + noise, from: Fixture.alpha)
            _ = try? ClusterMessage.decode(noise, from: Fixture.alpha)
        }
    }

    @Test("that announces four billion entries is refused before anything is kept")
    func refusesHugeCounts() {
        let digest: [UInt8] = [8, 0, 0, 0, 0, 5, 0, 255, 255, 255, 255]
        let length: [UInt8] = [1, 0, 255, 255, 255, 255, 0]

        for body in [digest, length] {
            #expect(throws: WireError.malformed) {
                try ClusterMessage.decode(body, from: Fixture.alpha)
            }
        }
    }
}
