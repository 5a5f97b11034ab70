import MeshMembership
import MeshObservations
import MeshPrimitives
import Testing

@testable import MeshWire

@Suite("Protocol versions")
struct WireVersionsTests {
    @Test(
        "of a pair are the highest that both speak",
        arguments: [
            (1, 1, 1, 1, 1), (1, 2, 1, 1, 1), (1, 2, 1, 2, 2), (1, 3, 2, 9, 3), (2, 3, 1, 2, 2),
            (1, 1, 2, 3, nil), (4, 5, 1, 3, nil),
        ] as [(UInt8, UInt8, UInt8, UInt8, UInt8?)]
    )
    func highest(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ expected: UInt8?) {
        let (one, other) = (WireVersions(a...b), WireVersions(c...d))

        #expect(one.highest(sharedWith: other) == expected)
        #expect(other.highest(sharedWith: one) == expected)
    }

    @Test("of a mesh that was finalized are not below that")
    func finalized() {
        #expect(WireVersions(1...3).finalized(at: 2) == WireVersions(2...3))
        #expect(WireVersions(2...3).finalized(at: 1) == WireVersions(2...3))
        #expect(WireVersions(1...2).finalized(at: 3) == WireVersions(1...2), "it says what it can")
    }

    @Test("are told and agreed upon by a stream's two first messages")
    func handshake() throws {
        let handshake = StreamHandshake(
            keys: Fixture.keys,
            node: Fixture.alpha,
            versions: WireVersions(1...2)
        )
        let answer = try StreamHandshake.accept(
            hello: handshake.hello,
            keys: Fixture.keys,
            node: Fixture.beta,
            versions: WireVersions(2...7)
        )
        let channel = try handshake.open(welcome: answer.welcome)

        #expect(channel.version == 2)
        #expect(answer.channel.version == 2)
        #expect(channel.peerVersions == WireVersions(2...7))
        #expect(answer.channel.peerVersions == WireVersions(1...2))
    }

    @Test("without one in common still earn a welcome, which tells the other side why")
    func handshakeWithout() throws {
        let handshake = StreamHandshake(keys: Fixture.keys, node: Fixture.alpha)
        let answer = try StreamHandshake.accept(
            hello: handshake.hello,
            keys: Fixture.keys,
            node: Fixture.beta,
            versions: WireVersions(2...3)
        )

        #expect(answer.channel.version == nil)
        let channel = try handshake.open(welcome: answer.welcome)
        #expect(channel.version == nil)
        #expect(channel.peerVersions == WireVersions(2...3))
    }

    @Test("that a node does not speak are not opened")
    func refusesDatagrams() throws {
        var sealer = DatagramSealer(
            keys: Fixture.keys,
            sender: Fixture.alpha,
            start: Fixture.start(1)
        )
        var opener = DatagramOpener(keys: Fixture.keys, node: Fixture.beta)
        let newer = try sealer.seal([1], version: 2)

        #expect(newer[2] == 2)
        #expect(throws: WireError.unknownVersion) { try opener.open(newer) }
        opener.versions = WireVersions(2...2)
        #expect(try opener.open(newer).body == [1])
        let older = try sealer.seal([1], version: 1)
        #expect(throws: WireError.unknownVersion) { try opener.open(older) }
    }
}

@Suite("What newer software says")
struct NewerSoftwareTests {
    @Test("behind the known fields of a record stays in the bytes that are relayed")
    func keepsRecordFields() throws {
        guard case .record(let signed, _) = Fixture.update("a") else { return }
        var profile = signed.record.profile
        profile.additions = [9, 8, 7]
        let record = MemberRecord(
            profile: profile,
            key: Fixture.key.key,
            start: Fixture.start(5),
            mesh: Fixture.mesh.id,
            incarnation: 1,
            ring: Fixture.ring.inventory
        )
        let longer = SignedRecord(record, signing: Fixture.key.identity.sign)
        let message = ClusterMessage.membership(
            Fixture.membership(.gossip, updates: [.record(longer, age: 0)])
        )

        let read = try ClusterMessage.decode(message.encoded, from: Fixture.alpha)

        #expect(longer.bytes.suffix(3) == [9, 8, 7])
        #expect(read == [message])
        #expect(read.map(\.encoded) == [message.encoded])
    }

    @Test("as a record of another format is left out; the rest of the message counts")
    func skipsFormats() throws {
        let messages = ["a", "b"].map { name in
            ClusterMessage.membership(
                Fixture.membership(.gossip, updates: [Fixture.update(name)])
            ).encoded
        }
        var newer = messages[0]
        // Item 6, age 4, signature 64, length 4 behind the header 6 and the fields 34.
        let format = 6 + 34 + 6 + 4 + 64 + 4
        #expect(newer[format] == 1)
        newer[format] = 2

        let read = try ClusterMessage.decode(newer + messages[1], from: Fixture.alpha)

        #expect(read.count == 2)
        #expect(read.first == .membership(Fixture.membership(.gossip)))
        #expect(read.last?.encoded == messages[1])
    }

    @Test("as an observation is kept, and passed on as it came")
    func relaysObservations() throws {
        let word = try #require(UnknownObservation(kind: 99, content: [1, 2, 3]))
        var message = ObservationMessage()
        message.deltas = [
            ObservationDelta(
                owner: Fixture.gamma,
                boot: 1,
                base: 0,
                head: 2,
                newest: 2,
                entries: [
                    .init(sequence: 1, observation: .unknown(word)),
                    .init(sequence: 2, observation: .abstaining(true)),
                ]
            )
        ]
        let encoded = ClusterMessage.observations(message).encoded

        let read = try ClusterMessage.decode(encoded, from: Fixture.alpha)

        #expect(read == [.observations(message)])
        #expect(read.first?.encoded == encoded)
        #expect(
            UnknownObservation(kind: 99, content: [UInt8](repeating: 0, count: 257)) == nil
        )
    }

    @Test("as a record of another type is told apart from what is known")
    func tellsUnknown() throws {
        var unknown: [UInt8] = []
        let body = WireDialect.record(type: 200, content: [1, 2])

        let read = try ClusterMessage.decode(body, from: Fixture.alpha) { type, content in
            unknown = [type] + content
        }

        #expect(read.isEmpty)
        #expect(unknown == [200, 1, 2])
    }
}
