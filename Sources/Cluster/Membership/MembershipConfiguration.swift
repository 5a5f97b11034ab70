/// How often and how patiently this node watches its peers.
///
/// Every default suits one data centre of up to some thousand nodes (``lan``).
public struct MembershipConfiguration: Equatable, Sendable {
    /// Time between the starts of two probes whose turn it is; others start at once when in doubt.
    ///
    /// Default 1 s; 100 ms to 60 s. Multiplied by local health, 1 to ``healthCeiling``.
    public var probeInterval: Duration = .seconds(1)
    /// How long to wait for a direct ack from a member whose round trip is not known yet.
    ///
    /// Default 300 ms; at most half of ``probeInterval``. Afterwards the smoothed round trip plus
    /// four times its deviation takes its place, from ``probeTimeoutMinimum``. A probe uses no more
    /// than two fifths of the interval of either.
    public var probeTimeout: Duration = .milliseconds(300)
    /// The shortest wait for a direct ack, however fast the peer.
    ///
    /// Default 100 ms.
    public var probeTimeoutMinimum: Duration = .milliseconds(100)
    /// How many members relay a ping when the direct one is lost.
    ///
    /// Default 3; 0 to 16.
    public var relayCount = 3
    /// The shortest suspicion is this times ``probeInterval``, however large the fleet.
    ///
    /// Default 3.
    public var suspicionMultiplier = 3
    /// An unconfirmed suspicion lasts this times the shortest one.
    ///
    /// Default 6.
    public var suspicionMaximumMultiplier = 6
    /// How many confirmations by others shorten a suspicion to its shortest.
    ///
    /// Default 2; fewer where there are not as many others. No confirmation, longest suspicion.
    public var suspicionConfirmations = 2
    /// Which refinements of SWIM are at work.
    ///
    /// Default ``Mechanisms/all``; others are for measurements.
    public var mechanisms = Mechanisms.all
    /// How far bad local health may stretch intervals and timeouts.
    ///
    /// Default 8; 1 turns it off.
    public var healthCeiling = 8
    /// Time between two rounds of gossip apart from probes.
    ///
    /// Default 200 ms.
    public var gossipInterval: Duration = .milliseconds(200)
    /// To how many members each such round goes.
    ///
    /// Default 3.
    public var gossipFanout = 3
    /// To how many members at most it goes while much waits to be told.
    ///
    /// Default 12; one more than ``gossipFanout`` for every 32 claims that wait. When half of a fleet
    /// dies at once, each node sends up to a hundred kilobytes a second for a few seconds.
    public var gossipBurst = 12
    /// For how long gossip also goes to a member that failed, so that it can refute.
    ///
    /// Default 30 s.
    public var gossipToFailed: Duration = .seconds(30)
    /// An update is sent this times `⌈log10(n + 1)⌉` times.
    ///
    /// Default 4.
    public var retransmitMultiplier = 4
    /// Time between two full exchanges with a random member, for up to 32 members.
    ///
    /// Default 30 s.
    ///
    /// Longer for more: twice for up to 64, three times for up to 128 and so on.
    public var syncInterval: Duration = .seconds(30)
    /// The first pause between two attempts to reach a seed or a failed member.
    ///
    /// Default 1 s.
    public var reconnectMinimum: Duration = .seconds(1)
    /// The longest such pause; each attempt doubles it up to here.
    ///
    /// Default 30 s.
    public var reconnectMaximum: Duration = .seconds(30)
    /// How long this node may hold back suspicions while it is isolated.
    ///
    /// Default 60 s.
    public var isolationHold: Duration = .seconds(60)
    /// How long a leaving node goes on telling its peers.
    ///
    /// Default 1 s.
    public var leavePropagation: Duration = .seconds(1)
    /// How long a failed member's name is kept for it against another identity at another address.
    ///
    /// Default 30 s.
    public var nameReclaimTime: Duration = .seconds(30)
    /// How long a failed or left member is remembered.
    ///
    /// Default 72 h; less where there are more of them than 256, and than twice the most members that
    /// were there at once: those that left are dropped then, and next those that had lived shortest.
    ///
    /// A split that lasts longer does not heal without seeds.
    public var tombstoneLifetime: Duration = .seconds(72 * 3_600)
    /// The largest message put into one datagram, before sealing: 1,400 less 66 for the envelope.
    public var datagramByteLimit = 1_400 - 66
    /// The largest message put into one stream frame, before sealing.
    ///
    /// Default 900,000.
    public var streamByteLimit = 900_000
    /// Bytes per second that datagrams may take, before sealing.
    ///
    /// Default 65,536; at most 16 times as much may be sent at once after a quiet time, which is what the
    /// news of half of a large fleet takes. When they are used up no news goes out but this node's
    /// own word, neither by itself nor with probes and acks, which go on.
    public var datagramRate = 65_536
    /// Bytes per second that may be told of members by stream, before sealing.
    ///
    /// Default 1,048,576; at most 8 times as much may be sent at once after a quiet time. When they are
    /// used up an answer holds some twenty members, and the rest follows when views are compared.
    public var streamRate = 1_048_576
    /// How many members are remembered at most; further ones are ignored.
    ///
    /// Default 16,384.
    public var memberLimit = 16_384

    /// Creates the defaults, which are ``lan``.
    public init() {}

    /// One data centre.
    public static let lan = MembershipConfiguration()

    /// Members in several regions: slower and more patient, since paths are long and lossy.
    public static let wan: MembershipConfiguration = {
        var configuration = MembershipConfiguration()
        configuration.probeInterval = .seconds(3)
        configuration.probeTimeout = .seconds(1)
        configuration.probeTimeoutMinimum = .milliseconds(200)
        configuration.suspicionMultiplier = 5
        configuration.gossipInterval = .milliseconds(400)
        configuration.gossipFanout = 4
        configuration.gossipToFailed = .seconds(60)
        configuration.syncInterval = .seconds(60)
        configuration.leavePropagation = .seconds(2)
        configuration.nameReclaimTime = .seconds(60)
        return configuration
    }()

    /// A few members on one machine, for demonstrations and tests.
    ///
    /// A killed member is failed within about three seconds; a member that is not scheduled for half
    /// a second is suspected at most.
    public static let local: MembershipConfiguration = {
        var configuration = MembershipConfiguration()
        configuration.probeInterval = .milliseconds(250)
        configuration.probeTimeout = .milliseconds(80)
        configuration.probeTimeoutMinimum = .milliseconds(80)
        configuration.suspicionMultiplier = 6
        configuration.suspicionMaximumMultiplier = 4
        configuration.gossipInterval = .milliseconds(100)
        configuration.gossipToFailed = .seconds(10)
        configuration.syncInterval = .seconds(10)
        configuration.reconnectMinimum = .milliseconds(500)
        configuration.reconnectMaximum = .seconds(4)
        configuration.isolationHold = .seconds(10)
        configuration.leavePropagation = .milliseconds(400)
        configuration.nameReclaimTime = .seconds(5)
        return configuration
    }()
}
