import MeshActivation
import MeshPrimitives
import MeshReports

/// Decides when the next wave of a roll-out may go, and when the change has to be taken back.
///
/// Pure. Every node runs one, and any of them can carry a roll-out on: they act one after the other,
/// by their rank among the living, and whoever was overtaken finds that out when it writes.
struct RollOutMachine: Sendable {
    /// Time that each node leaves to the one before it: 2 s.
    static let turn = Duration.seconds(2)

    /// How a node stands.
    struct Standing: Equatable, Sendable {
        let id: NodeID
        let name: String
        let isAlive: Bool
        /// Whether the members agree that it is gone, and do not only suspect it.
        let isFailed: Bool
        /// Hash of the configuration that it routes by.
        let hash: String
        /// Why it keeps an older configuration than it holds; empty otherwise.
        let refusal: String
    }

    /// What the node knows now.
    struct View: Equatable, Sendable {
        /// Members that have not left.
        var nodes: [Standing]
        /// Hash of the newest configuration.
        var newest: String
        /// What is worse on this node since it took the change up; `nil` for nothing.
        var harm: String?
    }

    /// What is to be written.
    enum Decision: Equatable, Sendable {
        /// The next wave, or the end.
        case advance
        /// Take the change back.
        case abort(reason: String)
    }

    private let node: NodeID
    private var wave: (id: String, number: Int)?
    /// Nodes of this wave that were alive when it was released.
    private var watched: Set<NodeID> = []
    /// Since when every node of the released waves routes by the change.
    private var activeSince: MonotonicInstant?

    init(node: NodeID) { self.node = node }

    /// Takes in how things stand.
    mutating func step(_ rollOut: RollOut?, _ view: View, at now: MonotonicInstant) -> Decision? {
        guard let rollOut, rollOut.phase == .running else {
            self.wave = nil
            self.activeSince = nil
            return nil
        }
        if self.wave.map({ $0 != (rollOut.id, rollOut.wave) }) ?? true {
            self.wave = (rollOut.id, rollOut.wave)
            self.watched = Set(
                view.nodes.filter { $0.isAlive && rollOut.isTrying($0.id) }.map(\.id)
            )
            self.activeSince = nil
        }
        if rollOut.isReleased(self.node), let harm = view.harm {
            let name = view.nodes.first { $0.id == self.node }?.name ?? self.node.description
            return .abort(reason: "\(name): \(harm)")
        }
        let released = view.nodes.filter { rollOut.isReleased($0.id) }
        if let refusing = released.first(where: { $0.isAlive && !$0.refusal.isEmpty }) {
            return .abort(reason: "\(refusing.name) cannot use it: \(refusing.refusal)")
        }
        if let dead = view.nodes.first(where: { $0.isFailed && self.watched.contains($0.id) }) {
            return .abort(reason: "\(dead.name) failed while it was watched")
        }
        guard Self.missing(rollOut, view).isEmpty else {
            self.activeSince = nil
            return nil
        }
        let since = self.activeSince ?? now
        self.activeSince = since
        let alive = view.nodes.filter(\.isAlive).map(\.id).sorted()
        let rank = alive.firstIndex(of: self.node) ?? alive.count
        let due = since.advanced(by: .seconds(rollOut.limits.holdSeconds) + Self.turn * rank)
        return now >= due ? .advance : nil
    }

    /// Names of the nodes of released waves that do not route by the change, but for those that are
    /// gone: they are not waited for.
    static func missing(_ rollOut: RollOut, _ view: View) -> [String] {
        let released = view.nodes.filter { rollOut.isReleased($0.id) && !$0.isFailed }
        return released.filter { !$0.isAlive || $0.hash != view.newest }
            .map { $0.isAlive ? $0.name : "\($0.name) (suspect)" }.sorted()
    }
}
