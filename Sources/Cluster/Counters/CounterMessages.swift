/// What is counted, and until when: a window of one key.
public struct CounterWindow: Hashable, Sendable {
    /// A hash of what is counted, the same on every node.
    public let key: UInt64
    /// Seconds since 1970 at which the window is over.
    public let end: UInt32

    /// Names a window.
    public init(key: UInt64, end: UInt32) {
        self.key = key
        self.end = end
    }
}

/// What one node tells the owners of some windows.
///
/// Both numbers only ever grow within a window, so that a report may be lost, repeated or late.
public struct CounterReport: Equatable, Sendable {
    /// One window.
    public struct Entry: Equatable, Sendable {
        /// Which window.
        public let window: CounterWindow
        /// What the node itself has counted in it.
        public let own: UInt32
        /// The most that it knows all nodes to have counted together.
        public let known: UInt32
    }

    /// At most ``MeshCounters/messageLimit``.
    public let entries: [Entry]
}

/// What an owner of some windows tells one node.
public struct CounterTotals: Equatable, Sendable {
    /// One window.
    public struct Entry: Equatable, Sendable {
        /// Which window.
        public let window: CounterWindow
        /// What all nodes have counted, as far as the owner knows.
        public let total: UInt32
        /// How much of it is from the node that is told.
        public let included: UInt32
        /// The most that anybody has known the sum to be; more than ``total`` after owners were lost.
        public let floor: UInt32
        /// How many nodes count in the window, of late.
        public let sharers: UInt16
    }

    /// At most ``MeshCounters/messageLimit``.
    public let entries: [Entry]
}
