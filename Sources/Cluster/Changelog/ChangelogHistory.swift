internal import MeshPrimitives

/// The changesets of a log that are not folded, as they stood at one moment.
///
/// A copy costs nothing; whoever reads it replays it, so that the log itself is not held up.
public struct ChangelogHistory: Sendable {
    /// One changeset in its place, and the configurations before and after it.
    public struct Step: Sendable {
        /// The changeset.
        public let entry: EncodedChangeset
        /// What became of it.
        public let outcome: ChangesetOutcome
        /// The configuration without it.
        public let before: ConfigurationState
        /// The configuration with it.
        public let after: ConfigurationState
    }

    /// The configuration before the first changeset.
    public let start: ConfigurationState
    /// Which one that is; generation 0 when nothing is folded.
    public let startHead: ChangelogHead
    /// In the order of applying.
    public let changesets: [EncodedChangeset]
    /// Which configuration a node has that holds all up to each.
    public let heads: [ChangelogHead]
    /// The newest configuration.
    public let newest: ConfigurationState
    private let outcomes: [ChangesetOutcome]
    private let rules: StructuralRules

    /// Creates the history of nothing.
    public init() {
        self.init(
            ReplayLog(checkpoint: Checkpoint(), rules: .none),
            rules: .none
        )
    }

    init(_ log: ReplayLog, rules: StructuralRules) {
        self.start = log.checkpoint.state
        self.startHead = ChangelogHead(
            generation: log.checkpoint.horizon.generation,
            hash: log.checkpoint.state.hash
        )
        self.changesets = log.entries
        self.heads = zip(log.entries, log.hashes).map { entry, hash in
            ChangelogHead(generation: entry.changeset.generation, hash: hash)
        }
        self.newest = log.state
        self.outcomes = log.outcomes
        self.rules = rules
    }

    /// What became of a changeset, by its place in ``changesets``.
    public func outcome(at index: Int) -> ChangesetOutcome { self.outcomes[index] }

    /// Every changeset with the configurations around it; costs O(all changes).
    public var steps: [Step] {
        var state = self.start
        return zip(self.changesets, self.outcomes).map { entry, outcome in
            let before = state
            _ = state.apply(entry, rules: self.rules)
            return Step(entry: entry, outcome: outcome, before: before, after: state)
        }
    }
}

extension Changelog {
    /// All changesets that are not folded yet, for reading elsewhere; costs O(changesets).
    public var history: ChangelogHistory { ChangelogHistory(self.log, rules: self.rules) }
}

extension StructuralRules {
    /// Rules for a log without any changeset.
    fileprivate static let none = StructuralRules(
        facts: { _, _ in EntityFacts() },
        hash: { _ in .zero }
    )
}
