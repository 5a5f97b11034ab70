import MeshMembership
import MeshPrimitives
import Testing

@testable import MeshWire

@Suite("A change of keys")
struct KeyRotationTests {
    private static let old = KeyRing(epoch: 1, secret: [UInt8](repeating: 1, count: 32))

    private static func member(
        _ name: String,
        _ ring: KeyRing,
        _ state: MemberState = .alive
    ) -> Member {
        let record = MemberRecord(
            profile: MemberProfile(
                id: Fixture.key.identity.node,
                name: name,
                region: "eu",
                zone: "",
                address: Endpoint(address: .v4(0x7F00_0001), port: 1),
                version: "1"
            ),
            key: Fixture.key.key,
            start: Fixture.start(1),
            mesh: Fixture.mesh.id,
            incarnation: 1,
            ring: ring.inventory
        )
        return Member(
            signed: SignedRecord(record, signing: Fixture.key.identity.sign),
            state: state,
            since: MonotonicInstant(nanoseconds: 0)
        )
    }

    private static func step(
        _ step: KeyRotation.Step,
        _ ring: KeyRing,
        _ members: [Member],
        isForced: Bool = false
    ) throws(KeyRotation.Refusal) -> KeyRing {
        try KeyRotation.ring(after: step, of: ring, members: members, isForced: isForced)
    }

    @Test("stages, activates and retires, each step once everybody took the one before")
    func steps() throws {
        let staged = try Self.step(.stage, Self.old, [Self.member("a", Self.old)])
        #expect(staged.epochs == [1, 2])
        #expect(staged.sealingEpoch == 1)
        #expect(throws: KeyRotation.Refusal.lacking(["a"])) {
            try Self.step(.activate(2), staged, [Self.member("a", Self.old)])
        }

        let active = try Self.step(.activate(2), staged, [Self.member("a", staged)])
        #expect(active.sealingEpoch == 2)
        #expect(throws: KeyRotation.Refusal.lacking(["a"])) {
            try Self.step(.retire(1), active, [Self.member("a", staged)])
        }

        let retired = try Self.step(.retire(1), active, [Self.member("a", active)])
        #expect(retired.epochs == [2])
        #expect(retired.version == 3)
    }

    @Test("refuses to cut off who is away, unless it is forced, and what makes no sense")
    func refuses() throws {
        let staged = try Self.step(.stage, Self.old, [])
        let away = [Self.member("a", Self.old, .failed), Self.member("b", Self.old, .left)]

        #expect(throws: KeyRotation.Refusal.away(["a"])) {
            try Self.step(.activate(2), staged, away)
        }
        #expect(try Self.step(.activate(2), staged, away, isForced: true).sealingEpoch == 2)
        #expect(throws: KeyRotation.Refusal.unknownEpoch(7)) {
            try Self.step(.activate(7), staged, [])
        }
        #expect(throws: KeyRotation.Refusal.isSealing(1)) {
            try Self.step(.retire(1), staged, [])
        }
        var full = Self.old
        for _ in 1..<16 { full = try Self.step(.stage, full, []) }
        #expect(throws: KeyRotation.Refusal.full) { try Self.step(.stage, full, []) }
    }

    @Test("made at two nodes at once ends at one ring, the same at both")
    func settles() throws {
        let one = try Self.step(.stage, Self.old, [])
        let other = try Self.step(.stage, Self.old, [])

        #expect(one.supersedes(other) != other.supersedes(one))
        #expect(one.supersedes(Self.old))
        #expect(!Self.old.supersedes(one))
        #expect(!Self.old.supersedes(Self.old))
    }

    @Test("survives wire and disk, and no noise passes for a ring")
    func documents() throws {
        let staged = try Self.step(.stage, Self.old, [])
        var generator = SeededGenerator(seed: 4)

        #expect(KeyRing(document: staged.document) == staged)
        for count in 0..<staged.document.count {
            #expect(KeyRing(document: Array(staged.document.prefix(count))) == nil)
        }
        for _ in 0..<1_000 {
            let noise = (0..<generator.next(below: 90)).map { _ in
                UInt8(truncatingIfNeeded: generator.next() & 3)
            }
            _ = KeyRing(document: noise)
        }
    }

    @Test("yields to a file with a key that it never had, and to no other file")
    func files() throws {
        let running = try Self.step(
            .retire(1),
            Self.step(.activate(2), Self.step(.stage, Self.old, []), []),
            []
        )
        let fresh = KeyRing(epoch: 3, secret: [UInt8](repeating: 3, count: 32))

        #expect(!Self.old.isReplacement(for: running))
        #expect(fresh.isReplacement(for: running))
        #expect(!running.supersedes(fresh), "a key that came by file is not taken back by the mesh")
        #expect(running.supersedes(Self.old), "an old file is")
    }
}
