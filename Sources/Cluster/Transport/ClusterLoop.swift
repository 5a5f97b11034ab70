import MeshChangelog
import MeshCounters
import MeshDissemination
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshWire
import NIOCore

/// Drives the cluster's cores on one event loop: each input to completion, effects in order.
///
/// Decides nothing about members or changesets; it owns sockets, timers and seals.
/// Bound to its loop: every method runs there.
final class ClusterLoop {
    let eventLoop: any EventLoop
    let configuration: ClusterConfiguration
    /// The secrets of the mesh, as they are now.
    var ring: KeyRing
    var keys: ClusterKeys
    /// Who was sent the ring, and may be sent it again when.
    var ringPauses: [NodeID: MonotonicInstant] = [:]
    let node: NodeID
    var counters = ClusterCounters()

    var membership: Membership
    /// Whether this node takes traffic.
    var mode = NodeMode.normal
    var observations: ObservationTable
    /// Who the observations were told is there.
    var observationPeers: [Peer] = []
    /// What has changed since somebody looked, by owner.
    var observationChanges: [NodeID: ObservationAspects] = [:]
    /// Told that ``observationChanges`` is not empty.
    let observed: AsyncStream<Void>.Continuation
    /// Counts of the fleet.
    var fleetCounters: MeshCounters
    /// Where workers count; nil before somebody shares it.
    var counterTable: (any CounterTable)?
    /// Whether what is counted is being told, until nothing is.
    var areCountersTold = false
    var changelog: Changelog
    var sealer: DatagramSealer
    var opener: DatagramOpener
    /// What each source of datagrams may still send.
    var sources = SourceLimits(secret: .random(in: .min ... .max))
    /// Which protocol version goes to whom.
    var wire: WireStanding
    /// When a peer's datagram last opened.
    var lastHeard: MonotonicInstant?
    var streams = StreamTable()
    /// The UDP socket; `nil` before it is bound and while a lost one is opened again.
    var datagrams: DatagramSocket?
    var troubles = PathTroubles()
    /// Members whose streams are tried again in a while.
    var streamRetries: Set<NodeID> = []
    /// Addresses to join through, as last resolved.
    private(set) var seeds: [Endpoint]

    /// Questions to other nodes, and theirs.
    var questions = PeerQuestions()
    let save: ClusterService.Save
    private let saveBoot: ClusterService.SaveBoot
    private let saveMesh: ClusterService.SaveMesh
    let saveRing: ClusterService.SaveRing
    /// Who waits for a write to end, by its ticket.
    var writes: [UInt64: EventLoopPromise<ChangesetReceipt>] = [:]
    var lastTicket: UInt64 = 0
    /// Tries of both ways to members, by the number of their pings.
    var trials: [UInt32: ReachTrial] = [:]
    var lastTrial: UInt32
    /// Told that there is a newer configuration.
    let changes: AsyncStream<Void>.Continuation

    private let events: AsyncStream<ClusterEvent>.Continuation
    let rules: StructuralRules
    private let knownMembers: [MemberUpdate]
    private var membershipWake: Scheduled<Void>?
    private var observationWake: Scheduled<Void>?
    private var changelogWake: Scheduled<Void>?
    private var sweep: Scheduled<Void>?
    /// Whether the next sweep comes soon enough for streams.
    private var isSweepForStreams = false
    private var leaving: [EventLoopPromise<Void>] = []
    private(set) var isRunning = false
    /// Whether the store is a successor's: changesets are neither written nor taken meanwhile.
    private(set) var isWithoutStore = false
    /// Whether a successor may speak for this node: nothing is sent, heard or decided meanwhile.
    private(set) var isPaused = false
    private var isStopped = false

    init(
        eventLoop: any EventLoop,
        configuration: ClusterConfiguration,
        stored: StoredChangelog,
        rules: StructuralRules,
        knownMembers: [MemberUpdate],
        save: @escaping ClusterService.Save,
        saveBoot: @escaping ClusterService.SaveBoot,
        saveMesh: @escaping ClusterService.SaveMesh,
        saveRing: @escaping ClusterService.SaveRing,
        events: AsyncStream<ClusterEvent>.Continuation,
        changes: AsyncStream<Void>.Continuation,
        observed: AsyncStream<Void>.Continuation
    ) throws(ChangelogError) {
        var generator = SeededGenerator(seed: configuration.seed)
        let keys = ClusterKeys(ring: configuration.keyRing, clusterName: configuration.clusterName)
        let (node, versions) = (configuration.profile.id, configuration.wire.versions)
        self.eventLoop = eventLoop
        self.configuration = configuration
        self.ring = configuration.keyRing
        self.keys = keys
        self.node = node
        self.sealer = DatagramSealer(keys: keys, sender: node, start: configuration.start)
        self.wire = WireStanding(dialect: configuration.wire)
        self.opener = DatagramOpener(keys: keys, node: node, versions: versions)
        self.observations = ObservationTable(
            configuration: configuration.observations,
            node: node,
            region: configuration.profile.region,
            boot: configuration.start.boot,
            generator: generator.split(),
            at: LoopClock.now()
        )
        self.fleetCounters = MeshCounters(own: node)
        self.rules = rules
        self.changelog = try Changelog(
            node: node,
            region: configuration.profile.region,
            stored: stored,
            rules: rules,
            configuration: configuration.changelog,
            keys: configuration.identity.writerKeys,
            seed: generator.next()
        )
        self.membership = Membership(
            configuration: configuration.membership,
            profile: configuration.announced,
            identity: configuration.identity,
            start: configuration.start,
            mesh: configuration.mesh,
            ring: configuration.keyRing.inventory,
            generator: generator.split()
        )
        self.lastTrial = UInt32(truncatingIfNeeded: generator.next())
        self.knownMembers = knownMembers
        self.seeds = configuration.seeds
        self.save = save
        self.saveBoot = saveBoot
        self.saveMesh = saveMesh
        self.saveRing = saveRing
        self.events = events
        self.changes = changes
        self.observed = observed
        // Member times start here, so that ages are right before the first probe.
        self.membership.restore(knownMembers, at: LoopClock.now())
        self.changelogPeersChanged()
    }

    /// Starts gossiping through bound sockets, or goes on through sockets that were opened again.
    func start(datagrams: DatagramSocket, bound: Endpoint) {
        self.datagrams = datagrams
        self.troubles.worked(.socket, bound)
        guard !self.isRunning else {
            self.counters.socketsReopened += 1
            return
        }
        self.isRunning = true
        if self.configuration.profile.address.port == 0 { self.advertise(port: bound.port) }
        self.scheduleSweep()
        self.stepChangelog { $0.begin(at: $1) }
        self.stepObservations { $0.wake(at: $1) }
        let seeds = self.seeds.filter { $0 != bound }
        self.stepMembership { $0.start(seeds: seeds, at: $1) }
    }

    /// Does without the store, which a successor may open; membership goes on.
    func giveStore() { self.isWithoutStore = true }

    /// Falls silent for a successor that may take over.
    func pause() {
        self.isPaused = true
        self.datagrams = nil
        for connection in self.streams.all { connection.close() }
    }

    /// Speaks again, since no successor took over.
    ///
    /// - Parameter boot: above that of a successor that may have spoken.
    func resume(boot: UInt64) {
        let wasPaused = self.isPaused
        (self.isPaused, self.isWithoutStore) = (false, false)
        defer { self.stepChangelog { $0.wake(at: $1) } }
        guard wasPaused else { return }
        // What the successor has said of this node, membership hears from peers and counts on past it.
        if boot != self.configuration.start.boot { self.observeAnew(boot: boot) }
        self.stepMembership { $0.wake(at: $1) }
        self.stepObservations { $0.wake(at: $1) }
    }

    /// Replaces the addresses to join through.
    func setSeeds(_ seeds: [Endpoint]) {
        self.seeds = seeds
        self.stepMembership { $0.setSeeds(seeds, at: $1) }
    }

    /// Notes that a socket was lost; the node goes on, and is heard again when it is bound again.
    func socketLost(_ bound: Endpoint, reason: String) {
        self.datagrams = nil
        self.failed(.socket, bound, reason)
    }

    /// Counts a failure on the way to an address, and tells it when it is time.
    func failed(_ path: PathTrouble.Path, _ endpoint: Endpoint, _ cause: String) {
        let now = LoopClock.now()
        guard let trouble = self.troubles.failed(path, endpoint, cause, at: now) else { return }
        self.publish(.troubled(trouble))
    }

    /// Ends timers and streams; the sockets are closed by who bound them.
    ///
    /// Doing so again does nothing.
    func stop() {
        self.isRunning = false
        self.isStopped = true
        self.datagrams = nil
        for timer in [
            self.membershipWake, self.observationWake, self.changelogWake, self.sweep,
        ] {
            timer?.cancel()
        }
        for connection in self.streams.all { connection.close() }
        self.endTrials()
        self.endQuestions()
        for promise in self.leaving { promise.succeed() }
        self.leaving = []
    }

    /// Tells the consumer of events.
    func publish(_ event: ClusterEvent) {
        if case .dropped = self.events.yield(event) { self.counters.eventsDropped += 1 }
    }

    /// Counts refused input; of a node with another ring or name also tells, once, whence it came.
    func reject(_ reason: WireError, from source: Endpoint?) {
        self.counters.rejected[reason, default: 0] += 1
        guard let source, let cause = reason.strangeness else { return }
        // A member that was another version a moment ago: its peers have not heard of it yet.
        if reason == .unknownVersion, self.sharesVersion(with: source) { return }
        // Ports of streams are drawn anew each time.
        let place = Endpoint(address: source.address, port: 0)
        self.failed(.stranger, place, cause)
    }

    /// Says goodbye; `promise` succeeds when it was told, or after a bounded time.
    func leave(_ promise: EventLoopPromise<Void>) {
        guard self.isRunning, !self.isPaused else { return promise.succeed() }
        self.leaving.append(promise)
        let patience = self.configuration.membership.leavePropagation + .seconds(2)
        self.after(patience) { $0.leaveFinished() }
        self.stepMembership { $0.leave(at: $1) }
    }

    /// Takes one step of the membership and carries out its effects.
    func stepMembership(_ step: (inout Membership, MonotonicInstant) -> [Membership.Effect]) {
        self.membership.localDigest = self.changelog.root
        let wasRefused = self.membership.nameHolder != nil
        let effects = step(&self.membership, LoopClock.now())
        if wasRefused, self.membership.nameHolder == nil { self.troubles.worked(.name) }
        self.changelog.expectsPeers = self.membership.admission == .seeking
        var peersMayDiffer = false
        for effect in effects {
            if case .event = effect { peersMayDiffer = true }
            self.perform(effect)
        }
        guard peersMayDiffer else { return }
        self.wire.shared = nil
        self.observationPeersChanged()
        self.counterPeersChanged()
        self.changelogPeersChanged()
    }

    private func perform(_ effect: Membership.Effect) {
        switch effect {
        case .send(let message, let endpoint):
            if message.kind == .gossip, let id = self.memberWithoutDatagrams(at: endpoint) {
                self.stream(.membership(message), to: id)
            } else {
                self.send(.membership(message), to: endpoint)
            }
        case .stream(let message, let endpoint):
            self.exchange(message, with: endpoint, purpose: .exchange)
        case .probeByStream(let node, let endpoint, let sequence):
            let ping = self.membership.streamPing(sequence: sequence, target: node)
            self.exchange(ping, with: endpoint, purpose: .probe(node, sequence: sequence))
        case .wake(let instant):
            self.membershipWake?.cancel()
            self.membershipWake = self.at(instant) { loop in
                guard !loop.isPaused else { return }
                loop.stepMembership { $0.wake(at: $1) }
            }
        case .event(let event):
            if event == .leaveFinished { self.leaveFinished() }
            guard !self.isRepeated(event) else { return }
            self.publish(.member(event))
        case .peerDigest(let node, let digest):
            guard !self.isWithoutStore else { return }
            self.stepChangelog { $0.peerRoot(node, digest, at: $1) }
        case .measured(let node, let roundTrip):
            self.stepObservations { $0.measured(roundTrip, to: node, at: $1) }
        case .proved(let node, let start): self.opener.prove(node, start)
        case .persistBoot(let boot):
            self.saveBoot(boot)
            self.observeAnew(boot: boot)
        case .persistMesh(let claim): self.saveMesh(claim)
        }
    }

    /// The member at an address that datagrams do not reach; probes still try them.
    private func memberWithoutDatagrams(at endpoint: Endpoint) -> NodeID? {
        self.observations.peersWithoutDatagrams.first {
            self.membership.member($0)?.profile.address == endpoint
        }
    }

    /// Sets the one timer of the observations.
    func wakeObservations(at instant: MonotonicInstant) {
        self.observationWake?.cancel()
        self.observationWake = self.at(instant) { loop in
            guard !loop.isPaused else { return }
            loop.stepObservations { $0.wake(at: $1) }
        }
    }

    /// Sets the one timer of the changelog.
    func wakeChangelog(at instant: MonotonicInstant) {
        self.changelogWake?.cancel()
        self.changelogWake = self.at(instant) { loop in
            guard !loop.isWithoutStore else { return }
            loop.stepChangelog { $0.wake(at: $1) }
        }
    }

    /// Calls back on the loop after `delay`, unless stopped before.
    func after(_ delay: Duration, _ action: @escaping (ClusterLoop) -> Void) {
        _ = self.at(LoopClock.now().advanced(by: delay), action)
    }

    private func at(
        _ instant: MonotonicInstant,
        _ action: @escaping (ClusterLoop) -> Void
    ) -> Scheduled<Void> {
        self.eventLoop.assumeIsolated()
            .scheduleTask(deadline: LoopClock.deadline(at: instant)) { [weak self] in
                guard let self, !self.isStopped else { return }
                action(self)
            }
    }

    /// Whether an event says what was told lately: a name conflict comes with every exchange.
    private func isRepeated(_ event: MembershipEvent) -> Bool {
        switch event {
        case .nameConflict(let holder, let refused):
            let cause =
                "\(holder.address) and \(refused.address) are both called \(holder.name): "
                + (refused.id == self.node
                    ? "this node is not let in; give it another node.name"
                    : "the second is not let in; give it another node.name")
            let now = LoopClock.now()
            return self.troubles.failed(.name, holder.address, cause, at: now) == nil
        case .twin(let other, _):
            let cause = "another process at \(other) has the identity and data of this node"
            return self.troubles.failed(.twin, other, cause, at: LoopClock.now()) == nil
        case .foreignMesh(let mesh, let profile):
            // Told as a trouble, with address and remedy.
            self.failed(.mesh, profile.address, self.separation(from: mesh, profile))
            return true
        case .joined, .changed, .removed, .refuted, .isolated, .connected, .outlived,
            .meshFounded, .withdrew, .resumed, .leaveFinished:
            return false
        }
    }

    /// What an operator is told of a node of another mesh.
    private func separation(from mesh: MeshID, _ profile: MemberProfile) -> String {
        let isDefault = self.configuration.clusterName == ClusterConfiguration.defaultName
        let name = isDefault ? " (both go by the default gossip.cluster)" : ""
        return "\(profile.name) there is of mesh \(mesh), this node of mesh "
            + "\(self.membership.mesh.id), and two meshes never merge\(name): take the seed out that "
            + "leads from one to the other, or set gossip.mesh at a node that is to move"
    }

    private func leaveFinished() {
        for promise in self.leaving { promise.succeed() }
        self.leaving = []
    }

    /// Sees to it that streams which are silent for too long are closed, and that members with an older
    /// ring get this one, for as long as there is a stream or a ring that is not the first.
    func scheduleSweep() {
        let hasStreams = !self.streams.isEmpty
        guard self.isRunning, hasStreams || self.ring.version > 0,
            self.sweep == nil || (hasStreams && !self.isSweepForStreams)
        else { return }
        self.isSweepForStreams = hasStreams
        let pause = hasStreams ? Duration.milliseconds(250) : .seconds(2)
        self.sweep?.cancel()
        self.sweep = self.at(LoopClock.now().advanced(by: pause)) { loop in
            loop.sweep = nil
            loop.closeOverdueStreams()
            loop.spreadRing()
            loop.scheduleSweep()
        }
    }

    private func advertise(port: UInt16) {
        var profile = self.configuration.announced
        profile.address = Endpoint(address: profile.address.address, port: port)
        self.membership = Membership(
            configuration: self.configuration.membership,
            profile: profile,
            identity: self.configuration.identity,
            start: self.configuration.start,
            mesh: self.configuration.mesh,
            ring: self.ring.inventory,
            generator: SeededGenerator(seed: self.configuration.seed)
        )
        self.membership.restore(self.knownMembers, at: LoopClock.now())
        _ = self.membership.setMode(self.mode, at: LoopClock.now())
    }
}

extension WireError {
    /// What an operator is told of a node that belongs to no mesh or to another; `nil` for the rest.
    fileprivate var strangeness: String? {
        switch self {
        case .wrongCluster:
            "gossip of another cluster name comes from there: compare gossip.cluster"
        case .unknownKeyEpoch:
            "gossip under a key comes from there that this node has not: compare the key rings"
        case .forged:
            "gossip comes from there whose seal does not hold: compare the key rings"
        case .unknownVersion:
            "gossip comes from there in a protocol version that this node does not speak: compare the "
                + "versions, meshctl upgrade status"
        case .truncated, .tooLarge, .notMeshgate, .wrongKind, .overLimit, .ownMessage,
            .staleSession, .replayed,
            .belowWindow, .malformed, .unusableAddress, .noCommonVersion:
            nil
        }
    }
}
