/// One wish of a local writer: a new body for a key, or its deletion.
public struct RecordChange: Equatable, Sendable {
    /// What to write.
    public let key: RecordKey
    /// The new content; `nil` deletes.
    public let body: [UInt8]?

    /// Creates a change.
    public init(key: RecordKey, body: [UInt8]?) {
        self.key = key
        self.body = body
    }
}

/// How fast a write must reach the peers.
public enum RecordUrgency: Equatable, Sendable {
    /// At once: a failed target, a configuration change.
    case urgent
    /// With the next tick: periodic reports.
    case normal
}
