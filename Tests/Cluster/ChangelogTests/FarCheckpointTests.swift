import MeshPrimitives
import Testing

@testable import MeshChangelog

@Suite("A checkpoint that lies too far ahead")
struct FarCheckpointTests {
    private let peer = NodeID(2)
    private let lead = ChangelogConfiguration().generationLead

    /// A log that has folded a changeset of such a generation.
    private func donor(generation: UInt64) throws -> Changelog {
        var configuration = ChangelogConfiguration()
        configuration.historyCount = 1
        configuration.foldCount = 2
        configuration.generationLead = .max
        var log = try Changelog.empty(2, configuration: configuration)
        log.setPeers([ChangelogPeer(node: NodeID(3), region: "here")])
        let far = EncodedChangeset(
            Changeset(
                id: ChangesetID(writer: WriterID(50), sequence: 1),
                previous: .zero,
                generation: generation,
                node: NodeID(3),
                wallMilliseconds: 0,
                author: "",
                message: "",
                changes: [Changeset.Change(key: "far/1", replaces: nil, body: [1])]
            ),
            hash: testHash
        )
        log.take([far], from: NodeID(3))
        log.setPeers([])
        for number in 0..<8 { try log.put(["d/\(number)": "d"]) }
        return log
    }

    private func receiver(holdsSomething: Bool) throws -> Changelog {
        var log = try Changelog.empty(1)
        if holdsSomething { try log.put(["own/1": "a"]) }
        log.setPeers([ChangelogPeer(node: self.peer, region: "here")])
        return log
    }

    /// Lets the receiver ask the donor, who answers with a summary.
    private func ask(
        _ log: inout Changelog,
        _ donor: Changelog,
        _ summary: ChangelogSummary
    ) -> [ChangelogEffect] {
        let announced = log.receive(
            .announce(root: donor.root, generation: 1, wantsAnswer: false),
            from: self.peer,
            at: .zero
        )
        let asks = announced + log.wake(at: .zero)
        let isAsking = asks.contains { if case .stream(.inquiry, _) = $0 { true } else { false } }
        #expect(isAsking)
        return log.receive(.summary(summary), from: self.peer, at: .zero)
    }

    private func wanted(_ effects: [ChangelogEffect]) -> ContentHash? {
        for case .stream(.wantCheckpoint(let hash, _), _) in effects { return hash }
        return nil
    }

    private func isTold(_ effects: [ChangelogEffect]) -> Bool {
        effects.contains {
            if case .notice(.malformed(self.peer, _)) = $0 { true } else { false }
        }
    }

    private func send(
        _ donor: Changelog,
        to log: inout Changelog,
        as hash: ContentHash
    ) -> [ChangelogEffect] {
        let bytes = donor.checkpointBytes
        let effects = log.receive(
            .checkpointPart(hash, total: UInt64(bytes.count), offset: 0, bytes: bytes),
            from: self.peer,
            at: .zero
        )
        return effects + log.saveAll(effects)
    }

    @Test("is not asked for, and told, by who holds something")
    func notWanted() throws {
        for isFar in [false, true] {
            // The own changeset of the receiver is of generation 1.
            let donor = try self.donor(generation: self.lead / 2)
            var summary = donor.summary
            #expect(summary.checkpoint != .zero)
            if isFar {
                summary = ChangelogSummary(
                    vector: summary.vector,
                    floor: summary.floor,
                    horizon: ChangesetPosition(
                        generation: self.lead + 2,
                        writer: summary.horizon.writer
                    ),
                    checkpoint: summary.checkpoint
                )
            }
            var log = try self.receiver(holdsSomething: true)
            let effects = self.ask(&log, donor, summary)
            #expect((self.wanted(effects) == nil) == isFar)
            #expect(self.isTold(effects) == isFar)
            guard let hash = self.wanted(effects) else { continue }
            _ = self.send(donor, to: &log, as: hash)
            #expect(log.log.checkpoint.hash == hash)
            #expect(log.texts["own/1"] == "a", "written again")
        }
    }

    @Test("is refused when it comes, whatever place was claimed for it")
    func liedAbout() throws {
        let donor = try self.donor(generation: self.lead * 2)
        let summary = ChangelogSummary(
            vector: donor.summary.vector,
            floor: donor.summary.floor,
            horizon: ChangesetPosition(generation: 5, writer: WriterID(50)),
            checkpoint: donor.summary.checkpoint
        )
        var log = try self.receiver(holdsSomething: true)
        let hash = try #require(self.wanted(self.ask(&log, donor, summary)))
        let effects = self.send(donor, to: &log, as: hash)
        #expect(self.isTold(effects))
        #expect(log.log.checkpoint.hash == .zero && log.head.generation == 1)
        #expect(log.texts == ["own/1": "a"])
    }

    @Test("is taken by a store that holds nothing, which has nothing to compare it with")
    func emptyStore() throws {
        let donor = try self.donor(generation: self.lead * 2)
        var log = try self.receiver(holdsSomething: false)
        let hash = try #require(self.wanted(self.ask(&log, donor, donor.summary)))
        _ = self.send(donor, to: &log, as: hash)
        #expect(log.log.checkpoint.hash == hash && log.texts["far/1"] != nil)
    }
}
