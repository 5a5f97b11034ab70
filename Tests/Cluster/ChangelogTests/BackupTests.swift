import MeshPrimitives
import Testing

@testable import MeshChangelog

@Suite("A backup of a changelog")
struct ChangelogBackupTests {
    /// A log with a checkpoint and changesets after it.
    private static func sample() throws -> Changelog {
        var configuration = ChangelogConfiguration()
        configuration.historyCount = 4
        configuration.foldCount = 4
        var log = try Changelog.empty(configuration: configuration)
        for number in 1...20 { try log.put(["k/\(number)": "\(number)"]) }
        #expect(!log.checkpointBytes.isEmpty)
        #expect(log.history.changesets.count < 20)
        return log
    }

    @Test("brings state and history back into an empty log, which goes on under its own name")
    func restore() throws {
        let log = try Self.sample()
        var other = try Changelog.empty(2)
        let effects = try other.restore(log.stored, ticket: 7, at: .zero)
        guard case .persist(let batch, _)? = effects.first else {
            Issue.record("it is saved")
            return
        }
        #expect(batch.added == log.entries)
        #expect(batch.checkpoint == log.stored.checkpoint)
        #expect(other.texts.isEmpty, "nothing is shown before the disk has it")
        let after = other.saveAll(effects)

        #expect(after.contains(.changed))
        #expect(
            after.contains { effect in
                if case .acknowledged(7, let receipt) = effect {
                    receipt.head == log.head
                } else {
                    false
                }
            }
        )
        #expect(other.texts == log.texts)
        #expect(other.head == log.head)
        #expect(other.root == log.root)
        #expect(other.entries == log.entries)
        try other.put(["k/21": "21"])
        #expect(other.entries.last?.id.writer != log.entries.last?.id.writer)
        #expect(other.head.generation == log.head.generation + 1)
    }

    @Test("is not mixed into a log that holds something")
    func occupied() throws {
        let log = try Self.sample()
        var other = try Changelog.empty(2)
        try other.put(["k/1": "other"])
        let head = other.head
        #expect(throws: ChangelogError.occupied(held: head)) {
            try other.restore(log.stored, ticket: 1, at: .zero)
        }
        #expect(other.texts == ["k/1": "other"])
    }

    @Test("is refused when a changeset is missing or damaged, and when it holds nothing")
    func damage() throws {
        let stored = try Self.sample().stored
        var other = try Changelog.empty(2)
        var missing = stored
        missing.changesets.removeFirst()
        var damaged = stored
        damaged.changesets[1][60] ^= 1
        for bad in [missing, damaged, StoredChangelog()] {
            #expect(throws: ChangelogError.self) {
                try other.restore(bad, ticket: 1, at: .zero)
            }
            #expect(other.texts.isEmpty)
        }
    }

    @Test("changes nothing when the disk does not take it, and can be tried again")
    func failedDisk() throws {
        let log = try Self.sample()
        var other = try Changelog.empty(2)
        let effects = try other.restore(log.stored, ticket: 1, at: .zero)
        guard case .persist(_, let token)? = effects.first else {
            Issue.record("it is saved")
            return
        }
        let failed = other.persistFailed(token, reason: "full", at: .zero)
        #expect(failed.contains(.rejected(ticket: 1, .notSaved(reason: "full"))))
        #expect(other.texts.isEmpty)
        _ = other.saveAll(try other.restore(log.stored, ticket: 2, at: .zero))
        #expect(other.texts == log.texts)
    }

    @Test("is told to peers as changesets, when several fit some datagrams")
    func datagrams() throws {
        var log = try Changelog.empty()
        log.setPeers([ChangelogPeer(node: NodeID(2), region: "here")])
        let first = try log.write(ChangelogDraft(changes: ["k/0": [0]]), ticket: 0, at: .zero)
        // What comes while the disk is busy goes to it together.
        for number in 1...20 {
            let body = [UInt8](repeating: UInt8(number), count: 200)
            _ = try log.write(
                ChangelogDraft(changes: ["k/\(number)": body]),
                ticket: UInt64(number),
                at: .zero
            )
        }
        let effects = log.saveAll(first)
        var pushes = 0
        var told: Set<ChangesetID> = []
        for case .send(.push(let parts, true), _) in effects {
            pushes += 1
            told.formUnion(parts.map(\.id))
            #expect(parts.reduce(0) { $0 + $1.bytes.count } <= 1_100)
        }
        #expect(told.count == 21)
        #expect((6...16).contains(pushes))
    }
}
