/// How far and how patiently changesets travel, and what bounds a log.
public struct ChangelogConfiguration: Equatable, Sendable {
    /// Nodes that must hold a write durably before it is acknowledged, the writer included.
    ///
    /// Default 3; 1 to 16. Never more than the fleet has.
    public var durableNodes = 3
    /// Regions among them.
    ///
    /// Default 2; 1 to 16. Never more than the fleet has.
    public var durableRegions = 2
    /// How long a write waits for other nodes before it is answered with who has it so far.
    ///
    /// Default 2 s.
    public var acknowledgeTimeout: Duration = .seconds(2)
    /// Time between two looks at what is due.
    ///
    /// Default 100 ms.
    public var tickInterval: Duration = .milliseconds(100)
    /// The same while nothing is under way: no write, no fetch and no peer whose set differs.
    ///
    /// Default 1 s.
    public var quietInterval: Duration = .seconds(1)
    /// How long to wait for a peer's answer before another peer is asked.
    ///
    /// Default 2 s.
    public var sessionTimeout: Duration = .seconds(2)
    /// How often a peer that streams do not reach is asked the same again, each time after a quarter of
    /// ``sessionTimeout``, before the session is given up.
    ///
    /// Default 6.
    public var datagramRepeats = 6
    /// Shortest pause between two sessions with one peer; doubles while they bring nothing.
    ///
    /// Default 250 ms.
    public var sessionPause: Duration = .milliseconds(250)
    /// Longest pause between two sessions with one peer.
    ///
    /// Default 10 s.
    public var sessionPauseLimit: Duration = .seconds(10)
    /// How long a node waits for the author to write a displaced changeset again before it does.
    ///
    /// Default 10 s.
    public var displacedGrace: Duration = .seconds(10)
    /// Pause after a failed save before anything is fetched again, or folded.
    ///
    /// Default 5 s.
    public var storageRetry: Duration = .seconds(5)
    /// Up to this many peers, news goes to all of them directly; above, to ``fanout``.
    ///
    /// Default 16.
    public var directPeers = 16
    /// Peers that a node passes news on to once.
    ///
    /// Default 6; 1 to 16.
    public var fanout = 6
    /// Bytes of changesets in one datagram; larger news is announced and fetched.
    ///
    /// Default 1,100: a datagram of 1,200 bytes less envelope and message head.
    public var datagramByteCount = 1_100
    /// Bytes of changesets in one stream message.
    ///
    /// Default 256 KiB.
    public var chunkByteCount = 256 << 10
    /// Most bytes of one changeset.
    ///
    /// Default 256 MiB: about a million entities, as 300,000 consumers with a key and a group are.
    public var changesetByteLimit = 256 << 20
    /// Most bytes of a checkpoint.
    ///
    /// Default 512 MiB.
    public var checkpointByteLimit = 512 << 20
    /// Bytes of fetched changesets that wait for the disk; fetching pauses above.
    ///
    /// Default 8 MiB.
    public var stagedByteLimit = 8 << 20
    /// Writes that wait for the disk.
    ///
    /// Default 4,096.
    public var writeLimit = 4_096
    /// How far a changeset's or checkpoint's generation may lie ahead of all that is held.
    ///
    /// Default 1,048,576. A damaged or lying writer would otherwise use generations up.
    public var generationLead: UInt64 = 1 << 20
    /// Changesets that are never folded.
    ///
    /// Default 100.
    public var historyCount = 100
    /// Least changesets folded at once.
    ///
    /// Default 100. Folding costs O(entities), so it also waits until what it folds has a quarter
    /// of the checkpoint's bytes, or is 10,000 changesets.
    public var foldCount = 100

    /// Creates the defaults.
    public init() {}
}
