/// What a store has done and refused since it started; only grows.
public struct ReplicationCounters: Equatable, Sendable {
    /// Records taken in from peers.
    public internal(set) var accepted: UInt64 = 0
    /// Records from peers that were known already or older than what is here.
    public internal(set) var stale: UInt64 = 0
    /// Records from peers refused for name, size or an unowned key.
    public internal(set) var malformed: UInt64 = 0
    /// Records from peers refused because their stamp lies too far ahead.
    public internal(set) var clockRefused: UInt64 = 0
    /// Records from peers refused because a bound is reached.
    public internal(set) var overLimit: UInt64 = 0
    /// Concurrent edits noticed.
    public internal(set) var conflicts: UInt64 = 0
    /// Anti-entropy sessions started.
    public internal(set) var sessions: UInt64 = 0
    /// Sessions and pulls that a peer did not answer in time.
    public internal(set) var timeouts: UInt64 = 0
    /// Messages ignored because nobody asked for them, or too many came.
    public internal(set) var ignored: UInt64 = 0

    /// Creates counters at zero.
    public init() {}
}
