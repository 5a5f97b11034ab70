public import MeshEntities
public import MeshReports

/// What the Admin API needs from the node behind it.
///
/// The node answers from what it believes now and never waits for a peer; only
/// ``apply(_:)`` and ``setMode(_:of:)`` write, and return when the write is durable here.
public protocol AdminNode: Sendable {
    /// Who the node is; does not change while it runs.
    var identity: NodeIdentity { get }

    /// Every entity of the configuration it holds.
    func entities() async -> [EntityRow]
    /// Stamp and hash of that configuration.
    func configurationVersion() async -> ConfigurationVersion
    /// The canonical declarative file of that configuration.
    func declarativeText() async -> String
    /// Its settings by dotted path, without secrets; `configuration` of Kong's `/`.
    func settings() async -> DocumentValue
    /// The counters of Kong's `/status`.
    func traffic() async -> TrafficCounts

    /// All members, as it believes them.
    func members() async -> MembersReport
    /// All regions, as it believes them.
    func regions() async -> RegionsReport
    /// Targets of all upstreams, or of the one with this id or name, with everybody's evidence.
    func health(of upstream: String?) async -> HealthReport
    /// Which configuration every member runs.
    func configurationStatus() async -> ConfigurationStatusReport
    /// One screen about the node and the mesh.
    func status() async -> StatusReport
    /// Prometheus text, made by ``MetricsText``.
    func metrics() async -> String
    /// Whether it takes traffic.
    func readiness() async -> Readiness

    /// Reads and checks a text without applying it.
    func validate(_ submission: Submission) async -> ValidationReport
    /// Compares a text with what the node holds.
    ///
    /// - Throws: ``AdminError/invalidConfiguration(_:)``; nothing has changed.
    func difference(_ submission: Submission) async throws(AdminError) -> DifferenceReport
    /// Replaces the whole configuration by a text's, durably here, then gossiped.
    ///
    /// - Throws: ``AdminError``; nothing has changed.
    func apply(_ submission: Submission) async throws(AdminError) -> ApplyReport
    /// Writes what is wanted of the member with this name or id; it acts when the wish reaches it.
    ///
    /// - Throws: ``AdminError/unknownNode(_:)`` or ``AdminError/refused(_:)``.
    func setMode(
        _ mode: MemberReport.Mode,
        of node: String
    ) async throws(AdminError) -> DrainReport

    /// Events after the one with this id as far as they are kept, then new ones as they happen.
    ///
    /// `nil` begins with new events. The stream ends when the node stops; it drops the oldest
    /// events of a reader that is too slow.
    func events(after id: UInt64?) async -> AsyncStream<EventReport>
}

/// One entity as the Admin API prints it.
public struct EntityRow: Equatable, Sendable {
    /// Its collection.
    public var kind: EntityKind
    /// All of Kong's fields of it, nulls included; `id` is always a string.
    public var document: DocumentValue

    /// Creates a row.
    public init(kind: EntityKind, document: DocumentValue) {
        self.kind = kind
        self.document = document
    }

    /// Its primary key.
    public var id: String { self.document["id"]?.text ?? "" }
}

/// Who a node is.
public struct NodeIdentity: Equatable, Sendable {
    /// Its identity, a UUID.
    public var id: String
    /// Its name.
    public var name: String
    /// Its program's version.
    public var version: String
    /// The machine's name.
    public var hostName: String

    /// Creates an identity.
    public init(id: String, name: String, version: String, hostName: String) {
        self.id = id
        self.name = name
        self.version = version
        self.hostName = hostName
    }
}

/// The counters of Kong's `/status`, as nginx names them.
public struct TrafficCounts: Equatable, Sendable {
    /// Client connections accepted since the start.
    public var accepted: UInt64 = 0
    /// Client connections served since the start; less than ``accepted`` when a limit was hit.
    public var handled: UInt64 = 0
    /// Client connections open.
    public var active: Int = 0
    /// Of those, reading a request head.
    public var reading: Int = 0
    /// Of those, writing an answer.
    public var writing: Int = 0
    /// Of those, idle.
    public var waiting: Int = 0
    /// Requests since the start.
    public var requests: UInt64 = 0
    /// Bytes of memory the process holds.
    public var residentBytes: UInt64 = 0

    /// Creates counters of a node that has served nothing.
    public init() {}
}

/// Whether a node takes traffic.
public enum Readiness: Equatable, Sendable {
    /// It routes by a configuration.
    case ready
    /// It has never had a configuration.
    case withoutConfiguration
    /// Some workers have not taken over the configuration yet.
    case building(workersReady: Int, workers: Int)
    /// It is being taken out.
    case draining

    /// Kong's words for it.
    public var message: String {
        switch self {
        case .ready: "ready"
        case .withoutConfiguration: "no configuration available (empty configuration present)"
        case .building(let ready, let workers):
            "router builds not yet complete, router ready in \(ready) of \(workers) workers"
        case .draining: "draining"
        }
    }
}

/// A declarative text that somebody handed in.
public struct Submission: Equatable, Sendable {
    /// The text, YAML or JSON.
    public var text: String
    /// What the text is called in findings.
    public var name: String
    /// Why, in the operator's words; empty for none.
    public var message: String
    /// The hash the operator compared with; the node refuses when it holds another one by now.
    public var expectedHash: String?

    /// Creates a submission without message or expectation.
    public init(text: String, name: String = "config") {
        self.text = text
        self.name = name
        self.message = ""
    }
}
