import MeshPrimitives
import Testing

@testable import MeshObservations

/// Bytes that each node sends per second when nothing changes; sealing adds 66 to each datagram.
///
/// | nodes | all 20,000 targets up | 1,000 of them down |
/// | --- | --- | --- |
/// | 5 | 483 | 478 |
/// | 50 | 504 | 502 |
/// | 1,000 | 497 | 507 |
///
/// A target that is up is never mentioned, so their number is nothing that could be set here.
@Suite("A quiet fleet's observations")
struct SteadyBytesTests {
    /// The nodes that run, of however many there are.
    private static let running = 5

    /// Bytes per running node and second over 60 quiet seconds.
    private func rate(nodes: Int, downTargets: Int) -> Double {
        var fleet = TestFleet(nodes, running: Self.running)
        fleet.meet()
        for owner in 0..<nodes { self.introduce(owner, to: &fleet) }
        fleet.run(for: .seconds(10))
        // All that run see them down at once; the first three check them.
        for index in fleet.tables.indices where downTargets > 0 {
            let word = votes(0..<downTargets, isChecker: index < 3)
            fleet.step(index) { $0.setVotes(word, at: $1) }
        }
        fleet.run(for: .seconds(30))
        let before = fleet.tables.indices.map { fleet.sentByteCount(of: $0) }.reduce(0, +)
        for second in 0..<60 {
            // The others renew what they say, as often as a fleet of this size does.
            for owner in Self.running..<max(nodes, Self.running) where owner % 250 == second % 250 {
                self.renew(owner, 2 + second / 250, in: &fleet)
            }
            fleet.run(for: .seconds(1))
        }
        let after = fleet.tables.indices.map { fleet.sentByteCount(of: $0) }.reduce(0, +)
        return Double(after - before) / Double(fleet.tables.count * 60)
    }

    private func introduce(_ owner: Int, to fleet: inout TestFleet) {
        var state = NodeState()
        state.adminAddress = "127.0.0.1:8001"
        state.startedAt = 1_700_000_000_000
        state.generation = 41
        guard owner >= fleet.tables.count else {
            return fleet.step(owner) { $0.setState(state, at: $1) }
        }
        var message = ObservationMessage()
        message.flags = .answer
        message.deltas = [
            ObservationDelta(
                owner: node(owner),
                boot: 3,
                base: 0,
                head: 1,
                newest: 1,
                entries: [.init(sequence: 1, observation: .state(state))]
            )
        ]
        for index in fleet.tables.indices {
            fleet.step(index) { $0.receive(message, from: node(owner), at: $1) }
        }
    }

    private func renew(_ owner: Int, _ sequence: Int, in fleet: inout TestFleet) {
        var message = ObservationMessage()
        message.deltas = [
            ObservationDelta(
                owner: node(owner),
                boot: 3,
                base: 1,
                head: UInt64(sequence),
                newest: UInt64(sequence),
                entries: [.init(sequence: UInt64(sequence), observation: .load(.idle))]
            )
        ]
        let index = owner % fleet.tables.count
        fleet.step(index) { $0.receive(message, from: node(owner), at: $1) }
    }

    @Test("cost the same at 5, 50 and 1,000 nodes, all targets up or 1,000 down")
    func isConstant() {
        let rates = [5, 50, 1_000].flatMap { nodes in
            [0, 1_000].map { self.rate(nodes: nodes, downTargets: $0) }
        }

        for rate in rates {
            #expect(rate > 440 && rate < 540, "\(rates)")
        }
    }
}
