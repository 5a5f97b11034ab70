import HashTreeCollections
import MeshPrimitives
import Synchronization
import Testing

@testable import MeshChangelog

@Suite("Writing at one node")
struct WriteTests {
    private func receipts(_ effects: [ChangelogEffect]) -> [ChangelogReceipt] {
        effects.compactMap { effect in
            if case .acknowledged(_, let receipt) = effect { receipt } else { nil }
        }
    }

    private func errors(_ effects: [ChangelogEffect]) -> [ChangelogError] {
        effects.compactMap { effect in
            if case .rejected(_, let error) = effect { error } else { nil }
        }
    }

    private func draft(_ changes: [String: String?]) -> ChangelogDraft {
        ChangelogDraft(changes: changes.mapValues { $0.map { Array($0.utf8) } })
    }

    @Test("shows, passes on and acknowledges nothing before the disk has it")
    func durableFirst() throws {
        var log = try Changelog.empty()
        log.setPeers([ChangelogPeer(node: NodeID(2), region: "here")])
        let effects = try log.write(self.draft(["k/1": "a"]), ticket: 1, at: .zero)
        #expect(effects.count == 1)
        guard case .persist(let batch, let token) = effects[0] else {
            Issue.record("it is saved first")
            return
        }
        #expect(log.state.entities.isEmpty && log.root == .zero)
        #expect(batch.writer != nil && batch.added.count == 1)
        let after = log.persisted(token, batch.prepared(by: .test), at: .zero)
        #expect(after.first == .changed)
        #expect(log.texts == ["k/1": "a"])
        #expect(
            after.contains { effect in
                if case .send(.push(_, wantsAnswer: true), NodeID(2)) = effect {
                    true
                } else {
                    false
                }
            }
        )
        // Alone it is not safe yet.
        #expect(self.receipts(after).isEmpty)
        let held = log.receive(
            .held([log.entries[0].id: log.entries[0].hash]),
            from: NodeID(2),
            at: .zero
        )
        #expect(self.receipts(held).first?.holders == [NodeID(1), NodeID(2)])
        // A second answer, or one for a token of long ago, changes nothing.
        #expect(log.persisted(token, batch.prepared(by: .test), at: .zero).isEmpty)
    }

    @Test("counts generations and numbers, and chains its changesets")
    func chain() throws {
        var log = try Changelog.empty()
        try log.put(["k/1": "a"])
        try log.put(["k/1": "b", "k/2": "c"])
        #expect(log.entries.map(\.changeset.generation) == [1, 2])
        #expect(log.entries.map(\.id.sequence) == [1, 2])
        #expect(log.entries[1].changeset.previous == log.entries[0].hash)
        #expect(log.entries[1].changeset.changes[0].replaces == log.entries[0].hash)
        #expect(log.entries[1].changeset.changes[1].replaces == nil)
        #expect(log.head.generation == 2)
    }

    @Test("leaves out what is there already, and writes nothing when all of it is")
    func nothingToDo() throws {
        var log = try Changelog.empty()
        try log.put(["k/1": "a", "k/2": "b"])
        try log.put(["k/1": "a", "k/2": "c"])
        #expect(log.entries[1].changeset.changes.map(\.key) == ["k/2"])
        let effects = try log.put(["k/1": "a", "k/9": nil])
        #expect(self.receipts(effects).first?.changeset == nil)
        #expect(log.entries.count == 2)
    }

    @Test("saves several writes together while the disk is busy, each upon the one before")
    func groups() throws {
        var log = try Changelog.empty()
        let first = try log.write(self.draft(["k/1": "a"]), ticket: 1, at: .zero)
        #expect(try log.write(self.draft(["k/1": "b"]), ticket: 2, at: .zero).isEmpty)
        #expect(try log.write(self.draft(["k/1": "c"]), ticket: 3, at: .zero).isEmpty)
        let effects = log.saveAll(first)
        #expect(self.receipts(effects).map(\.changeset?.sequence) == [1, 2, 3])
        #expect(effects.filter { if case .persist = $0 { true } else { false } }.count == 1)
        #expect(log.conflicts.isEmpty)
        #expect(log.texts == ["k/1": "c"])
    }

    @Test("refuses a write whose base is not what is there, whole configuration or one entity")
    func expectations() throws {
        var log = try Changelog.empty()
        try log.put(["k/1": "a"])
        let old = log.head.hash
        let held = log.state.entities["k/1"]?.hash
        try log.put(["k/1": "b"], expecting: .head(old))
        #expect(self.errors(try log.put(["k/1": "c"], expecting: .head(old))).count == 1)
        #expect(
            self.errors(try log.put(["k/1": "c"], expecting: .entities(["k/1": held])))
                == [.entityChanged(key: "k/1", held: log.state.entities["k/1"]?.hash)]
        )
        #expect(
            self.errors(try log.put(["k/2": "c"], expecting: .entities(["k/2": nil]))).isEmpty
        )
        #expect(log.texts == ["k/1": "b", "k/2": "c"])
    }

    @Test("refuses what breaks a rule, keys that are none, and what is too large or too much")
    func refusals() throws {
        var configuration = ChangelogConfiguration()
        configuration.changesetByteLimit = 200
        configuration.writeLimit = 2
        var log = try Changelog.empty(configuration: configuration)
        #expect(
            self.errors(try log.put(["r/1": "r>s/1"]))
                == [.refused(reason: "r/1 refers to s/1, which does not exist")]
        )
        #expect(throws: ChangelogError.invalidKey("a b")) { try log.put(["a b": "x"]) }
        #expect(throws: ChangelogError.tooLarge(found: 335, limit: 200)) {
            try log.put(["k/1": String(repeating: "x", count: 300)])
        }
        _ = try log.write(self.draft(["k/1": "a"]), ticket: 1, at: .zero)
        _ = try log.write(self.draft(["k/1": "b"]), ticket: 2, at: .zero)
        _ = try log.write(self.draft(["k/1": "b"]), ticket: 3, at: .zero)
        #expect(throws: ChangelogError.busy(limit: 2)) {
            try log.write(self.draft(["k/1": "b"]), ticket: 4, at: .zero)
        }
    }

    @Test("tells why the disk refused, keeps serving, and never uses the numbers again")
    func diskFull() throws {
        var log = try Changelog.empty()
        try log.put(["k/1": "a"])
        let writer = log.writer
        let effects = try log.write(self.draft(["k/1": "b"]), ticket: 2, at: .zero)
        guard case .persist(let lost, let token) = effects.last else {
            Issue.record("it is saved")
            return
        }
        let failed = log.persistFailed(token, reason: "disk full", at: .zero)
        #expect(self.errors(failed) == [.notSaved(reason: "disk full")])
        #expect(failed.contains(.notice(.notSaved(reason: "disk full"))))
        #expect(log.diskFault == "disk full")
        #expect(log.texts == ["k/1": "a"])
        let next = try log.write(self.draft(["k/1": "c"]), ticket: 3, at: .zero)
        guard case .persist(let batch, _) = next.last else {
            Issue.record("it is saved")
            return
        }
        #expect(batch.added.allSatisfy { $0.id.writer != writer })
        // What the disk may hold of the failed one is taken out.
        #expect(batch.removed == lost.added.map(\.id))
        #expect(log.saveAll(next).contains(.notice(.savedAgain)))
        #expect(log.diskFault == nil)
        #expect(log.texts == ["k/1": "c"])
    }

    @Test("names the entities that changed since a configuration that it remembers")
    func changedKeys() throws {
        var log = try Changelog.empty()
        try log.put(["k/1": "a", "k/2": "b"])
        #expect(log.keysChanged(since: .zero) == ["k/1", "k/2"])
        let first = log.head.hash
        try log.put(["k/2": "c"])
        #expect(log.keysChanged(since: first) == ["k/2"])
        #expect(log.keysChanged(since: .zero) == ["k/1", "k/2"])
        #expect(log.keysChanged(since: log.head.hash) == [])
        #expect(log.keysChanged(since: ContentHash(high: 1, low: 1)) == nil)
        try log.put(["k/2": "b"])
        #expect(log.keysChanged(since: first) == [], "the same content again")
        let many = (0...4_096).map { ("m/\($0)", Optional("\($0)")) }
        try log.put(Dictionary(uniqueKeysWithValues: many))
        #expect(log.keysChanged(since: first) == nil, "comparing everything costs no more")
    }

    @Test("does not work out again what its own writes lead to, unless others came between")
    func advance() throws {
        let reads = Mutex(0)
        let rules = StructuralRules(
            facts: { key, body in
                reads.withLock { $0 += 1 }
                return StructuralRules.test.facts(key, body)
            },
            hash: testHash
        )
        var log = try Changelog(
            node: NodeID(1),
            region: "here",
            stored: StoredChangelog(),
            rules: rules,
            configuration: ChangelogConfiguration(),
            seed: 1
        )
        var effects = try log.write(self.draft(["k/1": "a", "k/2": "b"]), ticket: 1, at: .zero)
        effects += try log.write(self.draft(["k/2": "c"]), ticket: 2, at: .zero)
        // Without the facts that the disk's thread works out, replay would have to read them again.
        while !effects.isEmpty {
            guard case .persist(let batch, let token) = effects.removeFirst() else { continue }
            effects += log.persisted(token, PreparedBatch(batch: batch, folded: nil), at: .zero)
        }
        #expect(reads.withLock { $0 } == 3)
        #expect(log.texts == ["k/1": "a", "k/2": "c"])
        // A peer's changeset of the same generation comes before one that waits for the disk.
        var other = try Changelog.empty(2)
        try other.put(["k/1": "x", "k/3": "y"])
        log.setPeers([ChangelogPeer(node: NodeID(2), region: "here")])
        effects = try log.write(self.draft(["k/1": "z"]), ticket: 3, at: .zero)
        log.take(other.entries, from: NodeID(2))
        log.saveAll(effects)
        var again = try Changelog.empty(3)
        again.setPeers([ChangelogPeer(node: NodeID(1), region: "here")])
        again.take(log.entries, from: NodeID(1))
        #expect(again.texts == log.texts && again.head.hash == log.head.hash)
        #expect(log.texts["k/1"] == "z" && log.texts["k/3"] == "y")
    }

    @Test("takes facts over from whoever has the entities in hand, until the draft changes")
    func handedFacts() throws {
        var log = try Changelog.empty()
        var draft = self.draft(["k/1": "a"])
        let facts = EntityFacts(fault: "is handed over")
        draft.prepare(with: [.init("k/1", Array("a".utf8), facts, rules: .test)])

        let refused = try log.write(draft, ticket: 1, at: .zero)
        #expect(self.errors(refused) == [.refused(reason: "k/1: is handed over")])

        draft.changes["k/1"] = Array("b".utf8)
        draft.prepare(rules: .test)
        log.saveAll(try log.write(draft, ticket: 2, at: .zero))
        #expect(log.texts == ["k/1": "b"])
    }

    @Test("goes on from its disk, and leaves out what does not follow")
    func restart() throws {
        var log = try Changelog.empty()
        for number in 1...5 { try log.put(["k/1": "\(number)"]) }
        var stored = StoredChangelog()
        stored.writer = log.writer
        stored.changesets = log.entries.map(\.bytes).reversed()
        let whole = try Changelog(
            node: NodeID(1),
            region: "here",
            stored: stored,
            rules: .test,
            seed: 1
        )
        #expect(whole.root == log.root && whole.head == log.head)
        stored.changesets.remove(at: 2)
        stored.changesets.append([1, 2, 3])
        let cut = try Changelog(
            node: NodeID(1),
            region: "here",
            stored: stored,
            rules: .test,
            seed: 1
        )
        #expect(cut.texts == ["k/1": "2"])
        stored.checkpoint = StoredCheckpoint(bytes: [9], conflicts: [])
        #expect(throws: ChangelogError.self) {
            try Changelog(node: NodeID(1), region: "", stored: stored, rules: .test, seed: 1)
        }
    }
}
