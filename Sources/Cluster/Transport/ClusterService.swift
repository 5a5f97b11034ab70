public import MeshChangelog
public import MeshListening
public import MeshMembership
public import MeshPrimitives
public import MeshWire
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization

/// One node's part in its cluster: sockets, clocks and timers around the pure cores.
///
/// All work happens on one event-loop thread, each input to completion; a stall here never stops a
/// worker of the data plane. The store can be written and read before ``run()`` and after it; what
/// is written while no socket is bound reaches peers by anti-entropy later.
public final class ClusterService: Service, Sendable {
    /// Makes a batch durable in one transaction; two at a time at most, never on the loop's thread.
    public typealias Save = @Sendable (ChangelogBatch) async throws -> Void

    /// Keeps the boot number that the next start has to count on from; returns at once.
    public typealias SaveBoot = @Sendable (UInt64) -> Void

    /// Keeps which mesh the node belongs to; returns at once.
    public typealias SaveMesh = @Sendable (MeshClaim) -> Void

    /// Keeps a key ring that was changed in the running mesh; returns at once.
    public typealias SaveRing = @Sendable (KeyRing) -> Void

    /// Events kept for a slow consumer; the oldest go first, and are counted.
    public static let eventLimit = 8_192

    /// Time before a lost socket is opened again: 50 ms, doubled up to ``reopenPauseMaximum``.
    private static let reopenPause = Duration.milliseconds(50)
    /// The longest time between two tries to open a socket again.
    private static let reopenPauseMaximum = Duration.seconds(5)

    /// What happened, for a single consumer.
    public let events: AsyncStream<ClusterEvent>
    /// Says that ``latest()`` has changed, for a single consumer; several changes may count once.
    public let changes: AsyncStream<Void>
    /// Says that ``takeObservationChanges()`` has something, for a single consumer; several changes
    /// may count once.
    public let observed: AsyncStream<Void>

    private let configuration: ClusterConfiguration
    private let listeners: ListenerSet
    private let rules: StructuralRules
    private let group: MultiThreadedEventLoopGroup
    private let eventLoop: any EventLoop
    private let loop: NIOLoopBoundBox<ClusterLoop>
    private let bound: EventLoopPromise<Endpoint?>
    /// How to end the sockets in use, and whether they may be opened again.
    private let pause = Mutex(PauseState())
    private let eventsContinuation: AsyncStream<ClusterEvent>.Continuation
    private let changesContinuation: AsyncStream<Void>.Continuation
    private let observedContinuation: AsyncStream<Void>.Continuation

    /// Creates the service; nothing is bound or sent before ``run()``.
    ///
    /// - Parameters:
    ///   - configuration: validated settings.
    ///   - stored: what the disk held.
    ///   - rules: what every changeset must obey, equal at all nodes.
    ///   - knownMembers: what ``knownMembers()`` gave before the last stop.
    ///   - listeners: where the sockets come from; they are called `gossip` and `gossip-udp` there.
    ///   - save: makes batches durable.
    ///   - saveBoot: keeps a boot number on disk that peers remember and the disk had lost.
    ///   - saveMesh: keeps which mesh the node belongs to.
    ///   - saveRing: keeps a key ring that was changed in the running mesh.
    /// - Throws: ``MeshChangelog/ChangelogError/malformed(reason:)`` for an unreadable checkpoint.
    public init(
        configuration: ClusterConfiguration,
        stored: StoredChangelog,
        rules: StructuralRules,
        knownMembers: [MemberUpdate],
        listeners: ListenerSet = ListenerSet(),
        save: @escaping Save,
        saveBoot: @escaping SaveBoot,
        saveMesh: @escaping SaveMesh,
        saveRing: @escaping SaveRing
    ) throws(ChangelogError) {
        let (events, continuation) = AsyncStream.makeStream(
            of: ClusterEvent.self,
            bufferingPolicy: .bufferingNewest(Self.eventLimit)
        )
        self.events = events
        self.eventsContinuation = continuation
        (self.changes, self.changesContinuation) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingNewest(1)
        )
        (self.observed, self.observedContinuation) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingNewest(1)
        )
        self.configuration = configuration
        self.listeners = listeners
        self.rules = rules
        self.group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.eventLoop = self.group.next()
        self.bound = self.eventLoop.makePromise()
        let core = try ClusterLoop(
            eventLoop: self.eventLoop,
            configuration: configuration,
            stored: stored,
            rules: rules,
            knownMembers: knownMembers,
            save: save,
            saveBoot: saveBoot,
            saveMesh: saveMesh,
            saveRing: saveRing,
            events: continuation,
            changes: self.changesContinuation,
            observed: self.observedContinuation
        )
        self.loop = NIOLoopBoundBox.makeBoxSendingValue(core, eventLoop: self.eventLoop)
    }

    deinit {
        self.bound.succeed(nil)
        self.eventsContinuation.finish()
        self.changesContinuation.finish()
        self.observedContinuation.finish()
        self.group.shutdownGracefully { _ in }
    }

    /// The clock that every ``MeshPrimitives/MonotonicInstant`` of this service is read from.
    public static func now() -> MonotonicInstant { LoopClock.now() }

    /// Binds, joins and serves until cancelled (at once) or shut down gracefully (with goodbye).
    ///
    /// Call it once. A socket that the system closes later is opened again, as often as it takes.
    ///
    /// - Throws: ``ClusterError/bindFailed(_:reason:)``.
    public func run() async throws {
        var next: ClusterSockets?
        do {
            next = try await self.open(self.configuration.bind)
        } catch {
            self.bound.succeed(nil)
            throw ClusterError.bindFailed(self.configuration.bind, reason: "\(error)")
        }
        var pause = Self.reopenPause
        var opened = LoopClock.now()
        while let lost = await self.serve(next.take()) {
            if opened.duration(to: LoopClock.now()) > .seconds(30) { pause = Self.reopenPause }
            next = await self.reopened(lost, after: &pause)
            opened = LoopClock.now()
        }
        await self.submit { $0.stop() }
        self.listeners.release(ClusterSockets.names.streams)
        self.listeners.release(ClusterSockets.names.datagrams)
        self.eventsContinuation.finish()
        self.changesContinuation.finish()
        self.observedContinuation.finish()
    }

    /// The bound address; waits for ``run()`` to bind, `nil` when it could not.
    public func boundEndpoint() async -> Endpoint? {
        try? await self.bound.futureResult.get()
    }

    /// Writes one changeset; the wall clock in it is set here.
    ///
    /// Durable here before anybody sees it. Returns when it is durable on as many nodes and regions
    /// as ``ClusterConfiguration/changelog`` says, or after its timeout with who has it so far.
    ///
    /// - Throws: ``MeshChangelog/ChangelogError``; nothing is changed then.
    public func write(_ draft: ChangelogDraft) async throws -> ChangesetReceipt {
        // Here, where only the writer waits: the loop also carries the mesh's heartbeat.
        var draft = draft
        draft.prepare(rules: self.rules)
        let prepared = draft
        let promise = self.eventLoop.makePromise(of: ChangesetReceipt.self)
        self.perform { $0.write(prepared, promise: promise) }
        return try await promise.futureResult.get()
    }

    /// All that the changelog holds durably, for a backup; `nil` once the service has ended.
    public func stored() async -> StoredChangelog? { await self.submit { $0.changelog.stored } }

    /// Takes over what a backup holds, when nothing is held yet; returns when it is durable here.
    ///
    /// - Throws: ``MeshChangelog/ChangelogError``; nothing is changed then.
    public func restore(_ stored: StoredChangelog) async throws -> ChangesetReceipt {
        let promise = self.eventLoop.makePromise(of: ChangesetReceipt.self)
        self.perform { $0.restore(stored, promise: promise) }
        return try await promise.futureResult.get()
    }

    /// The newest configuration, and keys among which are all entities that differ from the one with
    /// this hash; `nil`: compare everything.
    public func latest(
        since hash: ContentHash
    ) async -> (latest: ClusterConfigurationState, changed: Set<String>?)? {
        await self.submit { loop in
            (
                ClusterConfigurationState(
                    head: loop.changelog.head,
                    state: loop.changelog.state
                ), loop.changelog.keysChanged(since: hash)
            )
        }
    }

    /// The newest configuration; cheap, whatever its size.
    public func latest() async -> ClusterConfigurationState {
        await self.submit { loop in
            ClusterConfigurationState(head: loop.changelog.head, state: loop.changelog.state)
        }
            ?? ClusterConfigurationState(
                head: ChangelogHead(generation: 0, hash: .zero),
                state: ConfigurationState()
            )
    }

    /// The changesets that are not folded yet; `nil` once the service has ended.
    public func history() async -> ChangelogHistory? {
        await self.submit { $0.changelog.history }
    }

    /// Changes that met others unseen, oldest first, and whether nobody has looked after them.
    public func conflicts() async -> [(conflict: Conflict, isOpen: Bool)] {
        await self.submit { loop in
            loop.changelog.conflicts.map { ($0, loop.changelog.isOpen($0)) }
        } ?? []
    }

    /// Every member known, this node included.
    public func members() async -> [Member] {
        await self.submit { $0.membership.members } ?? []
    }

    /// What to keep on disk for the next start.
    public func knownMembers() async -> [MemberUpdate] {
        await self.submit { $0.membership.knownMembers(at: LoopClock.now()) } ?? []
    }

    /// How the service stands.
    public func status() async -> ClusterStatus {
        await self.submit { $0.status } ?? ClusterStatus()
    }

    /// Says goodbye and waits, for a bounded time, until it was told.
    public func leave() async {
        let promise = self.eventLoop.makePromise(of: Void.self)
        self.perform { $0.leave(promise) }
        try? await promise.futureResult.get()
    }

    /// Declares a member gone that failed, or takes one that is gone off the list, at all nodes.
    ///
    /// A member that is present stays; see ``MeshMembership/Membership/dismiss(_:_:at:)``.
    public func dismiss(_ id: NodeID, _ verdict: Accusation.Verdict) async {
        await self.submit { loop in loop.stepMembership { $0.dismiss(id, verdict, at: $1) } }
    }

    /// The secrets of the mesh, as they are now; `nil` once the service has ended.
    public func keyRing() async -> KeyRing? { await self.submit { $0.ring } }

    /// Takes one step of a change of keys; the ring is on its way to all members then.
    ///
    /// - Throws: ``MeshWire/KeyRotation/Refusal``; nothing has changed then.
    public func rotate(_ step: KeyRotation.Step, isForced: Bool = false) async throws {
        let outcome = await self.submit { loop -> Result<Void, KeyRotation.Refusal> in
            do throws(KeyRotation.Refusal) {
                _ = try loop.rotate(step, isForced: isForced)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try outcome?.get()
    }

    /// Tries both ways to one member.
    func reach(_ id: NodeID) async -> MemberReach {
        let promise = self.eventLoop.makePromise(of: MemberReach.self)
        self.perform { $0.reach(id, promise: promise) }
        return (try? await promise.futureResult.get()) ?? MemberReach(node: id)
    }

    /// Asks one member.
    func asked(_ path: String, of id: NodeID) async -> PeerAnswer? {
        let promise = self.eventLoop.makePromise(of: PeerAnswer?.self)
        self.perform { $0.ask(path, of: id, promise: promise) }
        return (try? await promise.futureResult.get()) ?? nil
    }

    /// Replaces the seeds, after their names were resolved again.
    public func setSeeds(_ seeds: [Endpoint]) async {
        await self.submit { $0.setSeeds(seeds) }
    }

    /// Speaks no protocol version below this one any more: the fleet was finalized at it.
    public func finalize(at version: UInt8) async {
        await self.submit { $0.finalize(at: version) }
    }

    /// Whether the cluster's thread gets to what it is asked within a time.
    public func answers(within limit: Duration) async -> Bool {
        let answer = Answer()
        self.perform { _ in answer.isGiven.store(true, ordering: .relaxed) }
        let deadline = ContinuousClock.now.advanced(by: limit)
        while !answer.isGiven.load(ordering: .relaxed) {
            guard ContinuousClock.now < deadline, !Task.isCancelled else { return false }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return true
    }

    private final class Answer: Sendable {
        let isGiven = Atomic(false)
    }

    /// Goes on without the store, so that a successor may open it; ``resume(boot:)`` takes it back.
    ///
    /// Writes are refused, and changesets of others not taken; what was given to the store before may
    /// still be on its way to it.
    public func giveStore() async { await self.submit { $0.giveStore() } }

    /// Falls silent, so that a successor with the same identity may speak; ``resume(boot:)`` takes it
    /// back.
    ///
    /// No goodbye is said. The sockets are closed here when this
    /// returns, and stay open in the set they came from.
    public func pauseForSuccessor() async {
        await self.submit { $0.pause() }
        let closing = self.pause.withLock { pause in
            pause.isPaused = true
            return pause.end
        }
        closing?()
        while self.pause.withLock({ $0.end != nil }), !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(1))
        }
    }

    /// Speaks and writes again after ``giveStore()`` or ``pauseForSuccessor()``.
    ///
    /// - Parameter boot: the own one, or a higher one when the successor may have spoken.
    public func resume(boot: UInt64) async {
        await self.submit { $0.resume(boot: boot) }
        self.pause.withLock { $0.isPaused = false }
    }

    private struct PauseState {
        var isPaused = false
        var end: (@Sendable () -> Void)?
    }

    private func open(_ endpoint: Endpoint) async throws -> ClusterSockets {
        try await ClusterSockets.open(
            endpoint,
            from: self.listeners,
            limits: self.configuration.streams,
            on: self.eventLoop,
            for: self.loop
        )
    }

    /// Serves through sockets until they are lost, and returns where; `nil` when it is time to stop.
    ///
    /// The sockets are closed when this has returned, and nobody holds a descriptor of theirs.
    private func serve(_ sockets: consuming ClusterSockets?) async -> Endpoint? {
        guard let sockets else { return nil }
        let bound = sockets.bound
        await self.submit { $0.start(datagrams: sockets.datagrams, bound: bound) }
        self.bound.succeed(bound)
        await self.waitForStop(watching: sockets)
        let isLost = !Task.isCancelled && !Task.isShuttingDownGracefully
        if isLost {
            if !self.pause.withLock({ $0.isPaused }) {
                await self.submit { $0.socketLost(bound, reason: "the system closed it") }
            }
        } else {
            if !Task.isCancelled, self.configuration.leavesOnShutdown { await self.leave() }
            await self.submit { $0.stop() }
        }
        await sockets.close()
        self.pause.withLock { $0.end = nil }
        return isLost ? bound : nil
    }

    /// Tries to bind again until it succeeds; `nil` when the service is to stop before.
    private func reopened(
        _ endpoint: Endpoint,
        after pause: inout Duration
    ) async -> ClusterSockets? {
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            let delay = pause
            await cancelWhenGracefulShutdown { try? await Task.sleep(for: delay) }
            guard !self.pause.withLock({ $0.isPaused }) else { continue }
            pause = min(pause * 2, Self.reopenPauseMaximum)
            do {
                return try await self.open(endpoint)
            } catch {
                let reason = "cannot be bound again: \(error)"
                await self.submit { $0.socketLost(endpoint, reason: reason) }
            }
        }
        return nil
    }

    private func waitForStop(watching sockets: ClusterSockets) async {
        let (stop, stopper) = AsyncStream.makeStream(of: Never.self)
        sockets.whenLost { stopper.finish() }
        self.pause.withLock { $0.end = { stopper.finish() } }
        await withTaskCancellationOrGracefulShutdownHandler {
            for await _ in stop {}
        } onCancelOrGracefulShutdown: {
            stopper.finish()
        }
    }

    func perform(_ action: @escaping @Sendable (ClusterLoop) -> Void) {
        let loop = self.loop
        self.eventLoop.execute { action(loop.value) }
    }

    @discardableResult
    func submit<Value: Sendable>(
        _ action: @escaping @Sendable (ClusterLoop) -> Value
    ) async -> Value? {
        let loop = self.loop
        return try? await self.eventLoop.submit { action(loop.value) }.get()
    }
}
