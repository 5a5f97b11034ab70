/// What is not ours, to see that the promises about ours can be broken.
public enum BalanceMistake: String, CaseIterable, Sendable {
    /// As Kong's `latency` does: the lowest average, whatever is in flight.
    case kongLatency
    /// One after the other.
    case roundRobin
    /// Two nodes whose network is bad, where one is what a verdict must withstand.
    case secondLiar
    /// Targets of other regions that may have any number of requests.
    case openDoors
    /// Regions that take nothing that another one does not bear.
    case closedDoors
    /// Nodes that tell each other every attempt.
    case chatter
    /// Nodes that pass everything on, as if nobody had been told directly.
    case echoes
    /// Nodes that believe only what they are told of targets, and nothing that they see.
    case hearsay
    /// A node that hears no operator's order about targets.
    case deafNode

    /// How targets are chosen, where that is the mistake.
    var rule: Shop.Rule {
        switch self {
        case .kongLatency: .kongLatency
        case .roundRobin: .roundRobin
        case .secondLiar, .openDoors, .closedDoors, .chatter, .echoes, .hearsay, .deafNode:
            .latency
        }
    }
}

extension BalanceMistake {
    /// What breaks by it, alone.
    public func findings(seed: UInt64) -> [BalanceFinding] {
        switch self {
        case .kongLatency: [BalanceCases.equalTargets(seed, self.rule)]
        case .roundRobin: [BalanceCases.halfSlow(seed, self.rule)]
        case .secondLiar: [BalanceHistories.loneObserver(seed, nil, self)]
        case .openDoors: SpillCases.run(seed: seed, plant: self)
        case .closedDoors: [HomeCases.overload(6, seed, self)]
        case .chatter: [GossipCases.bytes(seed: seed, plant: self, scenes: [.calm])]
        case .echoes: [GossipCases.bytes(seed: seed, plant: self, scenes: [.flapping])]
        case .hearsay: LateCases.run(seed: seed, plant: self)
        case .deafNode: [BalanceHistories.storm(seed, nil, self)]
        }
    }
}

/// One promise about how requests are shared out, and what a run has shown of it.
public struct BalanceFinding: Sendable {
    /// What it is about, such as `W1`.
    public let name: String
    /// What was measured, in words.
    public let text: String
    /// Whether the promise was kept.
    public let isKept: Bool
}
