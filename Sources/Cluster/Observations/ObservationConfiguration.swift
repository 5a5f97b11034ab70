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

    /// Up to this many peers of the region hear votes at once, and up to 16 of the mesh other urgent news.
    ///
    /// Default 64: to tell eight who pass it on to eight each costs more.
    public var directPeerLimit = 64

    /// In a region of up to this many peers a node that does not check a target speaks against it at once.
    ///
    /// Default 8.
    public var frankPeerLimit = 8

    /// In a larger region, the longest time that a node which does not check a target waits for others to
    /// speak first.
    ///
    /// Default 60 ms; several flight times within a region.
    public var hesitation: Duration = .milliseconds(60)

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
    /// Default 5. Two are needed to exclude a target; the rest is for loss. So a target that a
    /// thousand nodes see down costs no more than one that six see.
    ///
    /// Source: RFC 6206 (Trickle), the redundancy constant k.
    public var voteRedundancy = 5

    /// The shortest time between two words of a node that speak against targets, or take that back for a
    /// target that it has tried; what else is new goes with them.
    ///
    /// Default 200 ms; 0 to 1 s. The first goes at once.
    public var accusationInterval: Duration = .milliseconds(200)

    /// The shortest time between two words that say less.
    ///
    /// Default 2 s; 0 to 10 s. A target comes back over ten seconds, so that nobody waits for this.
    public var withdrawalInterval: Duration = .seconds(2)

    /// The shortest time between two words that only count.
    ///
    /// Default 250 ms; 0 to 10 s.
    public var countInterval: Duration = .milliseconds(250)

    /// Bytes per second that words of targets may cost which are told directly, with envelopes.
    ///
    /// Default 1,152; at most eight times as much may be sent at once after a quiet time. When they are
    /// used up, words and counts wait until they are paid for, 20 s at most, and are told once; what
    /// takes accusations back waits 5 s less, and that a node abstains does not wait.
    public var wordRate = 1_152

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
