/// One changeset: who changed what, and what became of it.
public struct ChangesetReport: Codable, Equatable, Sendable {
    /// What became of a changeset in its place in the order.
    public enum Outcome: String, Codable, CaseIterable, Sendable {
        /// It stands, but for what later ones replaced.
        case applied
        /// It would have broken a rule of all configurations, and changes nothing.
        case refused
        /// It repeats another one, and changes nothing.
        case repeated
    }

    /// Its name: the writing store and its number there, such as `1f00ab34:7`.
    public var id: String
    /// The configuration with it: its generation and the hash of all entities.
    public var config: ConfigurationVersion
    /// The name of the node that wrote it, or its id when no such member is known.
    public var node: String
    /// When, by that node's clock, RFC 3339.
    public var at: String
    /// Who asked for it; empty when unknown.
    public var author: String
    /// Why; may be empty.
    public var message: String
    /// What became of it.
    public var outcome = Outcome.applied
    /// Why it was refused; empty otherwise.
    public var reason = ""
    /// Whether it was written again, because its first version came too late to be placed.
    public var isLate = false
    /// Entities of which it replaced what its writer had not seen.
    public var conflicts = 0
    /// How many entities it changed.
    public var summary: ChangeSummary
    /// Names of nodes that route by exactly this configuration, ascending.
    public var nodes: [String] = []

    /// Creates a report; set the rest afterwards.
    public init(
        id: String,
        config: ConfigurationVersion,
        node: String,
        at: String,
        author: String,
        message: String,
        summary: ChangeSummary
    ) {
        self.id = id
        self.config = config
        self.node = node
        self.at = at
        self.author = author
        self.message = message
        self.summary = summary
    }
}

/// The answer of `/mesh/config/history`.
public struct HistoryReport: Codable, Equatable, Sendable {
    /// What the asked node holds.
    public var config: ConfigurationVersion
    /// The newest first; older ones are folded into ``checkpoint``.
    public var changesets: [ChangesetReport]
    /// What came before the oldest one.
    public var checkpoint: ConfigurationVersion
    /// Who says so.
    public var view: ViewReport

    /// Creates an answer.
    public init(
        config: ConfigurationVersion,
        changesets: [ChangesetReport],
        checkpoint: ConfigurationVersion,
        view: ViewReport
    ) {
        self.config = config
        self.changesets = changesets
        self.checkpoint = checkpoint
        self.view = view
    }
}

/// The answer of `/mesh/config/changesets/ID`: one changeset with all that it changed.
public struct ChangesetDetailReport: Codable, Equatable, Sendable {
    /// The changeset.
    public var changeset: ChangesetReport
    /// What it changed, secrets as short hashes.
    public var changes: [ChangeReport]
    /// Conflicts that it is a side of.
    public var conflicts: [ConflictReport]

    /// Creates an answer.
    public init(
        changeset: ChangesetReport,
        changes: [ChangeReport],
        conflicts: [ConflictReport]
    ) {
        self.changeset = changeset
        self.changes = changes
        self.conflicts = conflicts
    }
}

/// Two changesets that changed one entity without their writers having seen each other.
public struct ConflictReport: Codable, Equatable, Sendable {
    /// One side.
    public struct Side: Codable, Equatable, Sendable {
        /// The changeset; empty when it is older than what is remembered.
        public var changeset: String
        /// The name of the node that wrote it; empty when it is folded.
        public var node = ""
        /// Who asked for it; empty when unknown.
        public var author = ""
        /// Why; may be empty.
        public var message = ""
        /// When, RFC 3339; empty when it is folded.
        public var at = ""
        /// Whether it deleted the entity.
        public var deletes: Bool

        /// Creates a side; set what is known of its changeset afterwards.
        public init(changeset: String, deletes: Bool) {
            self.changeset = changeset
            self.deletes = deletes
        }
    }

    /// A short name, the same at every node: eight hexadecimal digits.
    public var id: String
    /// Whether what stood after the conflict still stands, so that nobody has looked after it.
    public var open: Bool
    /// What applying the loser again would change now; empty once that is no change.
    public var change: [ChangeReport]
    /// Kong's collection name, such as `services`.
    public var kind: String
    /// The entity's id.
    public var entity: String
    /// The entity's name, or what stands for one; empty when it has none.
    public var name: String
    /// What stood afterwards.
    public var winner: Side
    /// What did not stand.
    public var loser: Side

    /// Creates a report.
    public init(
        id: String,
        open: Bool,
        change: [ChangeReport],
        kind: String,
        entity: String,
        name: String,
        winner: Side,
        loser: Side
    ) {
        self.id = id
        self.open = open
        self.change = change
        self.kind = kind
        self.entity = entity
        self.name = name
        self.winner = winner
        self.loser = loser
    }
}

/// The answer of `/mesh/config/conflicts`.
public struct ConflictsReport: Codable, Equatable, Sendable {
    /// The newest first.
    public var conflicts: [ConflictReport]
    /// Who says so.
    public var view: ViewReport

    /// Creates an answer.
    public init(conflicts: [ConflictReport], view: ViewReport) {
        self.conflicts = conflicts
        self.view = view
    }
}
