import MeshObservations
import MeshPrimitives
import MeshReports
import Testing

@testable import MeshNode

@Suite("A region's verdict")
struct RegionVerdictTests {
    private func verdict(
        alive: Int,
        members: Int,
        failed: Int? = nil,
        _ summaries: [RegionSummary]
    ) -> RegionReport.State {
        RegionVerdict.state(
            of: "us",
            seenFrom: "eu",
            alive: alive,
            failed: failed ?? members - alive,
            summaries: summaries
        )
    }

    private func summary(from observer: String, alive: Int) -> RegionSummary {
        RegionSummary(observer: observer, region: "us", members: 2, alive: alive)
    }

    @Test("is up with every member alive, degraded with some")
    func upAndDegraded() {
        #expect(self.verdict(alive: 2, members: 2, []) == .up)
        #expect(self.verdict(alive: 1, members: 2, []) == .degraded)
    }

    @Test("is up while a member is under suspicion: on a lossy path one always is")
    func suspicion() {
        #expect(self.verdict(alive: 1, members: 2, failed: 0, []) == .up)
        #expect(self.verdict(alive: 0, members: 2, failed: 0, []) == .unreachable)
    }

    @Test("claims a region down only when another region sees nobody there, too")
    func down() {
        #expect(self.verdict(alive: 0, members: 2, []) == .unreachable)
        #expect(
            self.verdict(alive: 0, members: 2, [self.summary(from: "eu", alive: 0)]) == .unreachable
        )
        #expect(self.verdict(alive: 0, members: 2, [self.summary(from: "ap", alive: 0)]) == .down)
        #expect(
            self.verdict(alive: 0, members: 2, [self.summary(from: "ap", alive: 1)]) == .unreachable
        )
    }

    @Test("counts regions, not relays, and needs most of them")
    func quorum() {
        let split = [self.summary(from: "ap", alive: 0), self.summary(from: "sa", alive: 1)]
        #expect(self.verdict(alive: 0, members: 2, split) == .unreachable)
        let most = split + [self.summary(from: "af", alive: 0)]
        #expect(self.verdict(alive: 0, members: 2, most) == .down)
        #expect(self.verdict(alive: 2, members: 2, most) == .degraded)
        let relays = [self.summary(from: "ap", alive: 0), self.summary(from: "ap", alive: 1)]
        #expect(self.verdict(alive: 0, members: 2, relays) == .unreachable)
    }

    @Test("stands when it has not changed for a while, a worse one sooner than a better one")
    func hysteresis() {
        var verdicts = SteadyVerdicts()
        let at = { (second: Int64) in MonotonicInstant(sinceStart: .seconds(second)) }
        #expect(verdicts.take(["us": .up], at: at(0)) == ["us": .up])
        for second in Int64(1)..<100 {
            let seen: RegionReport.State = second.isMultiple(of: 2) ? .up : .unreachable
            #expect(verdicts.take(["us": seen], at: at(second)).isEmpty, "it flaps")
        }
        #expect(verdicts.take(["us": .down], at: at(100)).isEmpty)
        #expect(verdicts.take(["us": .down], at: at(102)) == ["us": .down])
        #expect(verdicts.take(["us": .up], at: at(103)).isEmpty)
        #expect(verdicts.take(["us": .up], at: at(107)).isEmpty)
        #expect(verdicts.take(["us": .up], at: at(108)) == ["us": .up])
        #expect(verdicts.take([:], at: at(109)).isEmpty)
        #expect(verdicts.states.isEmpty, "it is known no more")
    }

    @Test("comes from two relays per region, the same at every node")
    func relays() {
        let nodes = (1...9).map { NodeID(high: 3, low: $0) }
        let relays = nodes.filter { Relays.rank(of: $0, in: "eu", among: nodes) != nil }

        #expect(relays.count == 2)
        #expect(
            nodes.filter { Relays.rank(of: $0, in: "eu", among: nodes.reversed()) != nil } == relays
        )
    }
}
