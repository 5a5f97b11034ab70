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

        /// Says what a node has counted.
        public init(window: CounterWindow, own: UInt32, known: UInt32) {
            self.window = window
            self.own = own
            self.known = known
        }
    }

    /// At most ``MeshCounters/messageLimit``.
    public let entries: [Entry]

    /// Creates a report.
    public init(entries: [Entry]) { self.entries = entries }
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

        /// Says what is known of a window.
        public init(
            window: CounterWindow,
            total: UInt32,
            included: UInt32,
            floor: UInt32,
            sharers: UInt16
        ) {
            self.window = window
            self.total = total
            self.included = included
            self.floor = floor
            self.sharers = sharers
        }
    }

    /// At most ``MeshCounters/messageLimit``.
    public let entries: [Entry]

    /// Creates totals.
    public init(entries: [Entry]) { self.entries = entries }
}

/// What nodes say to each other of counts.
public enum CounterMessage: Equatable, Sendable {
    /// To an owner, or to the one in waiting.
    case report(CounterReport)
    /// From an owner, or from the one in waiting.
    case totals(CounterTotals)

    /// Two messages that say the same; nil when there is nothing to divide.
    public var halves: (CounterMessage, CounterMessage)? {
        switch self {
        case .report(let report):
            Self.divide(report.entries).map { first, second in
                (
                    .report(CounterReport(entries: first)),
                    .report(CounterReport(entries: second))
                )
            }
        case .totals(let totals):
            Self.divide(totals.entries).map { first, second in
                (
                    .totals(CounterTotals(entries: first)),
                    .totals(CounterTotals(entries: second))
                )
            }
        }
    }

    private static func divide<Entry>(_ entries: [Entry]) -> (first: [Entry], second: [Entry])? {
        guard entries.count > 1 else { return nil }
        let half = entries.count / 2
        return (Array(entries[..<half]), Array(entries[half...]))
    }
}
