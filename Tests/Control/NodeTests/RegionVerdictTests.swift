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
        _ summaries: [RegionSummary]
    ) -> RegionReport.State {
        RegionVerdict.state(
            of: "us",
            seenFrom: "eu",
            alive: alive,
            members: members,
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
