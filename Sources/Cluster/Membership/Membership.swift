internal import MeshDissemination
public import MeshPrimitives

/// Who is in the cluster, and who has gone: SWIM with Lifeguard's refinements.
///
/// Pure: opens no socket, reads no clock, draws no random number of its own. The shell passes those
/// in and carries out the returned effects in order, so a run is a function of its inputs alone.
///
/// Each job is a machine of its own (``ProbeRound``, ``SuspicionTable``, ``MeshDissemination/BroadcastQueue`` …); this
/// type only connects them. Its extensions follow the jobs: `+Probing`, `+Merging`, `+Joining`,
/// `+Gossip`.
///
/// Sources: SWIM, Das et al. 2002; Lifeguard, Dadgar et al. 2017; full sync, stream probes and
/// nacks after memberlist.
public struct Membership: Sendable {
    /// What the shell must do next, in array order.
    public enum Effect: Equatable, Sendable {
        /// Send one datagram; losing it is allowed.
        case send(MembershipMessage, to: Endpoint)
        /// Send one message by stream, hand its answer to ``receiveStream(_:from:at:)``.
        ///
        /// When the peer cannot be reached or does not answer, nothing need be reported.
        case stream(MembershipMessage, to: Endpoint)
        /// Send ``streamPing(sequence:target:)`` by stream.
        ///
        /// Report with ``streamProbeFinished(sequence:succeeded:at:)`` whether an ack came.
        case probeByStream(NodeID, Endpoint, sequence: UInt32)
        /// Call ``wake(at:)`` no earlier than this; a newer wake replaces an older one.
        case wake(at: MonotonicInstant)
        /// Tell observers.
        case event(MembershipEvent)
        /// A member showed the root hash of its changelog.
        case peerDigest(NodeID, ContentHash)
        /// How far a member is now: its smoothed round trip, after a direct probe.
        case measured(NodeID, Duration)
        /// A member's own record proves which start of it speaks now.
        case proved(NodeID, MemberStart)
        /// Count starts on from this boot number on disk: peers remember higher ones than the disk.
        case persistBoot(UInt64)
        /// Keep on disk which mesh this node belongs to.
        case persistMesh(MeshClaim)
    }

    enum Phase: Equatable {
        case idle
        case running
        case leaving(until: MonotonicInstant)
        case gone
        /// Silent, since another process of this identity is older.
        case yielded
    }

    /// Claims that wait to be passed on at most.
    static let broadcastLimit = 4_096

    /// The root hash of this node's changelog, shown to every peer.
    public var localDigest = ContentHash.zero
    /// What has happened since the start.
    public internal(set) var counters = MembershipCounters()

    let identity: MemberIdentity
    let configuration: MembershipConfiguration
    var generator: SeededGenerator
    var phase = Phase.idle
    var local: Member
    var table: MemberTable
    var health: LocalHealth
    var probe = ProbeRound()
    var probeOrder = ProbeOrder()
    var relays = RelayTable()
    var suspicions: SuspicionTable
    var broadcasts = BroadcastQueue<MemberUpdate>(limit: Self.broadcastLimit)
    /// Bytes that may be sent now.
    var datagramBudget: ByteBudget
    var streamBudget: ByteBudget
    var isolation = IsolationWindow()
    var reach = OwnReach()
    /// Pings by which this node looks whether the fault is its own.
    var ownDoubts: Allowance
    var reconnection: Reconnection
    var forgotten = ForgottenMembers()
    /// The most members that were there when one of them went, or as this run found them.
    var mostPresent = 0
    var twin = TwinWatch()
    /// Where the older process of this identity runs to which this one has yielded.
    var silencer: Endpoint?
    /// Who keeps this node from its name.
    public internal(set) var nameHolder: MemberProfile?
    /// Whether a member has told all it knows in this run.
    var hasJoined = false
    /// Whether that was by stream, so that it was all.
    var wasTold = false
    /// Whether this node, which has just come, is told all: that is news to nobody else.
    var isBeingTold = false
    /// Whether the mesh of this node stays what it is.
    var isFounded: Bool
    /// When it will.
    var foundingAt: MonotonicInstant?
    /// Whether failed members or seeds have changed since reconnection was planned.
    var reconnectionIsStale = false
    /// When it may be planned anew, where so many have failed that this costs something.
    var nextAim = MonotonicInstant(nanoseconds: 0)
    var seeds: [Endpoint] = []
    var sequence: UInt32
    var nextProbe = MonotonicInstant(nanoseconds: 0)
    var isRingTurn = true
    /// When the next round of gossip may be.
    var nextGossip = MonotonicInstant(nanoseconds: 0)
    /// Whether that round has something to do, so that this node wakes for it.
    var isGossipPlanned = false
    var nextSync = MonotonicInstant(nanoseconds: 0)
    var nextStrangerSync = MonotonicInstant(nanoseconds: 0)
    /// Whether much has changed at once, after which views are compared.
    var isMassChange = false
    var scheduledWake: MonotonicInstant?
    var pending: [Effect] = []

    /// Creates a membership of this node alone.
    ///
    /// - Parameters:
    ///   - configuration: validated.
    ///   - profile: what this node says about itself; within its limits, of `identity`.
    ///   - identity: who this node is.
    ///   - start: which of its starts this is.
    ///   - mesh: which mesh it belongs to, from its disk; of a new disk an identity just drawn. What
    ///     is not founded may be given up for another.
    ///   - ring: which keys of the ring it holds.
    ///   - incarnation: above every one that earlier starts of this identity used; by default the
    ///     first one of `start`.
    ///   - generator: for the order of probes and the choice of peers.
    public init(
        configuration: MembershipConfiguration,
        profile: MemberProfile,
        identity: MemberIdentity,
        start: MemberStart,
        mesh: MeshClaim,
        ring: RingInventory = .none,
        incarnation: UInt64? = nil,
        generator: SeededGenerator
    ) {
        precondition(profile.isWithinLimits, "a node's own profile must be valid")
        precondition(profile.id == identity.node, "a node's profile is of its identity")
        self.configuration = configuration
        self.identity = identity
        self.generator = generator
        let record = MemberRecord(
            profile: profile,
            key: identity.key,
            start: start,
            mesh: mesh.id,
            incarnation: min(
                incarnation ?? start.firstIncarnation,
                MemberRecord.incarnationLimit
            ),
            ring: ring
        )
        self.local = Member(
            signed: SignedRecord(record, signing: identity.sign),
            state: .alive,
            since: MonotonicInstant(nanoseconds: 0)
        )
        self.isFounded = mesh.standing == .founded
        self.table = MemberTable(
            limit: configuration.memberLimit,
            region: profile.region
        )
        self.health = LocalHealth(
            ceiling: configuration.mechanisms.contains(.localHealth)
                ? configuration.healthCeiling : 1
        )
        self.datagramBudget = ByteBudget(
            rate: configuration.datagramRate,
            burst: 16 * configuration.datagramRate
        )
        self.streamBudget = ByteBudget(
            rate: configuration.streamRate,
            burst: 8 * configuration.streamRate
        )
        self.ownDoubts = Allowance(limit: 24, pause: configuration.probeInterval * 10)
        self.suspicions = SuspicionTable(configuration: configuration)
        self.reconnection = Reconnection(minimum: configuration.reconnectMinimum)
        self.sequence = UInt32(truncatingIfNeeded: self.generator.next())
    }

    /// Does what is due; early, late and repeated wakes are harmless.
    public mutating func wake(at now: MonotonicInstant) -> [Effect] {
        self.forgiveOwnStall(at: now)
        if let due = self.scheduledWake, due <= now { self.scheduledWake = nil }
        switch self.phase {
        case .idle, .gone, .yielded:
            break
        case .leaving(let deadline):
            self.gossip(at: now)
            if now >= deadline { self.finishLeaving() }
        case .running:
            self.answerForRelays(at: now)
            self.probeMembers(at: now)
            self.concludeSuspicions(at: now)
            self.gossip(at: now)
            self.exchange(at: now)
            self.reconnect(at: now)
            self.foundMesh(at: now)
        }
        return self.finish(at: now)
    }

    /// Does what is due of suspicions alone: for a member of a simulation that is stuck in a send.
    ///
    /// Everything else comes late, at a ``wake(at:)`` when that is over.
    package mutating func wakeWhileStuck(
        until end: MonotonicInstant,
        at now: MonotonicInstant
    ) -> [Effect] {
        self.concludeSuspicions(at: now)
        let next = self.suspicions.deadline(self.circumstances).map { min($0, end) } ?? end
        self.pending.append(.wake(at: max(next, now)))
        defer { self.pending = [] }
        return self.pending
    }

    /// Whether a member that is alive or suspect is reached at an address.
    public func isPresent(at endpoint: Endpoint) -> Bool { self.table.isPresent(at: endpoint) }

    /// Whether a member is alive or suspect.
    public func isPresent(_ id: NodeID) -> Bool { self.table.isPresent(id) }

    /// Every member known, this node included, by identity.
    public var members: [Member] {
        var members = self.table.members
        let place = members.firstIndex { $0.id > self.local.id } ?? members.endIndex
        members.insert(self.local, at: place)
        return members.map(self.withCharges)
    }

    /// How many members are alive or suspect, this node included; cheap.
    public var presentCount: Int { self.table.presentCount + 1 }

    /// One member, this node included.
    public func member(_ id: NodeID) -> Member? {
        id == self.local.id ? self.local : self.table[id].map(self.withCharges)
    }

    /// Everything known, as peers are told it; ``restore(_:at:)`` takes it after a restart.
    public func knownMembers(at now: MonotonicInstant) -> [MemberUpdate] {
        self.members.flatMap { self.news(of: $0, at: now) }
            + self.forgotten.all(by: self.local.id, at: now).map { .accusation($0) }
    }

    /// Whether this node holds back its own unconfirmed suspicions, since most of its probes fail.
    public var isIsolated: Bool { self.isolation.isIsolated }

    /// Whether this node has withdrawn, since its own pings show that it is hard to reach.
    public var isWithdrawn: Bool { self.reach.isWithdrawn }

    /// Whether no newcomer can be taken in.
    public var isFull: Bool { self.table.count >= self.configuration.memberLimit }

    func withCharges(_ member: Member) -> Member {
        guard member.state == .suspect else { return member }
        var member = member
        member.charges = self.suspicions.charges(against: member.id)
        return member
    }

    /// Gives everybody the time back that this node itself was not running.
    ///
    /// After a stall every deadline has passed while the answers still wait in the socket; without
    /// this a node that wakes from one would accuse all its peers.
    mutating func forgiveOwnStall(at now: MonotonicInstant) {
        guard let due = self.scheduledWake, self.configuration.mechanisms.contains(.forgiveness)
        else { return }
        let delay = due.duration(to: now)
        guard delay > self.configuration.probeInterval / 2 else { return }
        self.scheduledWake = now
        self.health.worsen(by: 1)
        self.probe.postpone(by: delay)
        self.suspicions.postpone(by: delay)
    }

    /// Returns the collected effects, with a new wake when the next deadline has moved.
    mutating func finish(at now: MonotonicInstant) -> [Effect] {
        self.planGossip(at: now)
        // What is overdue already is due now: else the next input would take this node for stalled.
        if let next = self.nextDeadline().map({ max($0, now) }), next != self.scheduledWake {
            self.scheduledWake = next
            self.pending.append(.wake(at: next))
        }
        defer { self.pending = [] }
        return self.pending
    }

    private mutating func nextDeadline() -> MonotonicInstant? {
        switch self.phase {
        case .idle, .gone, .yielded:
            return nil
        case .leaving(let deadline):
            return self.isGossipPlanned ? min(deadline, self.nextGossip) : deadline
        case .running:
            let always = min(self.nextProbe, self.nextSync)
            let sometimes = [
                self.isGossipPlanned ? self.nextGossip : nil, self.foundingAt,
                self.probe.deadline, self.nextOwnDoubt, self.relays.deadline,
                self.reconnection.deadline,
                self.suspicions.deadline(self.circumstances),
            ]
            return sometimes.reduce(always) { min($0, $1 ?? $0) }
        }
    }

    /// What decides how long suspicions last now.
    var circumstances: SuspicionTable.Circumstances {
        SuspicionTable.Circumstances(
            trusted: self.table.aliveCount,
            members: self.table.presentCount + 1,
            hold: self.isolation.isIsolated ? self.configuration.isolationHold : nil
        )
    }
}
