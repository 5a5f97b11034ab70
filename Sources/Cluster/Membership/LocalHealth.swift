/// How well this node itself does, as far as its own probes tell.
///
/// A node that is starved of CPU or network blames others. So each sign of that raises the score,
/// each success lowers it, and the score stretches the node's own intervals and timeouts.
///
/// Source: Lifeguard (arXiv 1707.00788), local health multiplier.
struct LocalHealth: Equatable, Sendable {
    private let ceiling: Int
    private(set) var score = 0

    /// Creates perfect health; the multiplier never exceeds `ceiling`.
    init(ceiling: Int) { self.ceiling = max(1, ceiling) }

    /// What intervals and timeouts are multiplied by, from 1.
    var multiplier: Int { self.score + 1 }

    /// Adds `amount` (negative: gets better), within 0 and the ceiling less one.
    mutating func worsen(by amount: Int) {
        self.score = min(max(0, self.score + amount), self.ceiling - 1)
    }
}
