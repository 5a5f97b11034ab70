import MeshPrimitives
import Testing

@testable import MeshChangelog

@Suite("Folding while it is written")
struct FoldTests {
    /// A log with a checkpoint on its way to the disk.
    private func folding() throws -> (log: Changelog, batch: ChangelogBatch, token: UInt64) {
        var configuration = ChangelogConfiguration()
        configuration.historyCount = 2
        configuration.foldCount = 4
        var log = try Changelog.empty(configuration: configuration)
        for number in 0..<20 {
            let draft = ChangelogDraft(changes: ["k/\(number)": Array("v".utf8)])
            var effects = try log.write(draft, ticket: UInt64(number), at: .zero)
            while let effect = effects.first {
                effects.removeFirst()
                guard case .persist(let batch, let token) = effect else { continue }
                if batch.folding != nil { return (log, batch, token) }
                effects += log.persisted(token, batch.prepared(by: .test), at: .zero)
            }
        }
        throw Missing()
    }

    private struct Missing: Error {}

    private func saves(_ effects: [ChangelogEffect]) -> [(batch: ChangelogBatch, token: UInt64)] {
        effects.compactMap { effect in
            if case .persist(let batch, let token) = effect { (batch, token) } else { nil }
        }
    }

    @Test("holds up no write, and both are on disk in whatever order they get there")
    func writesGoOn() throws {
        var (log, fold, token) = try self.folding()
        let before = log.entries.count
        let draft = ChangelogDraft(changes: ["k/new": Array("n".utf8)])
        let write = try #require(self.saves(log.write(draft, ticket: 99, at: .zero)).first)
        let after = log.persisted(write.token, write.batch.prepared(by: .test), at: .zero)
        #expect(
            after.contains { effect in
                if case .acknowledged(99, _) = effect { true } else { false }
            }
        )
        #expect(log.texts["k/new"] == "n" && log.entries.count == before + 1)
        let (hash, disk) = (log.head.hash, self.disk(log))
        _ = log.persisted(token, fold.prepared(by: .test), at: .zero)
        #expect(log.entries.count < before && log.head.hash == hash)
        #expect(self.disk(log).stored.changesets.count < disk.stored.changesets.count)
    }

    @Test("leaves a disk that reads as the log, whichever comes first and if only one does")
    func anyOrder() throws {
        var (log, fold, token) = try self.folding()
        let disk = self.disk(log)
        let head = log.head
        let draft = ChangelogDraft(changes: ["k/new": Array("n".utf8)])
        let write = try #require(self.saves(log.write(draft, ticket: 99, at: .zero)).first)
        _ = log.persisted(write.token, write.batch.prepared(by: .test), at: .zero)
        _ = log.persisted(token, fold.prepared(by: .test), at: .zero)
        let (first, second) = (fold.prepared(by: .test).batch, write.batch)
        for (batches, expected) in [
            ([], head), ([first], head), ([second], log.head), ([first, second], log.head),
            ([second, first], log.head),
        ] {
            var disk = disk
            for batch in batches { disk.save(batch) }
            let again = try Changelog(
                node: NodeID(1),
                region: "here",
                stored: disk.stored,
                rules: .test,
                seed: 1
            )
            #expect(again.head == expected)
            #expect(batches.count < 2 || again.vector == log.vector)
        }
    }

    /// A disk that holds what the log does.
    private func disk(_ log: Changelog) -> SimulatedFleet.Disk {
        var disk = SimulatedFleet.Disk()
        disk.writer = log.entries.first?.id.writer
        disk.checkpoint = log.stored.checkpoint
        for entry in log.entries { disk.changesets[entry.id] = entry.bytes }
        return disk
    }

    @Test("that the disk refuses costs neither writes under way nor what comes after")
    func refused() throws {
        var (log, _, token) = try self.folding()
        let draft = ChangelogDraft(changes: ["k/new": Array("n".utf8)])
        let write = try #require(self.saves(log.write(draft, ticket: 99, at: .zero)).first)
        let effects = log.persistFailed(token, reason: "full", at: .zero)
        #expect(effects.contains(.notice(.notSaved(reason: "full"))))
        #expect(self.saves(effects).isEmpty, "not again at once")
        _ = log.saveAll([.persist(write.batch, token: write.token)])
        #expect(log.texts["k/new"] == "n" && log.diskFault == nil)
        for number in 0..<10 { try log.put(["z/\(number)": "z"]) }
        #expect(log.history.startHead.generation == 0, "not yet")
        _ = log.saveAll(log.wake(at: .zero.advanced(by: .seconds(6))))
        #expect(log.history.startHead.generation > 0, "it was tried again")
        #expect(log.texts.count == 10 + log.texts.keys.count { $0.hasPrefix("k/") })
    }

    @Test("lets what belongs among the folded wait until it is done, but no own write")
    func lateOnesWait() throws {
        var (log, fold, token) = try self.folding()
        log.setPeers([ChangelogPeer(node: NodeID(2), region: "here")])
        let late = EncodedChangeset(
            Changeset(
                id: ChangesetID(writer: WriterID(77), sequence: 1),
                previous: .zero,
                generation: 1,
                node: NodeID(2),
                wallMilliseconds: 0,
                author: "",
                message: "",
                changes: [Changeset.Change(key: "l/1", replaces: nil, body: [1])]
            ),
            hash: testHash
        )
        let push = ChangelogMessage.push([ChangesetPart(whole: late)], wantsAnswer: true)
        let effects = log.receive(push, from: NodeID(2), at: .zero)
        #expect(self.saves(effects).isEmpty)
        let draft = ChangelogDraft(changes: ["k/new": Array("n".utf8)])
        let write = try #require(self.saves(log.write(draft, ticket: 99, at: .zero)).first)
        #expect(write.batch.added.count == 1 && !write.batch.added.contains(late))
        _ = log.saveAll([.persist(write.batch, token: write.token)])
        #expect(log.texts["k/new"] == "n")
        let hash = log.head.hash
        let after = log.persisted(token, fold.prepared(by: .test), at: .zero)
        #expect(self.saves(after).allSatisfy { !$0.batch.added.contains(late) })
        #expect(log.head.hash == hash)
    }
}
