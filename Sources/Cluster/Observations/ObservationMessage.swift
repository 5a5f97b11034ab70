public import MeshPrimitives

/// How far an owner's word is known: its start, and a number in that start.
///
/// A later start outranks an earlier one, so a clock is not needed and cannot do harm.
public struct ObservationVersion: Hashable, Comparable, Sendable {
    /// The highest start and number that are believed; above, an owner could not go on.
    public static let limit = UInt64(1) << 60

    /// The owner's start, as counted on its disk.
    public let boot: UInt64
    /// Counts what the owner said in that start, from 1.
    public let sequence: UInt64

    /// Creates a version; both parts are clamped to ``limit``.
    public init(boot: UInt64, sequence: UInt64) {
        self.boot = min(boot, Self.limit)
        self.sequence = min(sequence, Self.limit)
    }

    /// Before anything was said.
    public static let none = ObservationVersion(boot: 0, sequence: 0)

    /// Orders by age, the older first.
    public static func < (left: ObservationVersion, right: ObservationVersion) -> Bool {
        (left.boot, left.sequence) < (right.boot, right.sequence)
    }
}

/// One owner in a digest.
public struct ObservationDigest: Hashable, Sendable {
    /// Whose word it is.
    public let owner: NodeID
    /// How far it is known.
    public let version: ObservationVersion

    /// Creates an entry of a digest.
    public init(owner: NodeID, version: ObservationVersion) {
        self.owner = owner
        self.version = version
    }

    /// Bytes on the wire: owner 16, start and number as they need.
    public var wireByteCount: Int {
        16 + Varint.byteCount(of: self.version.boot) + Varint.byteCount(of: self.version.sequence)
    }
}

/// A run of what one owner said, complete from ``base`` to ``head``.
///
/// Whoever knows everything up to ``base`` knows everything up to ``head`` afterwards. A run from 0
/// to ``newest`` is the whole: what it does not hold, the owner no longer says.
public struct ObservationDelta: Equatable, Sendable {
    /// One observation with its place in the run.
    public struct Entry: Equatable, Sendable {
        /// The number the owner gave it.
        public let sequence: UInt64
        /// What was said.
        public let observation: Observation

        /// Creates an entry.
        public init(sequence: UInt64, observation: Observation) {
            self.sequence = min(sequence, ObservationVersion.limit)
            self.observation = observation
        }
    }

    /// Whose word it is.
    public let owner: NodeID
    /// The owner's start.
    public let boot: UInt64
    /// Everything up to here is taken as known.
    public let base: UInt64
    /// Everything up to here is known afterwards; not below ``base``.
    public let head: UInt64
    /// How far the sender knows the owner's word; not below ``head``.
    public let newest: UInt64
    /// What was said, by rising number.
    public let entries: [Entry]

    /// Creates a run; numbers are clamped to their ranges.
    public init(
        owner: NodeID,
        boot: UInt64,
        base: UInt64,
        head: UInt64,
        newest: UInt64,
        entries: [Entry]
    ) {
        self.owner = owner
        self.boot = min(boot, ObservationVersion.limit)
        self.base = min(base, ObservationVersion.limit)
        self.head = max(self.base, min(head, ObservationVersion.limit))
        self.newest = max(self.head, min(newest, ObservationVersion.limit))
        self.entries = entries
    }

    /// Whether it replaces everything known of the owner.
    public var isWhole: Bool { self.base == 0 && self.head == self.newest }

    /// Most bytes on the wire.
    public var wireByteCount: Int {
        self.entries.reduce(Self.headByteCount(boot: self.boot, newest: self.newest)) {
            $0 + Self.byteCount(of: $1.observation, sequence: $1.sequence)
        }
    }

    /// Most bytes of everything but the entries: record header 6, owner 16, four numbers.
    static func headByteCount(boot: UInt64, newest: UInt64) -> Int {
        22 + Varint.byteCount(of: boot) + 3 * Varint.byteCount(of: newest)
    }

    /// Most bytes of one entry: kind 1, length 2, number, content.
    static func byteCount(of observation: Observation, sequence: UInt64) -> Int {
        3 + Varint.byteCount(of: sequence) + observation.wireByteCount
    }
}

/// What one node's observations say to another's; any part may be empty.
public struct ObservationMessage: Equatable, Sendable {
    /// Requests and promises of a message.
    public struct Flags: OptionSet, Hashable, Sendable {
        /// The bits; unknown ones are ignored.
        public let rawValue: UInt8

        /// Creates a set from its bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The receiver passes on at once what is news to it.
        public static let relay = Flags(rawValue: 1)
        /// The sender knows nothing yet, or was away: tell it everything, by stream.
        public static let greeting = Flags(rawValue: 2)
        /// Streams from the receiver do not arrive: answer by datagrams.
        public static let byDatagram = Flags(rawValue: 4)
        /// It answers; what is news to the receiver need not be news to others.
        public static let answer = Flags(rawValue: 8)
        /// What is wanted is the rest of a whole that came in pieces.
        public static let rest = Flags(rawValue: 16)
    }

    /// Owners in one digest or list of wishes that are looked at: 4,096.
    public static let listLimit = 4_096
    /// Most bytes of an empty message: record header 6, flags 1, two counts.
    public static let headByteCount = 17

    /// What the receiver should do beyond reading.
    public var flags: Flags = []
    /// News.
    public var deltas: [ObservationDelta] = []
    /// How far the sender knows some owners' words, loads apart.
    public var digest: [ObservationDigest] = []
    /// Owners of whom the sender wants what follows the version it names.
    public var wants: [ObservationDigest] = []

    /// Creates an empty message.
    public init() {}

    /// Whether it says nothing.
    public var isEmpty: Bool {
        self.flags.isEmpty && self.deltas.isEmpty && self.digest.isEmpty && self.wants.isEmpty
    }

    /// Most bytes on the wire.
    public var wireByteCount: Int {
        self.deltas.reduce(Self.headByteCount) { $0 + $1.wireByteCount }
            + (self.digest + self.wants).reduce(0) { $0 + $1.wireByteCount }
    }
}
