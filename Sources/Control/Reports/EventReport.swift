/// Something that happened in the mesh, as one node learned it.
public struct EventReport: Codable, Equatable, Sendable {
    /// Which part of the mesh it concerns.
    public enum Kind: String, Codable, CaseIterable, Sendable {
        /// A member joined, was suspected, failed, came back or left.
        case membership
        /// A target's verdict changed.
        case health
        /// A configuration was written, arrived, was rejected or conflicted.
        case config
        /// A region's state or an upstream's active region changed.
        case region
        /// A node was drained or resumed.
        case drain
        /// The node itself: started, gossip troubled, store damaged.
        case node
    }

    /// Counts this node's events since its start, from 1; `Last-Event-ID` of a resumed stream.
    public var id: UInt64
    /// When the node learned it, RFC 3339 in UTC.
    public var time: String
    /// Which part of the mesh it concerns.
    public var kind: Kind
    /// What happened in one word or two joined by `-`, such as `suspect` or `config-applied`.
    public var type: String
    /// The node that tells.
    public var observer: String
    /// What it happened to: a node, target, region or entity.
    public var subject: String
    /// One sentence for people.
    public var message: String
    /// Further facts by name.
    public var details: [String: String]

    /// Creates an event without further facts.
    public init(id: UInt64, time: String, kind: Kind, type: String, subject: String) {
        self.id = id
        self.time = time
        self.kind = kind
        self.type = type
        self.observer = ""
        self.subject = subject
        self.message = ""
        self.details = [:]
    }
}
