import MeshPrimitives
import Testing

@testable import MeshObservations

@Suite("One owner's log")
struct ObservationLogTests {
    private let owner = node(1)

    private func log(_ targets: Range<Int>, boot: UInt64 = 1) -> ObservationLog {
        var log = ObservationLog(boot: boot)
        for number in targets { log.say(.vote(target(number), down())) }
        return log
    }

    private func delta(
        _ log: ObservationLog,
        after sequence: UInt64,
        fitting byteCount: Int = 100_000
    ) -> ObservationDelta? {
        log.delta(
            after: ObservationVersion(boot: log.boot, sequence: sequence),
            fitting: byteCount,
            of: self.owner,
            in: .region
        )
    }

    private func said(_ log: ObservationLog) -> Set<TargetID> {
        Set(
            log.values.values.compactMap { entry in
                guard case .vote(let target, .some) = entry.observation else { return nil }
                return target
            }
        )
    }

    @Test("gives a run of what was said since, and who takes it in knows as much")
    func runs() throws {
        var source = self.log(0..<10)
        var copy = ObservationLog(boot: 1)
        let first = try #require(self.delta(source, after: 0))
        #expect(copy.merge(first, limit: 100).aspects == .votes)
        source.say(.vote(target(3), nil))
        source.say(.vote(target(20), down()))
        let second = try #require(self.delta(source, after: 10))

        #expect(second.entries.count == 2)
        let outcome = copy.merge(second, limit: 100)

        #expect(outcome.hasAdvanced && !outcome.hasGap)
        #expect(self.said(copy) == self.said(source))
        #expect(copy.version == source.version)
        #expect(self.delta(copy, after: 12) == nil)
        #expect(!copy.merge(second, limit: 100).hasAdvanced)
    }

    @Test("claims no more than it tells when not even the last observation fits")
    func claimsWhatItTells() throws {
        var source = self.log(0..<1)
        let first = try #require(self.delta(source, after: 0))
        var state = NodeState()
        state.rejection = "a reason that takes its room"
        source.say(.state(state))
        var copy = ObservationLog(boot: 1)
        _ = copy.merge(first, limit: 100)
        let small = try #require(self.delta(source, after: 1, fitting: first.wireByteCount))

        #expect(small.entries.isEmpty)
        #expect(small.head == 1)
        #expect(copy.merge(small, limit: 100).hasGap)
    }

    @Test("lets who missed only what was replaced use a later run")
    func lowersTheBase() throws {
        var source = ObservationLog(boot: 1)
        source.say(.state(NodeState()))
        var copy = ObservationLog(boot: 1)
        _ = copy.merge(try #require(self.delta(source, after: 0)), limit: 100)
        for _ in 0..<5 { source.say(.load(.idle)) }

        let outcome = copy.merge(try #require(self.delta(source, after: 5)), limit: 100)

        #expect(outcome.hasAdvanced && !outcome.hasGap)
        #expect(copy.head == 6)
        #expect(outcome.aspects.isEmpty)
    }

    @Test("passes on what newer software says, one word of each kind and place")
    func relaysUnknown() throws {
        let words = try [
            UnknownObservation(kind: 99, content: [1]), UnknownObservation(kind: 99, content: [2]),
            UnknownObservation(kind: 200, content: [0, 0, 0, 0, 0, 0, 0, 1, 7]),
            UnknownObservation(kind: 200, content: [0, 0, 0, 0, 0, 0, 0, 2, 7]),
        ].map { try #require($0) }
        var source = ObservationLog(boot: 1)
        for word in words { source.say(.unknown(word)) }
        var relay = ObservationLog(boot: 1)
        let outcome = relay.merge(try #require(self.delta(source, after: 0)), limit: 100)
        var newer = ObservationLog(boot: 1)
        _ = newer.merge(try #require(self.delta(relay, after: 0)), limit: 100)

        #expect(outcome.aspects.isEmpty)
        #expect(newer.head == 4)
        #expect(
            Set(newer.values.values.map(\.observation))
                == Set(words.dropFirst().map { .unknown($0) })
        )
    }

    @Test("uses what comes after a gap, says that there is one, and passes it on only when closed")
    func noticesGaps() throws {
        var source = self.log(0..<3)
        let early = try #require(self.delta(source, after: 0))
        for number in 3..<6 { source.say(.vote(target(number), down())) }
        let late = try #require(self.delta(source, after: 4))
        var copy = ObservationLog(boot: 1)

        let outcome = copy.merge(late, limit: 100)
        #expect(outcome.hasGap && !outcome.hasAdvanced)
        #expect(self.said(copy) == Set([4, 5].map(target)))
        #expect(self.delta(copy, after: 0) == nil)

        _ = copy.merge(early, limit: 100)
        #expect(copy.head == 3)
        _ = copy.merge(try #require(self.delta(source, after: 3)), limit: 100)
        #expect(self.said(copy) == self.said(source))
        #expect(self.delta(copy, after: 0)?.entries.count == 6)
    }

    @Test("takes the whole in pieces, and ends what it no longer holds only with the last")
    func rebuilds() throws {
        var source = self.log(0..<40)
        var copy = ObservationLog(boot: 1)
        _ = copy.merge(try #require(self.delta(source, after: 0)), limit: 1_000)
        // More withdrawals than are remembered: a run since then is not possible any more.
        for number in 0..<10 { source.say(.vote(target(number), nil)) }
        for number in 100..<(101 + ObservationLog.withdrawalLimit) {
            source.say(.vote(target(number), down()))
            source.say(.vote(target(number), nil))
        }
        source.say(.vote(target(99), down()))

        var pieces = 0
        while copy.version < source.version, pieces < 100 {
            let piece = try #require(
                source.delta(
                    after: copy.version,
                    fitting: 200,
                    of: self.owner,
                    in: .region,
                    isRest: copy.isRebuilding
                )
            )
            pieces += 1
            _ = copy.merge(piece, limit: 1_000, isAnswer: true)
            #expect(self.said(copy).isSuperset(of: (10..<40).map(target)))
        }

        #expect(pieces > 2 && pieces < 100)
        #expect(self.said(copy) == self.said(source))
        #expect(!copy.isRebuilding)
    }

    @Test("keeps what the start before said in use until the new one has spoken")
    func restarts() throws {
        let old = self.log(0..<5)
        var copy = ObservationLog(boot: 1)
        _ = copy.merge(try #require(self.delta(old, after: 0)), limit: 100)
        let new = self.log(4..<7, boot: 2)

        let gap = try #require(self.delta(new, after: 2))
        #expect(copy.merge(gap, limit: 100).hasGap)
        #expect(self.said(copy) == self.said(old))

        let outcome = copy.merge(try #require(self.delta(new, after: 0)), limit: 100)
        #expect(outcome.aspects == .votes)
        #expect(self.said(copy) == self.said(new))
        let late = try #require(self.delta(old, after: 0))
        #expect(!copy.merge(late, limit: 100).hasAdvanced)
        #expect(self.said(copy) == self.said(new))
    }

    @Test("counts no withdrawal of a start before, whose end it would count again")
    func countsWithdrawalsOnce() throws {
        var old = self.log(0..<4)
        var copy = ObservationLog(boot: 1)
        _ = copy.merge(try #require(self.delta(old, after: 0)), limit: 100)
        for number in 0..<4 { old.say(.vote(target(number), nil)) }
        _ = copy.merge(try #require(self.delta(old, after: 4)), limit: 100)
        let new = self.log(0..<1, boot: 2)

        _ = copy.merge(try #require(self.delta(new, after: 0)), limit: 100)

        #expect(copy.withdrawals == 0)
        #expect(copy.values.count == 1)
    }

    @Test("fills any room to the byte at most, with the newest where only the end fits")
    func fits() {
        var source = self.log(0..<200)
        source.say(.load(.idle))
        for room in 0..<400 {
            for delta in [
                self.delta(source, after: 17, fitting: room),
                source.tail(fitting: room, of: self.owner, in: .region),
            ] {
                #expect((delta?.wireByteCount ?? 0) <= room)
            }
        }
        let tail = source.tail(fitting: 100, of: self.owner, in: .region)
        #expect(tail?.head == 201 && tail?.newest == 201)
        #expect((tail?.base ?? 0) > 190)
    }

    @Test("tells other regions no votes")
    func keepsVotesAtHome() {
        var source = self.log(0..<5)
        source.say(.state(NodeState()))
        source.say(.regionVote(target(9), RegionVote(against: 2, stance: .down, reason: 1)))

        let delta = source.delta(after: .none, fitting: 9_000, of: self.owner, in: .mesh)

        #expect(delta?.entries.map(\.observation.subject) == [.state, .regionVote(target(9))])
        #expect(delta?.isWhole == true)
    }

    @Test("takes in no more than the bound, and nothing outside the run")
    func isBounded() {
        var copy = ObservationLog(boot: 1)
        let entries = (1...50).map {
            ObservationDelta.Entry(sequence: $0, observation: .vote(target(Int($0)), down()))
        }
        let delta = ObservationDelta(
            owner: self.owner,
            boot: 1,
            base: 0,
            head: 40,
            newest: 40,
            entries: entries.reversed()
        )

        let outcome = copy.merge(delta, limit: 10)

        #expect(copy.values.count == 10)
        #expect(outcome.refused == 30)
        #expect(copy.head == 40)
    }

    @Test("says everything again above a version that others claim to have of it")
    func outranks() {
        var log = self.log(0..<3)
        log.outrank(ObservationVersion(boot: 7, sequence: 900))

        #expect(log.version == ObservationVersion(boot: 7, sequence: 903))
        #expect(self.said(log) == Set((0..<3).map(target)))
        #expect(self.delta(log, after: 900)?.isWhole == true)
    }
}
