import HashTreeCollections
import MeshPrimitives
import Synchronization
import Testing

@testable import MeshChangelog

@Suite("Replaying changesets")
struct ReplayTests {
    /// Makes changesets of several writers, each seen by the next or not.
    private func write(
        _ writer: Int,
        _ sequence: UInt64,
        generation: UInt64,
        previous: ContentHash = .zero,
        origin: ContentHash? = nil,
        _ changes: [Changeset.Change]
    ) -> EncodedChangeset {
        EncodedChangeset(
            Changeset(
                id: ChangesetID(writer: WriterID(writer), sequence: sequence),
                previous: previous,
                generation: generation,
                node: NodeID(writer),
                wallMilliseconds: 0,
                author: "",
                message: "",
                origin: origin,
                changes: changes
            ),
            hash: testHash
        )
    }

    private func change(
        _ key: String,
        _ text: String?,
        replaces: ContentHash? = nil
    )
        -> Changeset.Change
    {
        Changeset.Change(key: key, replaces: replaces, body: text.map { Array($0.utf8) })
    }

    private func replay(_ entries: [EncodedChangeset]) -> ReplayLog {
        var log = ReplayLog(checkpoint: Checkpoint(), rules: .test)
        log.replace([], with: entries)
        return log
    }

    @Test("gives the same state and hash in whatever order and pieces changesets arrive")
    func orderOfArrivalIsNothing() {
        var generator = SeededGenerator(seed: 11)
        var chains: [[EncodedChangeset]] = []
        for writer in 1...5 {
            var chain: [EncodedChangeset] = []
            for number in 0..<60 {
                let key = "k/\(generator.next(below: 20))"
                let body: String? =
                    generator.next(below: 4) == 0 ? nil : "v\(generator.next(below: 9))"
                chain.append(
                    self.write(
                        writer,
                        UInt64(number + 1),
                        generation: (chain.last?.changeset.generation ?? 0)
                            + UInt64(1 + generator.next(below: 3)),
                        previous: chain.last?.hash ?? .zero,
                        [self.change(key, body)]
                    )
                )
            }
            chains.append(chain)
        }
        let whole = self.replay(chains.flatMap { $0 })
        for _ in 0..<6 {
            var log = self.replay([])
            var rest = chains.map { $0[...] }
            while rest.contains(where: { !$0.isEmpty }) {
                let index = generator.next(below: rest.count)
                let count = generator.next(below: 9)
                log.replace([], with: Array(rest[index].prefix(count)))
                rest[index] = rest[index].dropFirst(count)
            }
            #expect(log.state.hash == whole.state.hash)
            #expect(log.outcomes == whole.outcomes)
            #expect(log.vector == whole.vector)
        }
    }

    @Test("refuses a changeset whole when a name is taken, and says which")
    func takenNames() {
        let log = self.replay([
            self.write(1, 1, generation: 1, [self.change("s/1", "name:shop")]),
            self.write(
                2,
                1,
                generation: 2,
                [self.change("s/2", "name:shop"), self.change("s/3", "other")]
            ),
        ])
        #expect(log.outcomes[1] == .refused(reason: "s/2: name:shop is taken by s/1"))
        #expect(log.state.entities.count == 1)
    }

    @Test("tells no secret where one is taken")
    func takenSecrets() {
        let log = self.replay([
            self.write(1, 1, generation: 1, [self.change("s/1", "name:secret")]),
            self.write(2, 1, generation: 2, [self.change("s/2", "name:secret")]),
        ])
        let reason = "s/2: what it is found by is taken by s/1"
        #expect(log.outcomes[1] == .refused(reason: reason))
    }

    @Test("refuses references that do not resolve, both when made and when left behind")
    func references() {
        let log = self.replay([
            self.write(1, 1, generation: 1, [self.change("r/1", "route>s/1")]),
            self.write(
                2,
                1,
                generation: 2,
                [self.change("r/1", "route>s/1"), self.change("s/1", "service")]
            ),
            self.write(3, 1, generation: 3, [self.change("s/1", nil)]),
            self.write(4, 1, generation: 4, [self.change("x/1", "broken")]),
        ])
        #expect(log.outcomes[0] == .refused(reason: "r/1 refers to s/1, which does not exist"))
        #expect(log.outcomes[1] == .applied([]))
        #expect(log.outcomes[2] == .refused(reason: "s/1 is deleted, but others refer to it"))
        #expect(log.outcomes[3] == .refused(reason: "x/1: is broken"))
        #expect(log.state.entities.count == 2)
    }

    @Test("refuses what needs a name that nobody has, and to take away one that is needed")
    func needs() {
        let log = self.replay([
            self.write(1, 1, generation: 1, [self.change("p/1", "need?name:v")]),
            self.write(
                2,
                1,
                generation: 2,
                [self.change("p/1", "need?name:v"), self.change("v/1", "name:v")]
            ),
            self.write(3, 1, generation: 3, [self.change("v/1", nil)]),
            self.write(4, 1, generation: 4, [self.change("v/1", "name:w")]),
            // Another one takes its place in the same changeset.
            self.write(
                5,
                1,
                generation: 5,
                [self.change("v/1", nil), self.change("v/2", "name:v")]
            ),
            self.write(6, 1, generation: 6, [self.change("p/1", nil), self.change("v/2", nil)]),
        ])
        let lost = ChangesetOutcome.refused(reason: "name:v is deleted, but others refer to it")
        #expect(
            log.outcomes[0] == .refused(reason: "p/1 needs name:v, which does not exist")
        )
        #expect(log.outcomes[2] == lost)
        #expect(log.outcomes[3] == lost)
        for index in [1, 4, 5] {
            guard case .applied = log.outcomes[index] else {
                Issue.record("\(index): \(log.outcomes[index])")
                continue
            }
        }
        #expect(log.state.entities.isEmpty)
    }

    @Test("lets two entities swap their names in one changeset")
    func swappedNames() {
        let first = self.write(
            1,
            1,
            generation: 1,
            [self.change("s/1", "name:a"), self.change("s/2", "name:b")]
        )
        let second = self.write(
            2,
            1,
            generation: 2,
            [
                self.change("s/1", "name:b", replaces: first.hash),
                self.change("s/2", "name:a", replaces: first.hash),
            ]
        )
        #expect(self.replay([first, second]).outcomes == [.applied([]), .applied([])])
    }

    @Test("names both sides of a change that replaced what its writer had not seen")
    func conflicts() {
        let base = self.write(1, 1, generation: 1, [self.change("k/1", "base")])
        let left = self.write(2, 1, generation: 2, [self.change("k/1", "a", replaces: base.hash)])
        let right = self.write(3, 1, generation: 2, [self.change("k/1", "b", replaces: base.hash)])
        let log = self.replay([base, left, right])
        let conflict = Conflict(
            key: "k/1",
            winner: Conflict.Side(changeset: right.id, body: Array("b".utf8)),
            loser: Conflict.Side(changeset: left.id, body: Array("a".utf8))
        )
        #expect(log.outcomes == [.applied([]), .applied([]), .applied([conflict])])
        #expect(log.state.entities["k/1"]?.body == Array("b".utf8))
        #expect(Conflict.decoded(Conflict.encoded([conflict, conflict])) == [conflict, conflict])
    }

    @Test("finds no conflict where two writers wrote the same, or both deleted")
    func noConflictOverTheSame() {
        let base = self.write(1, 1, generation: 1, [self.change("k/1", "base")])
        let log = self.replay([
            base,
            self.write(2, 1, generation: 2, [self.change("k/1", nil, replaces: base.hash)]),
            self.write(3, 1, generation: 2, [self.change("k/1", nil, replaces: base.hash)]),
        ])
        #expect(log.outcomes == [.applied([]), .applied([]), .applied([])])
    }

    @Test("names who deleted what another changed at the same time")
    func deletionAgainstChange() {
        let base = self.write(1, 1, generation: 1, [self.change("k/1", "base")])
        let gone = self.write(2, 1, generation: 2, [self.change("k/1", nil, replaces: base.hash)])
        let edit = self.write(3, 1, generation: 2, [self.change("k/1", "b", replaces: base.hash)])
        guard case .applied(let conflicts) = self.replay([base, gone, edit]).outcomes[2] else {
            Issue.record("the change stands")
            return
        }
        #expect(conflicts.first?.loser == Conflict.Side(changeset: gone.id, body: nil))
    }

    @Test("lets a late changeset stand only where nobody changed the entity meanwhile, and once")
    func lateChangesets() {
        let base = self.write(1, 1, generation: 1, [self.change("k/1", "base")])
        let newer = self.write(
            1,
            2,
            generation: 2,
            previous: base.hash,
            [
                self.change("k/1", "newer", replaces: base.hash)
            ]
        )
        let origin = ContentHash(high: 7, low: 7)
        let changes = [
            self.change("k/1", "late", replaces: base.hash), self.change("k/2", "late"),
        ]
        let late = self.write(2, 1, generation: 3, origin: origin, changes)
        let again = self.write(3, 1, generation: 4, origin: origin, changes)
        let log = self.replay([base, newer, late, again])
        #expect(log.state.entities["k/1"]?.body == Array("newer".utf8))
        #expect(log.state.entities["k/2"]?.body == Array("late".utf8))
        #expect(log.state.entities["k/2"]?.stamp == origin)
        #expect(log.outcomes[3] == .repeated)
        guard case .applied(let conflicts) = log.outcomes[2] else {
            Issue.record("the late one stands in part")
            return
        }
        #expect(conflicts.map(\.key) == ["k/1"])
    }

    @Test("lets nothing late bring back what another writer has deleted meanwhile")
    func lateCreation() {
        let origin = ContentHash(high: 7, low: 7)
        let base = self.write(1, 1, generation: 1, [self.change("k/0", "base")])
        // Who deletes it has seen it where it was written first.
        let gone = self.write(2, 1, generation: 2, [self.change("k/1", nil, replaces: origin)])
        let late = self.write(
            3,
            1,
            generation: 3,
            origin: origin,
            [self.change("k/1", "late"), self.change("k/2", "late")]
        )
        let log = self.replay([base, gone, late])

        #expect(log.state.entities["k/1"] == nil)
        #expect(log.state.entities["k/2"]?.body == Array("late".utf8))
        guard case .applied(let conflicts) = log.outcomes[2] else {
            Issue.record("the late one stands in part")
            return
        }
        #expect(conflicts.map(\.key) == ["k/1"])
        #expect(conflicts.first?.winner.changeset == gone.id)
    }

    @Test("lets a writer that was late delete an entity and create it again")
    func lateReturn() {
        let base = self.write(1, 1, generation: 1, [self.change("k/1", "base")])
        let gone = self.write(
            2,
            1,
            generation: 2,
            origin: ContentHash(high: 7, low: 7),
            [self.change("k/1", nil, replaces: base.hash)]
        )
        let back = self.write(
            2,
            2,
            generation: 3,
            previous: gone.hash,
            origin: ContentHash(high: 7, low: 8),
            [self.change("k/1", "again")]
        )
        let log = self.replay([base, gone, back])

        #expect(log.state.entities["k/1"]?.body == Array("again".utf8))
        #expect(log.outcomes[2] == .applied([]))
    }

    @Test("folds into a checkpoint that others read as the same state, without changing the root")
    func folding() throws {
        var chain: [EncodedChangeset] = []
        for number in 1...200 {
            chain.append(
                self.write(
                    1,
                    UInt64(number),
                    generation: UInt64(number),
                    previous: chain.last?.hash ?? .zero,
                    [self.change("k/\(number % 30)", number % 7 == 0 ? nil : "v\(number)")]
                )
            )
        }
        var log = self.replay(chain)
        let before = (log.state.hash, log.vector)
        let (made, _) = log.folding(of: 150).checkpoint(by: .test)
        let read = try Checkpoint(decoding: made.encoded, rules: .test)
        #expect(read.state.hash == made.state.hash)
        #expect(read.encoded == made.encoded)
        log.fold(150, into: made)
        #expect(log.state.hash == before.0)
        #expect(log.vector == before.1)
        #expect(log.entries.count == 50)
        #expect(log.entry(chain[149].id) == nil)
        #expect(log.entry(chain[150].id) == chain[150])
        #expect(log.hash(of: chain[149].id) == chain[149].hash)
        // A late one among the rest is replayed from the checkpoint.
        log.replace([], with: [self.write(2, 1, generation: 151, [self.change("z/1", "z")])])
        var other = ReplayLog(checkpoint: read, rules: .test)
        other.replace([], with: log.entries)
        #expect(other.state.hash == log.state.hash)
    }

    @Test("refuses checkpoints that are cut or not one")
    func damagedCheckpoints() {
        let log = self.replay([self.write(1, 1, generation: 1, [self.change("k/1", "x")])])
        let (_, bytes) = log.folding(of: 1).checkpoint(by: .test)
        for count in 0..<bytes.count {
            #expect(throws: ChangelogError.self) {
                try Checkpoint(decoding: Array(bytes.prefix(count)), rules: .test)
            }
        }
    }

    @Test("places a late changeset among thousands without replaying them all")
    func boundedReplay() {
        let count = Counter()
        let rules = StructuralRules(
            facts: { _, _ in
                count.add()
                return EntityFacts()
            },
            hash: testHash
        )
        var chain: [EncodedChangeset] = []
        for number in 1...2_000 {
            chain.append(
                self.write(
                    1,
                    UInt64(number),
                    generation: UInt64(number),
                    previous: chain.last?.hash ?? .zero,
                    [self.change("k/1", "\(number)")]
                )
            )
        }
        var log = ReplayLog(checkpoint: Checkpoint(), rules: rules)
        log.replace([], with: chain)
        let before = count.value
        log.replace([], with: [self.write(2, 1, generation: 1_990, [self.change("k/2", "x")])])
        #expect(count.value - before <= 11 + ReplayLog.markInterval)
    }
}

/// Counts calls from a closure that must be sendable.
private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { self.count.withLock { $0 } }
    func add() { self.count.withLock { $0 += 1 } }
}
