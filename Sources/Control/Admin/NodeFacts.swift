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
    /// It may not join its mesh, for the reason given.
    case excluded(String)

    /// Kong's words for it.
    public var message: String {
        switch self {
        case .ready: "ready"
        case .withoutConfiguration: "no configuration available (empty configuration present)"
        case .building(let ready, let workers):
            "router builds not yet complete, router ready in \(ready) of \(workers) workers"
        case .draining: "draining"
        case .excluded(let reason): reason
        }
    }
}

/// One step of a change of keys.
public enum KeyStep: Equatable, Sendable {
    /// Draw a new key that opens everywhere.
    case stage
    /// Seal with the key of this epoch.
    case activate(Int)
    /// Take the key of this epoch out.
    case retire(Int)

    /// Its name in paths and events.
    public var word: String {
        switch self {
        case .stage: "stage"
        case .activate: "activate"
        case .retire: "retire"
        }
    }
}
