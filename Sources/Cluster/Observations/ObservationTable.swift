public import MeshDissemination
public import MeshPrimitives

/// What each node sees and says now: its state, its votes on targets, its region's summary.
///
/// Pure: opens no socket, touches no disk, reads no clock. Each node writes only about itself, so
/// there is nothing to merge: of one owner the newer ``ObservationVersion`` stands, by start and
/// number, whatever anybody's clock shows. Nothing is kept over a restart.
///
/// Three ways to travel:
///
/// - *Urgent news* goes at once to all peers, or to eight who pass it on once, then with ticks.
/// - *Rounds* carry, once a second in one datagram of fixed size, the own word, other news, owners
///   in turn, and a digest of some: constant work, so a quiet fleet and a burning one cost the same.
/// - *Answers* close the gaps that a digest or a run shows: by datagram when they fit one, else by
///   stream, and in pieces by datagram when streams do not arrive.
///
/// Votes stay in the owner's region; what leaves it are the relays' sums. What is not renewed for
/// three report intervals, measured at the receiver, is believed no more.
public struct ObservationTable: Sendable {
    /// How a message is sent.
    public enum Path: Sendable {
        /// One datagram; losing it is allowed.
        case datagram
        /// The stream to the peer; losing it costs time.
        case stream
    }

    /// What the shell must do next, in array order.
    public enum Effect: Equatable, Sendable {
        /// Send a message; losing it is allowed.
        case send(ObservationMessage, to: NodeID, by: Path)
        /// An owner's word has changed, also by growing too old; read it anew.
        case changed(NodeID, ObservationAspects)
        /// Call ``ObservationTable/wake(at:)`` no earlier than this; a newer wake replaces an older
        /// one.
        case wake(at: MonotonicInstant)
    }

    struct Row: Sendable {
        var log: ObservationLog
        /// When the owner was last known further than before.
        var receivedAt: MonotonicInstant
        /// Whether its word is too old.
        var isStale = false
    }

    /// What happened so far.
    public internal(set) var counters = ObservationCounters()

    let configuration: ObservationConfiguration
    let node: NodeID
    var generator: SeededGenerator
    var sampler: PeerSampler
    var own: ObservationLog
    var rows: [NodeID: Row] = [:]
    /// Observations in ``rows``.
    var total = 0

    /// News for the own region: votes.
    var regionNews = BroadcastQueue<ObservationNews>(limit: 4_096)
    /// News for everybody.
    var meshNews = BroadcastQueue<ObservationNews>(limit: 4_096)
    var packer = DatagramPacker(weights: [3, 2])
    var datagramBudget: ByteBudget
    var streamBudget: ByteBudget
    /// What own votes may cost that are told directly.
    var wordBudget: WordBudget
    /// Peers that datagrams do not reach.
    var withoutDatagrams: Set<NodeID> = []

    var wants: [NodeID: ObservationWant] = [:]
    /// Owners in the order of turns, and whose turn it is for news, for the digest, and to be told.
    var turns: [NodeID] = []
    var roundTurn = 0
    var newsTurn = 0
    var digestTurn = 0

    /// The own votes as last set, published or not.
    var ownVotes = ObserverVotes()
    /// When votes were last told directly, and when what is new since then will be.
    var votesSaidAt: MonotonicInstant?
    var countsSaidAt: MonotonicInstant?
    /// What is told once more, and when.
    var repeatBase: ObservationVersion?
    var nextRepeat: MonotonicInstant?
    /// Up to which number everybody was told directly what this node says.
    var toldUpTo: UInt64 = 0
    var nextVotes: MonotonicInstant?
    /// When own votes that wait for others to speak first are looked at.
    var nextHeld: MonotonicInstant?
    /// How many others of the region speak against a target.
    var against: [TargetID: Set<NodeID>] = [:]
    /// Own votes that wait for others to speak first.
    var held: Set<TargetID> = []
    /// Those of them for which not enough others spoke.
    var raised: Set<TargetID> = []
    /// Own votes that are not needed, since enough others speak.
    var silenced: Set<TargetID> = []
    var sums: [TargetID: RegionVote] = [:]
    var sumsAreOld = false
    /// What had been said before the sums that were told across last.
    var acrossBase: ObservationVersion?
    var ownLoad = NodeLoad.idle
    /// Where this node lies, told or not.
    var ownCoordinate = NetworkCoordinate()
    /// When it may be told again.
    var nextCoordinate: MonotonicInstant?

    var nextRound: MonotonicInstant?
    var nextTick: MonotonicInstant?
    var nextReport: MonotonicInstant
    var nextExpiry: MonotonicInstant?
    private var scheduled: MonotonicInstant?

    /// Creates the observations of a node that knows nobody and has said nothing.
    ///
    /// - Parameters:
    ///   - configuration: validated settings.
    ///   - node: this node.
    ///   - region: where it serves.
    ///   - boot: higher at every start of this node.
    ///   - generator: picks peers.
    ///   - now: the current moment.
    public init(
        configuration: ObservationConfiguration,
        node: NodeID,
        region: String,
        boot: UInt64,
        generator: SeededGenerator,
        at now: MonotonicInstant
    ) {
        self.configuration = configuration
        self.node = node
        self.generator = generator
        self.sampler = PeerSampler(region: region)
        self.own = ObservationLog(boot: min(boot, ObservationVersion.limit))
        self.datagramBudget = ByteBudget(
            rate: configuration.datagramRate,
            burst: 4 * configuration.datagramRate
        )
        self.streamBudget = ByteBudget(
            rate: configuration.streamRate,
            burst: 16 * configuration.streamRate
        )
        self.wordBudget = WordBudget(rate: configuration.wordRate)
        self.nextReport = now
    }

    /// Nodes that are there, this one included.
    public var nodeCount: Int { self.sampler.count + 1 }

    /// Time between two renewals of what a node says, in a fleet of this size.
    public var reportInterval: Duration {
        self.configuration.reportInterval(among: self.nodeCount)
    }

    /// Sets who is there; this node may be among them or not.
    ///
    /// What a node said that is gone counts no more, but is remembered for when it returns.
    public mutating func setPeers(_ peers: [Peer], at now: MonotonicInstant) -> [Effect] {
        let others = peers.filter { $0.id != self.node }
        let ids = Set(others.map(\.id))
        let known = Set(self.sampler.ids)
        for gone in known.subtracting(ids) { self.sampler.remove(gone) }
        for peer in others { self.sampler.insert(peer) }
        self.withoutDatagrams.formIntersection(ids)
        self.wants = self.wants.filter { ids.contains($0.key) }
        self.turns = self.generator.shuffle(self.sampler.ids)
        self.recountVotes()
        self.sumsAreOld = true
        self.nextExpiry = now
        let arrivals = ids.subtracting(known).sorted()
        let changed = arrivals + known.subtracting(ids).sorted()
        let effects = changed.filter { self.rows[$0] != nil }
            .map { Effect.changed($0, [.state, .votes, .regions]) }
        return self.finish(effects + self.greet(arrivals, among: known.count, at: now), at: now)
    }

    /// Does what is due; early, late and repeated wakes are harmless.
    public mutating func wake(at now: MonotonicInstant) -> [Effect] {
        if let due = self.scheduled, due <= now { self.scheduled = nil }
        var effects = self.expire(at: now)
        if let due = self.nextVotes, due <= now { effects += self.sayVotes(at: now) }
        if let due = self.nextHeld, due <= now { effects += self.speakUp(at: now) }
        if let due = self.nextRepeat, due <= now { effects += self.repeatWord(at: now) }
        effects += self.tick(at: now)
        effects += self.ask(at: now)
        self.report(at: now)
        effects += self.round(at: now)
        return self.finish(effects, at: now)
    }

    /// Says that datagrams do not reach a peer that is there, as a probe by stream has shown.
    public mutating func datagramsLost(to peer: NodeID) {
        if self.sampler[peer] != nil { self.withoutDatagrams.insert(peer) }
    }

    /// Says that a datagram of a peer has come, so that some may go back.
    public mutating func datagramReceived(from peer: NodeID) {
        if !self.withoutDatagrams.isEmpty { self.withoutDatagrams.remove(peer) }
    }

    /// Whether datagrams do not reach a peer.
    public func lacksDatagrams(_ peer: NodeID) -> Bool { self.withoutDatagrams.contains(peer) }

    /// Peers that datagrams do not reach.
    public var peersWithoutDatagrams: Set<NodeID> { self.withoutDatagrams }

    /// Whether something must not wait for the next round.
    private var isUrgent: Bool {
        self.regionNews.hasUrgent || self.meshNews.hasUrgent
    }

    /// Asks for the next wake when it has changed.
    mutating func finish(_ effects: [Effect], at now: MonotonicInstant) -> [Effect] {
        if self.sampler.count > 0, self.nextRound == nil {
            let spread = self.configuration.roundInterval * self.generator.nextUnit()
            self.nextRound = now.advanced(by: spread)
        }
        if self.sampler.count > 0, self.isUrgent, self.nextTick == nil {
            let spread = 0.5 + self.generator.nextUnit() / 2
            self.nextTick = now.advanced(by: self.configuration.tickInterval * spread)
        }
        if !self.held.isEmpty, self.nextHeld == nil {
            let pause = self.configuration.hesitation * self.generator.nextUnit()
            self.nextHeld = now.advanced(by: pause)
        }
        var due = [
            self.nextReport, self.nextExpiry, self.nextVotes, self.nextHeld, self.nextRepeat,
        ].compactMap(\.self)
        if self.sampler.count > 0 {
            due += [self.nextRound, self.nextTick].compactMap(\.self)
            due += self.wants.values.map(\.due)
        }
        guard let next = due.min(), next != self.scheduled else { return effects }
        self.scheduled = next
        return effects + [.wake(at: max(next, now))]
    }
}

/// What a node's observations have done and refused since it started; only grows.
public struct ObservationCounters: Equatable, Sendable {
    /// Bytes of messages sent by datagram, before sealing.
    public internal(set) var datagramBytes: UInt64 = 0
    /// Bytes of messages sent by stream, before sealing.
    public internal(set) var streamBytes: UInt64 = 0
    /// Runs taken in that told something.
    public internal(set) var accepted: UInt64 = 0
    /// Runs that were known already.
    public internal(set) var stale: UInt64 = 0
    /// Observations refused because a bound is reached.
    public internal(set) var overLimit: UInt64 = 0
    /// Runs of owners that are no members, or of this node itself.
    public internal(set) var foreign: UInt64 = 0
    /// Times that this node went on above a word in its name that it has not said: its disk was put back,
    /// or somebody else speaks for it.
    public internal(set) var outranked: UInt64 = 0
    /// Messages not sent because the bytes were used up.
    public internal(set) var overBudget: UInt64 = 0
    /// Times that this node asked for what it missed.
    public internal(set) var requests: UInt64 = 0
    /// Own votes that were not needed.
    public internal(set) var suppressed: UInt64 = 0

    /// Creates counters at zero.
    public init() {}
}

/// News about one owner, made into a run when it is sent.
struct ObservationNews: BroadcastItem {
    let subject: NodeID
    /// What was known before the news.
    let base: ObservationVersion
    let urgency: BroadcastUrgency
    let wireByteCount: Int
}

/// An owner of whom something is missed.
struct ObservationWant: Sendable {
    /// Who has it.
    var holder: NodeID
    /// What must be known for the wish to be granted.
    var until: ObservationVersion
    /// When to ask (again).
    var due: MonotonicInstant
    var tries = 0
}
