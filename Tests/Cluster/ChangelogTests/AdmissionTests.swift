import MeshPrimitives
import Testing

@testable import MeshChangelog

@Suite("What peers send")
struct AdmissionTests {
    private let peer = NodeID(2)

    private func receiver(keys: WriterKeys? = nil) throws -> Changelog {
        var log = try Changelog.empty(keys: keys)
        log.setPeers([ChangelogPeer(node: self.peer, region: "here")])
        return log
    }

    private func notices(_ effects: [ChangelogEffect]) -> [ChangelogNotice] {
        effects.compactMap { if case .notice(let notice) = $0 { notice } else { nil } }
    }

    private func changeset(
        generation: UInt64,
        sequence: UInt64 = 1,
        previous: ContentHash = .zero,
        text: String = "x",
        writer: WriterID = WriterID(50),
        keys: WriterKeys? = nil
    ) -> EncodedChangeset {
        EncodedChangeset(
            Changeset(
                id: ChangesetID(writer: writer, sequence: sequence),
                previous: previous,
                generation: generation,
                node: self.peer,
                wallMilliseconds: 0,
                author: "",
                message: "",
                changes: [Changeset.Change(key: "k/1", replaces: nil, body: Array(text.utf8))]
            ),
            keys: keys,
            hash: testHash
        )
    }

    /// Keys whose seals are the node's number and the bytes.
    private func keys(of node: NodeID) -> WriterKeys {
        WriterKeys(
            seal: { [UInt8(node.low)] + $0 },
            isGenuine: { $1 == [UInt8($0.low)] + $2 }
        )
    }

    @Test("counts when the node that is named as its writer has sealed it, and else not")
    func seals() throws {
        var generator = SeededGenerator(seed: 1)
        let own = WriterID(of: self.peer, using: &generator)
        let genuine = self.changeset(generation: 1, writer: own, keys: self.keys(of: self.peer))
        var appended = genuine.bytes
        appended.append(7)
        let cases: [(name: String, bytes: [UInt8], isTaken: Bool)] = [
            ("sealed by its writer", genuine.bytes, true),
            ("with a byte more", appended, false),
            ("not sealed", self.changeset(generation: 1, writer: own).bytes, false),
            (
                "sealed by another",
                self.changeset(generation: 1, writer: own, keys: self.keys(of: NodeID(3))).bytes,
                false
            ),
            (
                "under another's store",
                self.changeset(
                    generation: 1,
                    writer: WriterID(of: NodeID(3), using: &generator),
                    keys: self.keys(of: self.peer)
                ).bytes,
                false
            ),
        ]
        for one in cases {
            var log = try self.receiver(keys: self.keys(of: NodeID(1)))
            var effects: [ChangelogEffect] = []
            let admission = log.admit(one.bytes, from: self.peer, &effects)
            #expect(admission == (one.isTaken ? .staged : .refused), "\(one.name)")
            #expect(self.notices(effects).isEmpty == one.isTaken, "\(one.name)")
        }
    }

    @Test("Writes of its own are sealed, under a store that is its node's")
    func sealsOwn() throws {
        let keys = self.keys(of: NodeID(1))
        var log = try self.receiver(keys: keys)
        let effects = try log.put(["k/1": "x"])
        let written = effects.flatMap { effect -> [EncodedChangeset] in
            if case .persist(let batch, _) = effect { batch.added } else { [] }
        }
        #expect(written.count == 1)
        #expect(written.allSatisfy { $0.isGenuine(keys, hash: testHash) })
    }

    @Test("is answered as held only when the disk has it")
    func answers() throws {
        var log = try self.receiver()
        let entry = self.changeset(generation: 1)
        let effects = log.receive(
            .push([ChangesetPart(whole: entry)], wantsAnswer: true),
            from: self.peer,
            at: .zero
        )
        let answer = ChangelogEffect.send(.held([entry.id: entry.hash]), to: self.peer)
        #expect(!effects.contains(answer))
        #expect(log.saveAll(effects).contains(answer))
        let again = log.receive(
            .push([ChangesetPart(whole: entry)], wantsAnswer: true),
            from: self.peer,
            at: .zero
        )
        #expect(again == [answer])
    }

    @Test("is refused and shown once when its generation lies too far ahead")
    func farGenerations() throws {
        var log = try self.receiver()
        for generation: UInt64 in [.max, (1 << 20) + 1] {
            let entry = self.changeset(generation: generation)
            let shown = self.notices(log.take([entry], from: self.peer))
            if generation == .max {
                #expect(shown == [.generationAhead(entry.id, generation: .max, held: 0)])
            }
        }
        #expect(log.entries.isEmpty)
        log.take([self.changeset(generation: 1 << 20)], from: self.peer)
        #expect(log.head.generation == 1 << 20)
    }

    @Test("is left out when the one before is missing, or does not come before")
    func gaps() throws {
        var log = try self.receiver()
        let first = self.changeset(generation: 5)
        log.take(
            [self.changeset(generation: 6, sequence: 2, previous: first.hash)],
            from: self.peer
        )
        #expect(log.entries.isEmpty)
        log.take([first], from: self.peer)
        log.take(
            [self.changeset(generation: 5, sequence: 2, previous: first.hash)],
            from: self.peer
        )
        #expect(log.entries == [first])
    }

    @Test("is ignored from strangers")
    func strangers() throws {
        var log = try self.receiver()
        #expect(log.take([self.changeset(generation: 1)], from: NodeID(77)).isEmpty)
        #expect(log.peerRoot(NodeID(77), ContentHash(high: 1, low: 1), at: .zero).isEmpty)
    }

    @Test("is shown when it is no changeset")
    func junk() throws {
        var log = try self.receiver()
        let part = ChangesetPart(
            id: ChangesetID(writer: WriterID(1), sequence: 1),
            hash: .zero,
            total: 2,
            offset: 0,
            bytes: [1, 2]
        )
        let effects = log.receive(.push([part], wantsAnswer: false), from: self.peer, at: .zero)
        #expect(self.notices(effects).count == 1)
    }

    @Test("makes a store take a new name when peers hold more under its own")
    func restoredDisk() throws {
        var log = try self.receiver()
        try log.put(["k/9": "a"])
        let old = log.writer
        var vector = log.vector
        vector[old] = VersionVector.Entry(sequence: 4, head: ContentHash(high: 4, low: 4))
        let summary = ChangelogSummary(
            vector: vector,
            floor: VersionVector(),
            horizon: .start,
            checkpoint: .zero
        )
        let effects = log.receive(.inquiry(summary), from: self.peer, at: .zero)
        #expect(self.notices(effects) == [.writerReplaced(old, by: log.writer)])
        #expect(log.writer != old)
        try log.put(["k/9": "b"])
        #expect(log.entries.last?.id == ChangesetID(writer: log.writer, sequence: 1))
    }

    @Test("asks one peer at a time, and leaves one that has nothing alone for longer and longer")
    func pauses() throws {
        var log = try self.receiver()
        let root = ContentHash(high: 9, low: 9)
        var times: [Int64] = []
        for step in 0..<400 {
            let now = MonotonicInstant(nanoseconds: Int64(step) * 50_000_000)
            var effects = log.peerRoot(self.peer, root, at: now)
            effects += log.wake(at: now)
            for case .stream(.inquiry, _) in effects {
                times.append(now.nanoseconds)
                let empty = ChangelogSummary(
                    vector: VersionVector(),
                    floor: VersionVector(),
                    horizon: .start,
                    checkpoint: .zero
                )
                _ = log.receive(.summary(empty), from: self.peer, at: now)
            }
        }
        let gaps = zip(times, times.dropFirst()).map { $1 - $0 }
        #expect(gaps == gaps.sorted())
        #expect((4...8).contains(times.count), "\(gaps)")
    }
}
