import MeshPrimitives

/// Whether this node's own network is to blame, judged by its last probes.
///
/// Isolated: at least half of the last probes failed, and to two members or more.
struct IsolationWindow: Equatable, Sendable {
    /// How many probes are looked at: 8; fewer than 4 prove nothing.
    static let size = 8

    private struct Outcome: Equatable {
        let target: NodeID
        let succeeded: Bool
    }

    private var outcomes: [Outcome] = []

    /// Whether most of what this node tries to reach does not answer.
    var isIsolated: Bool {
        let failures = self.outcomes.filter { !$0.succeeded }
        return self.outcomes.count >= Self.size / 2 && failures.count * 2 >= self.outcomes.count
            && Set(failures.map(\.target)).count >= 2
    }

    /// Takes in the outcome of one probe.
    mutating func note(_ target: NodeID, succeeded: Bool) {
        self.outcomes.append(Outcome(target: target, succeeded: succeeded))
        if self.outcomes.count > Self.size { self.outcomes.removeFirst() }
    }
}
