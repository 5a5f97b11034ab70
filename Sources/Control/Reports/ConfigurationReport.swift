/// Which configuration one node runs.
public struct NodeConfigurationReport: Codable, Equatable, Sendable {
    /// How the node stands to the newest configuration.
    public enum State: String, Codable, CaseIterable, Sendable {
        /// It routes by the same configuration as the asked node.
        case running
        /// It has another one and should follow.
        case pending
        /// It cannot build the newest one and keeps its last good one.
        case rejected
        /// It does not answer, so its configuration is only what it last told.
        case unknown
    }

    /// The node's name.
    public var name: String
    /// The node's region.
    public var region: String
    /// Whether the node answers.
    public var member: MemberReport.State
    /// How it stands to the newest configuration.
    public var state: State
    /// What it runs.
    public var config: ConfigurationVersion
    /// How long it has run it, in seconds, when it has told.
    @Nullable public var ageSeconds: Double? = nil
    /// How many changesets lie between what it runs and what the asked node holds.
    ///
    /// `nil` when the asked node does not know what it runs, as after a long absence.
    @Nullable public var lag: Int? = nil
    /// Whether what it runs includes the changeset that was asked for; `nil` when none was.
    @Nullable public var includes: Bool? = nil
    /// Why it rejected the newest one; empty otherwise.
    public var reason: String

    /// Creates a report; set the rest afterwards.
    public init(
        name: String,
        region: String,
        member: MemberReport.State,
        state: State,
        config: ConfigurationVersion
    ) {
        self.name = name
        self.region = region
        self.member = member
        self.state = state
        self.config = config
        self.reason = ""
    }
}

/// The answer of `/mesh/config/status`: which configuration is live where.
public struct ConfigurationStatusReport: Codable, Equatable, Sendable {
    /// What the asked node holds.
    public var config: ConfigurationVersion
    /// Whether every alive node routes by it.
    public var agreed: Bool
    /// The changeset that was asked for; `nil` when none was, or when it is folded.
    @Nullable public var changeset: ChangesetReport? = nil
    /// Nodes sorted by region, then name.
    public var nodes: [NodeConfigurationReport]
    /// Who says so.
    public var view: ViewReport

    /// Creates an answer; ``agreed`` follows from the nodes.
    public init(
        config: ConfigurationVersion,
        nodes: [NodeConfigurationReport],
        view: ViewReport
    ) {
        self.config = config
        self.nodes = nodes
        self.view = view
        self.agreed = nodes.allSatisfy { node in
            node.member != .alive || (node.state == .running && node.config.hash == config.hash)
        }
    }
}

/// The answer of `/mesh/config`: the configuration itself.
public struct ConfigurationReport: Codable, Equatable, Sendable {
    /// Which one it is.
    public var config: ConfigurationVersion
    /// The canonical declarative file, YAML of format 3.0.
    public var text: String

    /// Creates an answer.
    public init(config: ConfigurationVersion, text: String) {
        self.config = config
        self.text = text
    }
}

/// One finding in a configuration file.
public struct FindingReport: Codable, Equatable, Sendable {
    /// Where in the configuration, such as `services[0].host`.
    public var path: String
    /// What is wrong and what would be accepted.
    public var message: String
    /// The line, from 1, when known.
    @Nullable public var line: Int? = nil
    /// The column, from 1, when known.
    @Nullable public var column: Int? = nil

    /// Creates a finding.
    public init(path: String, message: String, line: Int? = nil, column: Int? = nil) {
        self.path = path
        self.message = message
        self.line = line
        self.column = column
    }

    /// One line for people: `kong.yml:3:5 services[0].host: required field missing`.
    public func text(in file: String) -> String {
        let place = self.line.map { ":\($0):\(self.column ?? 1)" } ?? ""
        let field = self.path.isEmpty ? "" : "\(self.path): "
        return "\(file)\(place) \(field)\(self.message)"
    }
}

/// The answer of `/mesh/config/validate`.
public struct ValidationReport: Codable, Equatable, Sendable {
    /// Whether the text could be applied.
    public var valid: Bool
    /// What is wrong; empty when valid.
    public var findings: [FindingReport]
    /// What was accepted but has no effect or will change.
    public var warnings: [FindingReport]

    /// Creates an answer; valid when there are no findings.
    public init(findings: [FindingReport], warnings: [FindingReport]) {
        self.valid = findings.isEmpty
        self.findings = findings
        self.warnings = warnings
    }
}

/// One entity that differs between two configurations.
public struct ChangeReport: Codable, Equatable, Sendable {
    /// What has to happen to it.
    public enum Action: String, Codable, CaseIterable, Sendable {
        /// It is new.
        case create
        /// Some of its fields change.
        case update
        /// It goes away.
        case delete
    }

    /// One field's values before and after, as JSON text; secrets are masked.
    public struct Field: Codable, Equatable, Sendable {
        /// The field's dotted path.
        public var path: String
        /// The value before; `nil` for none.
        @Nullable public var old: String? = nil
        /// The value after; `nil` for none.
        @Nullable public var new: String? = nil

        /// Creates a field's change.
        public init(path: String, old: String?, new: String?) {
            self.path = path
            self.old = old
            self.new = new
        }
    }

    /// What has to happen to it.
    public var action: Action
    /// Kong's collection name, such as `services`.
    public var kind: String
    /// The entity's id.
    public var id: String
    /// The entity's name, or what stands for one; empty when it has none.
    public var name: String
    /// The fields that differ; empty for a deletion.
    public var fields: [Field]

    /// Creates a change.
    public init(action: Action, kind: String, id: String, name: String, fields: [Field]) {
        self.action = action
        self.kind = kind
        self.id = id
        self.name = name
        self.fields = fields
    }
}

/// How many entities a change touches.
public struct ChangeSummary: Codable, Equatable, Sendable {
    /// New entities.
    public var created: Int
    /// Entities with changed fields.
    public var updated: Int
    /// Entities that go away.
    public var deleted: Int

    /// Counts changes.
    public init(of changes: [ChangeReport]) {
        self.created = changes.count { $0.action == .create }
        self.updated = changes.count { $0.action == .update }
        self.deleted = changes.count { $0.action == .delete }
    }
}

/// The answer of `/mesh/config/diff`: what applying a text would change.
public struct DifferenceReport: Codable, Equatable, Sendable {
    /// What it was compared with.
    public var base: ConfigurationVersion
    /// The other side, when that is a configuration of the mesh and no text.
    @Nullable public var target: ConfigurationVersion? = nil
    /// How many entities differ.
    public var summary: ChangeSummary
    /// Which, in Kong's order of collections.
    public var changes: [ChangeReport]
    /// What the text's reader remarks.
    public var warnings: [FindingReport]

    /// Creates an answer.
    public init(base: ConfigurationVersion, changes: [ChangeReport], warnings: [FindingReport]) {
        self.base = base
        self.summary = ChangeSummary(of: changes)
        self.changes = changes
        self.warnings = warnings
    }
}

/// The answer of a successful write of the configuration: durable at the asked node, on its way to
/// others.
public struct ApplyReport: Codable, Equatable, Sendable {
    /// What the node holds now.
    public var config: ConfigurationVersion
    /// The changeset; empty when there was nothing to change.
    public var changeset = ""
    /// Names of the nodes that hold it durably, ascending; the asked one is among them.
    public var holders: [String] = []
    /// Whether these are as many nodes and regions as a write has to be on.
    ///
    /// If not, the status is 202, and the write is lost when all of them are.
    public var confirmed = true
    /// What it held before.
    public var base: ConfigurationVersion
    /// How many entities changed.
    public var summary: ChangeSummary
    /// Which.
    public var changes: [ChangeReport]
    /// What the text's reader remarks.
    public var warnings: [FindingReport]

    /// Creates an answer.
    public init(
        config: ConfigurationVersion,
        base: ConfigurationVersion,
        changes: [ChangeReport],
        warnings: [FindingReport]
    ) {
        self.config = config
        self.base = base
        self.summary = ChangeSummary(of: changes)
        self.changes = changes
        self.warnings = warnings
    }
}
