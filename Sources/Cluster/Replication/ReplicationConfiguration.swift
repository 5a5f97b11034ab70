/// How fast and how far records travel, and what bounds a store.
///
/// Defaults suit one LAN and several regions alike; times are small against human patience and
/// large against round trips.
public struct ReplicationConfiguration: Equatable, Sendable {
    /// Bytes of records and offers in one datagram.
    ///
    /// Default 1,100; 256 to 60,000. A datagram of 1,200 bytes less envelope and message head.
    public var datagramByteCount = 1_100

    /// Bytes of records and summaries in one stream message.
    ///
    /// Default 1,000,000; up to 1,048,000. A frame of 1 MiB less envelope and message head.
    public var streamByteCount = 1_000_000

    /// Time between two rounds of passing news on.
    ///
    /// Default 200 ms, as memberlist's LAN preset; 10 ms to 10 s.
    public var tickInterval: Duration = .milliseconds(200)

    /// Peers that hear the news of one tick.
    ///
    /// Default 3; 1 to 16.
    public var fanout = 3

    /// Up to this many peers, urgent news goes to all of them directly.
    ///
    /// Default 16.
    public var directPeerLimit = 16

    /// Above ``directPeerLimit``, urgent news goes to this many, who pass it on once.
    ///
    /// Default 8.
    public var urgentFanout = 8

    /// Each record is sent at most this times ⌈log10(peers + 1)⌉ by each node that learns it.
    ///
    /// Default 4, as memberlist; enough for 30 % loss at 1,000 nodes.
    public var retransmissionFactor = 4

    /// Shortest time between the starts of two anti-entropy sessions with one peer.
    ///
    /// Default 250 ms. Doubles up to ``sessionBackoffLimit`` while sessions change nothing.
    public var sessionInterval: Duration = .milliseconds(250)

    /// Longest pause between sessions that change nothing.
    ///
    /// Default 10 s.
    public var sessionBackoffLimit: Duration = .seconds(10)

    /// How long to wait for a peer's answer in a session or pull.
    ///
    /// Default 2 s.
    public var sessionTimeout: Duration = .seconds(2)

    /// Sessions and pulls in flight with all peers together.
    ///
    /// Default 4.
    public var sessionLimit = 4

    /// How long a health record is believed after it came.
    ///
    /// Default 15 s: three reports.
    public var healthLifetime: Duration = .seconds(15)

    /// How long a node's state is believed after it came.
    ///
    /// Default 60 s: three refreshes.
    public var nodeStateLifetime: Duration = .seconds(60)

    /// How long a region summary is believed after it came.
    ///
    /// Default 15 s.
    public var regionSummaryLifetime: Duration = .seconds(15)

    /// How long a record of an unknown ephemeral kind is kept.
    ///
    /// Default 30 s.
    public var unknownLifetime: Duration = .seconds(30)

    /// How long a deletion is remembered.
    ///
    /// Default 72 h. A node away for longer must start with an empty store.
    public var tombstoneAge: Duration = .seconds(72 * 3_600)

    /// Most deletions remembered in full; the oldest go first.
    ///
    /// Default 10,000.
    public var tombstoneLimit = 10_000

    /// Largest body of one record, in bytes.
    ///
    /// Default 900,000: it must fit a stream message.
    public var bodyByteLimit = 900_000

    /// Most durable records, deletions included.
    ///
    /// Default 65,536.
    public var durableLimit = 65_536

    /// Most body bytes of all records together.
    ///
    /// Default 256 MiB.
    public var tableByteLimit = 256 << 20

    /// Most ephemeral records of one writer.
    ///
    /// Default 4,096.
    public var ephemeralLimitPerWriter = 4_096

    /// Most ephemeral records of all writers.
    ///
    /// Default 65,536.
    public var ephemeralLimit = 65_536

    /// Most records of kinds this version does not know.
    ///
    /// Default 4,096.
    public var unknownLimit = 4_096

    /// Most records waiting to be passed on; those sent most often go first.
    ///
    /// Default 4,096.
    public var queueLimit = 4_096

    /// Creates the defaults.
    public init() {}

    /// How long a record of `kind` is believed after it came; `nil` means for ever.
    func lifetime(of kind: RecordKind) -> Duration? {
        switch kind {
        case .health: self.healthLifetime
        case .nodeState: self.nodeStateLifetime
        case .regionSummary: self.regionSummaryLifetime
        default: kind.isDurable ? nil : self.unknownLifetime
        }
    }
}
