public import MeshPrimitives

/// What one store says to another.
///
/// ``push(records:offers:relays:)`` and ``announce(root:configurationStamp:)`` travel as datagrams
/// and may be lost. The rest travels over streams:
///
///     a --digest--> b          256 bucket hashes, when the root hashes differ
///     a <--summary-- b         key and version of every record in the buckets that differ
///     a --exchange--> b        what a has newer, and what a wants
///     a <--records-- b         what a wanted, in messages of bounded size
///
/// The answering side keeps no state. A stream's answer may come over any stream.
public enum ReplicationMessage: Equatable, Sendable {
    /// Records that are news, and names of records too large for a datagram.
    ///
    /// `relays`: how many more times a receiver passes news on at once; above 1 counts as 1.
    case push(records: [Record], offers: [RecordSummary], relays: UInt8)
    /// The root hash over all durable records, and the highest stamp of the configuration.
    case announce(root: ContentHash, configurationStamp: HybridTimestamp)
    /// The hash of each of the 256 buckets, in order; any other count is refused.
    case digest([UInt64])
    /// All durable records in `buckets`, none when nothing differs; what did not fit comes later.
    case summary(buckets: [UInt8], entries: [RecordSummary])
    /// Records the sender has newer, and keys it wants in return.
    case exchange(records: [Record], wants: [RecordKey])
    /// Wanted records; `more` when another such message follows.
    case records([Record], more: Bool)
}

/// Key and version of a record: enough to tell whether to fetch it.
public struct RecordSummary: Hashable, Sendable {
    /// What it names.
    public let key: RecordKey
    /// Which write.
    public let version: RecordVersion
    /// Whether that write deletes.
    public let isTombstone: Bool
    /// First half of the record's hash; tells apart equal versions with unequal content.
    public let fingerprint: UInt64

    /// Creates a summary.
    public init(key: RecordKey, version: RecordVersion, isTombstone: Bool, fingerprint: UInt64) {
        self.key = key
        self.version = version
        self.isTombstone = isTombstone
        self.fingerprint = fingerprint
    }

    /// Most bytes the summary takes inside a message: kind 1, flags 1, name 2 + n, version 24,
    /// fingerprint 8.
    public var wireByteCount: Int { 36 + self.key.name.utf8.count }
}
