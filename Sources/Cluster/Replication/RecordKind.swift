/// What a record is about; decides who may write it, how long it lives and whether it is on disk.
///
/// | kind | written by | lives | on disk and in the root digest |
/// | --- | --- | --- | --- |
/// | ``entity``, ``configurationHead``, ``nodeMode`` | any node | for ever | yes |
/// | ``health``, ``nodeState``, ``regionSummary`` | its owner only | by age since received | no |
/// | unknown, below 128 | any node | for ever | yes, up to a bound |
/// | unknown, from 128 | any node | by age since received | no, up to a bound |
///
/// The last two rows let an older node keep and relay what a newer one writes.
public struct RecordKind: RawRepresentable, Hashable, Comparable, Sendable {
    /// The number on the wire and on disk.
    public let rawValue: UInt8

    /// Creates a kind from its wire form; every number is legal.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// One entity of the gateway's configuration.
    public static let entity = RecordKind(rawValue: 1)
    /// What one node observed of targets.
    public static let health = RecordKind(rawValue: 2)
    /// A node's configuration hash, mode, version and load.
    public static let nodeState = RecordKind(rawValue: 3)
    /// What one node sees of one region.
    public static let regionSummary = RecordKind(rawValue: 4)
    /// Who applied the configuration last, when and why.
    public static let configurationHead = RecordKind(rawValue: 5)

    /// What an operator wants of one node: take traffic, drain, stand aside.
    public static let nodeMode = RecordKind(rawValue: 6)

    /// Whether this version of the software knows what the kind means.
    public var isKnown: Bool { (1...6).contains(self.rawValue) }

    /// Whether records are kept for ever, on disk, and compared by anti-entropy.
    public var isDurable: Bool {
        self == .entity || self == .configurationHead || self == .nodeMode
            || (!self.isKnown && self.rawValue < 128)
    }

    /// Whether only the node named by the key may write the record.
    public var isOwned: Bool {
        self == .health || self == .nodeState || self == .regionSummary
    }

    /// Orders by wire number.
    public static func < (left: RecordKind, right: RecordKind) -> Bool {
        left.rawValue < right.rawValue
    }
}
