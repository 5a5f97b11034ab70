import MeshDissemination
import MeshPrimitives
import Testing

@testable import MeshObservations

@Suite("A node's words of targets")
struct WordTests {
    private func vote(_ stance: TargetVote.Stance) -> TargetVote {
        TargetVote(stance: stance, reason: 2, isChecker: false, failures: 3)
    }

    /// Three nodes, the first of which has accused a target and may tell nothing for long.
    private func spentFleet() -> TestFleet {
        var fleet = TestFleet(3)
        fleet.meet()
        fleet.step(0) { $0.setVotes(votes([1]), at: $1) }
        fleet.run(for: .milliseconds(10))
        fleet.tables[0].wordBudget.spend(1 << 30, at: fleet.now)
        return fleet
    }

    @Test("that its votes count no more is told within 200 ms, however much it has told")
    func abstainsAtOnce() {
        var fleet = self.spentFleet()
        fleet.step(0) { table, now in
            var word = ObserverVotes()
            word.isAbstaining = true
            return table.setVotes(word, at: now)
        }

        #expect(
            fleet.run(for: .milliseconds(205)) { fleet in
                (1..<3).allSatisfy { fleet.tables[$0].votes(of: node(0)).isAbstaining }
            }
        )
    }

    @Test("an accusation waits when it has told much, what takes one back less long")
    func waitsWhenSpent() {
        var fleet = self.spentFleet()
        fleet.step(0) { $0.setVotes(votes([1, 2]), at: $1) }
        fleet.run(for: .seconds(16))
        #expect(fleet.tables[0].published(target(2)) == nil)
        fleet.step(0) { $0.setVotes(votes([2]), at: $1) }

        #expect(
            fleet.run(for: .milliseconds(5)) { fleet in
                (1..<3).allSatisfy { fleet.tables[$0].votes(of: node(0)) == votes([2]) }
            }
        )
    }

    @Test("that a suspect is down is told at once, not as what says less")
    func tellsWorseAtOnce() {
        var fleet = TestFleet(3)
        fleet.meet()
        var word = ObserverVotes()
        word.votes[target(1)] = self.vote(.suspect)
        fleet.step(0) { $0.setVotes(word, at: $1) }
        fleet.run(for: .milliseconds(300))
        word.votes[target(1)] = self.vote(.down)
        fleet.step(0) { $0.setVotes(word, at: $1) }

        #expect(
            fleet.run(for: .milliseconds(5)) { fleet in
                (1..<3).allSatisfy { fleet.tables[$0].votes(of: node(0)) == word }
            }
        )
    }

    @Test("a word to the region leaves news for everybody as often told as before")
    func keepsMeshNews() {
        var fleet = TestFleet(4, regions: ["eu", "us"])
        fleet.meet()
        fleet.step(0) { $0.setVotes(votes([1]), at: $1) }
        var table = fleet.tables[0]
        table.meshNews = BroadcastQueue(limit: 8)
        table.queue(node(0), after: 0, votes: false, .normal)
        _ = table.setVotes(votes([2]), at: fleet.now.advanced(by: .seconds(1)))
        var count = 0
        while !table.meshNews.isEmpty, count < 100 {
            _ = table.meshNews.take(fitting: 1_000, sendLimit: 4)
            count += 1
        }

        #expect(count == 4)
    }

    @Test("where a word does not reach all, not always the same miss it")
    func tellsWhoMissed() {
        var configuration = ObservationConfiguration()
        configuration.datagramRate = 200
        var fleet = TestFleet(8, configuration)
        fleet.meet()
        fleet.run(for: .seconds(1))
        var table = fleet.tables[0]
        var reached: Set<NodeID> = []
        for turn in 1...12 {
            table.datagramBudget = ByteBudget(rate: 1, burst: 400)
            let now = fleet.now.advanced(by: .seconds(30 * turn))
            for case .send(_, let peer, _) in table.setVotes(votes([turn]), at: now) {
                reached.insert(peer)
            }
            #expect(table.toldUpTo < table.own.head)
        }

        #expect(reached.count == 7)
    }

    @Test("costs put the next off, after a quiet time less, and never for longer than the limit")
    func budgets() {
        var budget = WordBudget(rate: 1_000)
        budget.spend(8_000, at: instant(0))
        #expect(budget.due(at: instant(0)) == instant(0))
        budget.spend(500, at: instant(0))
        #expect(budget.due(at: instant(0)) == instant(500))
        budget.spend(.max, at: instant(100))
        #expect(budget.due(at: instant(100)) == instant(100).advanced(by: WordBudget.debtLimit))
        budget.spend(9_000, at: instant(600_000))
        #expect(budget.due(at: instant(600_000)) == instant(601_000))
    }
}
