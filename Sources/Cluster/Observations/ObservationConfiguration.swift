/// How fast observations travel, and what bounds them.
///
/// Bytes do not grow with the fleet: a node sends one datagram of ``roundByteCount`` per
/// ``roundInterval``, whatever it knows. What grows instead is the time between two renewals.
public struct ObservationConfiguration: Equatable, Sendable {
    /// Time between two rounds.
    ///
    /// Default 1 s; 100 ms to 60 s.
    public var roundInterval: Duration = .seconds(1)

    /// Bytes of one round's message, before sealing.
    ///
    /// Default 512; 256 to ``datagramByteCount``. Five nodes fill it; a larger fleet takes turns.
    public var roundByteCount = 512

    /// Time between two datagrams of urgent news.
    ///
    /// Default 200 ms, as memberlist's LAN preset; 10 ms to 10 s.
    public var tickInterval: Duration = .milliseconds(200)

    /// Peers that hear the urgent news of one tick.
    ///
    /// Default 3; 1 to 16.
    public var fanout = 3

    /// Up to this many peers, urgent news goes to all of them at once.
    ///
    /// Default 16.
    public var directPeerLimit = 16

    /// Above ``directPeerLimit``, urgent news goes to this many at once, who pass it on once.
    ///
    /// Default 8.
    public var urgentFanout = 8

    /// News is sent at most this times ⌈log10(nodes + 1)⌉ by each node that learns it.
    ///
    /// Default 4, as memberlist; enough for 30 % loss at 1,000 nodes.
    public var retransmissionFactor = 4

    /// The shortest time between two renewals of what a node says.
    ///
    /// Default 5 s; 1 s to 60 s. See ``reportInterval(among:)``.
    public var reportInterval: Duration = .seconds(5)

    /// Above ``reportInterval``, each node of the fleet adds this much to the time between renewals.
    ///
    /// Default 250 ms: rounds of 512 bytes carry some twelve renewals, so each reaches everybody
    /// three times over.
    public var reportShare: Duration = .milliseconds(250)

    /// Equal votes of others in the region at which a node that does not check a target keeps its
    /// own to itself.
    ///
    /// Default 4. Two are needed to exclude a target; the rest is for loss. So a target that a
    /// thousand nodes see down costs no more than one that five see.
    ///
    /// Source: RFC 6206 (Trickle), the redundancy constant k.
    public var voteRedundancy = 4

    /// Bytes of one datagram's message, before sealing.
    ///
    /// Default 1,100; 512 to 60,000.
    public var datagramByteCount = 1_100

    /// Bytes of one stream's message, before sealing.
    ///
    /// Default 900,000; 65,536 to 1,048,000.
    public var streamByteCount = 900_000

    /// Bytes per second that datagrams may take.
    ///
    /// Default 16,384; at most four times as much may be sent at once after a quiet time.
    public var datagramRate = 16_384

    /// Bytes per second that streams may take.
    ///
    /// Default 131,072; at most 16 times as much may be sent at once after a quiet time.
    public var streamRate = 131_072

    /// Observations of one owner: 16,384 targets and what it says of itself.
    ///
    /// Default 16,400; further ones are left out.
    public var ownerLimit = 16_400

    /// Observations of all owners.
    ///
    /// Default 262,144; further ones are left out.
    public var totalLimit = 262_144

    /// Owners that may wait for an answer about them at once.
    ///
    /// Default 256.
    public var wantLimit = 256

    /// For simulations only: what the table does wrong.
    package var flaw: ObservationFlaw?

    /// Creates the defaults.
    public init() {}

    /// Time between two renewals of what a node says, in a fleet of `count` nodes.
    ///
    /// What is not renewed for three times as long is believed no more.
    public func reportInterval(among count: Int) -> Duration {
        max(self.reportInterval, self.reportShare * min(max(0, count), 1_000_000))
    }
}
