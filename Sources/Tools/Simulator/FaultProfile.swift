public import MeshChangelog
public import MeshMembership

/// What goes wrong in a run, how much of it, and how long the run is.
public struct FaultProfile: Equatable, Sendable {
    /// What becomes of a disk while its node does not run.
    public enum Disaster: Equatable, Sendable {
        /// The changelog is gone.
        case lost
        /// The newest changesets are gone.
        case cut
        /// It is as it was some time before.
        case rolledBack
        /// It has the changelog of another node, its name included.
        case copied
        /// Nothing; but the node is away, with writes that nobody else has, for longer than it is
        /// remembered.
        case away
    }

    /// The name on the command line.
    public var name: String
    /// How the members are tuned.
    public var membership = MembershipConfiguration.local
    /// How the changelogs are tuned.
    public var changelog = ChangelogConfiguration()
    /// How many nodes take part.
    public var nodeCount = 5
    /// Share of datagrams that never arrive, 0 to 1; streams fail half as often.
    public var loss = 0.0
    /// Share of datagrams that arrive twice, 0 to 1.
    public var duplication = 0.0
    /// Shortest and longest delay of a datagram, in milliseconds; its spread reorders.
    public var delayMilliseconds: ClosedRange<Double> = 0.1...2
    /// How many nodes crash.
    public var crashes = 0
    /// Whether crashed nodes come back with the disk they had, after 1 s to 15 s.
    public var restarts = false
    /// Share of those that come back with an empty disk and so a new identity, 0 to 1.
    public var wipedShare = 0.0
    /// How many nodes say goodbye.
    public var leaves = 0
    /// How many times a node stops being scheduled.
    public var pauses = 0
    /// Shortest and longest such pause, in milliseconds.
    public var pauseMilliseconds: ClosedRange<Double> = 100...500
    /// How many times all nodes together stop being scheduled, as on a busy machine.
    public var machinePauses = 0
    /// How many times the disk of a node takes nothing, for 1 s to 10 s.
    public var fullDisks = 0
    /// How many times the disk of a node takes up to 2 s for each save, for 1 s to 10 s.
    public var slowDisks = 0
    /// How many times the network splits, for 1 s to 20 s.
    public var partitions = 0
    /// Whether splits cut one direction only.
    public var partitionsAreOneWay = false
    /// What happens to disks, one after the other.
    public var disasters: [Disaster] = []
    /// How many times a node's clock leaps ahead, by 1 s to 10 min.
    public var leaps = 0
    /// How much clocks differ: each begins anywhere within 30 days and is off by up to this share.
    public var clockError = 0.0
    /// Whether one member says what is not so, all the time.
    public var hasLiar = false
    /// Pairs of nodes whose path carries datagrams only, and streams only, for ever.
    public var datagramOnlyPairs = 0
    /// See ``datagramOnlyPairs``.
    public var streamOnlyPairs = 0
    /// Whether every second node is of the next release, and the others cannot build all that it can.
    public var isMixed = false
    /// Share of writes that a full disk has although it said no, 0 to 1.
    public var storedAfterAll = 0.0
    /// Configuration records written per second, anywhere.
    public var writesPerSecond = 0.5
    /// Length of the first phase, in which faults happen.
    public var faultSeconds = 40.0
    /// Length of the second phase, in which nothing is wrong and all must agree.
    public var quietSeconds = 40.0
    /// Within this, every undisturbed node must see a crash.
    public var detectionBound: Duration = .seconds(4)

    /// Creates a profile without faults.
    public init(name: String) { self.name = name }

    /// Every profile, by the name on the command line.
    public static let all: [FaultProfile] =
        [
            .calm, .stalls, .kill, .lossy, .crashes, .wiped, .disks, .split, .oneWay, .churn, .wan,
        ] + Self.configuration

    /// The profile of a name.
    public static func named(_ name: String) -> FaultProfile? {
        self.all.first { $0.name == name }
    }

    /// Nothing goes wrong.
    public static let calm = FaultProfile(name: "calm")

    /// Nodes are not scheduled for up to half a second, often: nobody may be declared failed.
    public static let stalls: FaultProfile = {
        var profile = FaultProfile(name: "stalls")
        profile.pauses = 60
        profile.machinePauses = 10
        return profile
    }()

    /// One node of five is killed: all others must know within four seconds.
    public static let kill: FaultProfile = {
        var profile = FaultProfile(name: "kill")
        profile.crashes = 1
        return profile
    }()

    /// One datagram in five is lost, some come twice, all come in any order.
    public static let lossy: FaultProfile = {
        var profile = FaultProfile(name: "lossy")
        profile.loss = 0.2
        profile.duplication = 0.05
        profile.delayMilliseconds = 0.5...30
        profile.crashes = 1
        profile.detectionBound = .seconds(12)
        return profile
    }()

    /// Up to half of the nodes crash, and come back.
    public static let crashes: FaultProfile = {
        var profile = FaultProfile(name: "crashes")
        profile.nodeCount = 7
        profile.crashes = 6
        profile.restarts = true
        profile.detectionBound = .seconds(10)
        return profile
    }()

    /// Crashed nodes come back under their names with new identities.
    public static let wiped: FaultProfile = {
        var profile = FaultProfile.crashes
        profile.name = "wiped"
        profile.wipedShare = 0.7
        return profile
    }()

    /// Disks are full or slow while nodes crash and come back, and much is written.
    public static let disks: FaultProfile = {
        var profile = FaultProfile.crashes
        profile.name = "disks"
        profile.crashes = 3
        profile.fullDisks = 8
        profile.slowDisks = 8
        profile.storedAfterAll = 0.5
        profile.writesPerSecond = 4
        (profile.changelog.historyCount, profile.changelog.foldCount) = (5, 5)
        return profile
    }()

    /// The network splits in two and heals by itself.
    public static let split: FaultProfile = {
        var profile = FaultProfile(name: "split")
        profile.partitions = 2
        profile.quietSeconds = 60
        return profile
    }()

    /// One direction between two groups is cut.
    public static let oneWay: FaultProfile = {
        var profile = FaultProfile(name: "one-way")
        profile.partitions = 2
        profile.partitionsAreOneWay = true
        profile.quietSeconds = 60
        return profile
    }()

    /// Everything at once.
    public static let churn: FaultProfile = {
        var profile = FaultProfile(name: "churn")
        profile.nodeCount = 7
        profile.loss = 0.1
        profile.duplication = 0.05
        profile.delayMilliseconds = 0.2...20
        profile.crashes = 3
        profile.restarts = true
        profile.leaves = 1
        profile.pauses = 15
        profile.pauseMilliseconds = 100...4_000
        profile.partitions = 1
        profile.detectionBound = .seconds(30)
        profile.quietSeconds = 60
        return profile
    }()

    /// Long and lossy paths between regions.
    public static let wan: FaultProfile = {
        var profile = FaultProfile(name: "wan")
        profile.membership = .wan
        profile.nodeCount = 9
        profile.loss = 0.02
        profile.delayMilliseconds = 10...150
        profile.crashes = 1
        profile.faultSeconds = 180
        profile.quietSeconds = 180
        profile.detectionBound = .seconds(60)
        return profile
    }()
}
