internal import CMeshSystem
internal import Glibc
public import MeshEntities
public import MeshHealth
public import MeshListening
public import MeshPlugins
public import MeshPrimitives
internal import MeshTLS
internal import Synchronization

/// The proxy: worker threads that serve requests by the current ``Snapshot``.
///
/// Everything here may be called from any thread and returns at once, ``drain(deadline:)`` excepted;
/// workers take it up within one pass of their loops.
public final class DataPlane: Sendable {
    private struct State {
        var endpoints: [Endpoint] = []
        var threads: [ReactorThread] = []
        var log: AccessLogWriter?
        var hasStarted = false
    }

    private let configuration: DataPlaneConfiguration
    private let listeners: ListenerSet
    private let onObservations: @Sendable ([TargetObservation]) -> Void
    private let mailboxes: [Mailbox<WorkerMessage>]
    private let workerCount: Int
    /// What the workers remember of requests that are over; empty when that is nothing.
    let trails: [RequestTrail]
    private let registry = CounterRegistry()
    private let tlsPlan: TLSPlan
    private let lineage: Mutex<SnapshotLineage>
    /// What plugins share.
    public let shared: PluginShared
    /// Counts of limits that hold for the whole fleet.
    public let fleetCounters = FleetCounters()
    private let redis = RedisLimits()
    private let client = OutsideClient()
    /// What asks authorities for certificates.
    let inquiries = OutsideInquiries()
    private let directory = OutsideDirectory()
    private let sessionKeys = SessionKeys()
    let answers = AnswerCache()
    private let logs = LogDelivery()
    private let ends = CertificateEnds()
    private let state = Mutex(State())
    /// Two threads, so that one long piece of work does not hold up the others.
    private let outside = OutsideThreads(count: 2)
    private let trials = Mutex(TrialTickets())

    /// Creates a data plane that does nothing yet.
    ///
    /// - Parameters:
    ///   - configuration: where to listen, and limits.
    ///   - nodeID: who the node is, as answers of plugins tell it (nobody).
    ///   - limitSecret: 16 bytes that nobody but the mesh's nodes knows, the same on each; what is
    ///     counted for all of them is known by hashes under it (drawn for this node alone).
    ///   - listeners: where the sockets come from; those of this data plane are called `proxy`,
    ///     `proxy-tls` and `proxy-stream` there.
    ///   - onObservations: called on worker threads, every 50 ms when there is something to tell,
    ///     within 10 ms when a target failed that had not in the report before, and at once after a
    ///     transport error; must return quickly.
    public init(
        configuration: DataPlaneConfiguration,
        nodeID: String = "",
        limitSecret: [UInt8]? = nil,
        listeners: ListenerSet = ListenerSet(),
        onObservations: @escaping @Sendable ([TargetObservation]) -> Void
    ) {
        self.configuration = configuration
        self.listeners = listeners
        self.onObservations = onObservations
        let wanted =
            configuration.workers > 0
            ? configuration.workers : Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        self.workerCount = max(1, min(wanted, 256))
        self.trails = (0..<(configuration.recentRequests > 0 ? self.workerCount : 0)).map { _ in
            RequestTrail(capacity: configuration.recentRequests)
        }
        self.tlsPlan = TLSPlan(configuration)
        self.shared = PluginShared(
            limits: LimitCounters(
                local: WindowCounters(),
                fleet: self.fleetCounters,
                redis: self.redis,
                secret: Self.halves(limitSecret ?? Self.draw(16))
            ),
            memory: SharedMarks(),
            tokens: SharedMarks(),
            client: self.client,
            inquiries: self.inquiries,
            directory: self.directory,
            cache: self.answers,
            node: PluginNode(id: nodeID, host: SyslogSocket.hostName),
            sessionKeys: { [sessionKeys] in sessionKeys.all },
            random: Self.draw
        )
        self.lineage = Mutex(SnapshotLineage(workers: self.workerCount))
        self.mailboxes = (0..<self.workerCount).compactMap { _ in Mailbox() }
        self.setPinKeys([Self.draw(PinSeal.keyByteCount)])
        self.setSessionKeys([Self.draw(32)])
    }

    /// The system's generator, which is one for secrets.
    @Sendable
    private static func draw(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    private static func halves(_ secret: [UInt8]) -> (high: UInt64, low: UInt64) {
        let half = { (bytes: ArraySlice<UInt8>) in
            bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        return (half(secret.prefix(8)), half(secret.dropFirst(8).prefix(8)))
    }

    /// How routes are ordered, and whether they may be written as expressions.
    public var routerFlavor: RouterFlavor { self.configuration.routerFlavor }

    /// Where it listens, with the ports that the system chose; empty before ``start()``.
    public var boundEndpoints: [Endpoint] { self.state.withLock { $0.endpoints } }

    /// An answer that `proxy-cache` keeps here under a key, as Kong shows it; nil for none.
    public func cachedAnswer(_ key: String) -> DocumentValue? {
        CacheKey(key).flatMap { self.answers.answer($0, at: mesh_clock_wall_milliseconds()) }?
            .document
    }

    /// Forgets the answer that `proxy-cache` keeps here under a key; whether there was one.
    public func forgetCachedAnswer(_ key: String) -> Bool {
        CacheKey(key).map { self.answers.forget($0) } ?? false
    }

    /// Forgets all answers that `proxy-cache` keeps here.
    public func forgetCachedAnswers() { self.answers.forgetAll() }

    /// Binds the listeners and starts the workers.
    ///
    /// - Throws: ``DataPlaneError``; nothing keeps running then.
    public func start() throws(DataPlaneError) {
        let isFirst = self.state.withLock { state in
            defer { state.hasStarted = true }
            return !state.hasStarted
        }
        guard isFirst else { throw .startedTwice }
        guard self.mailboxes.count == self.workerCount else { throw .outOfResources }
        let log = try self.configuration.accessLog.map { (sink) throws(DataPlaneError) in
            try AccessLogWriter(sink: sink, rings: self.workerCount)
        }
        let listeners = try WorkerSockets(
            self.configuration,
            workers: self.workerCount,
            from: self.listeners
        )
        var threads: [ReactorThread] = []
        for index in 0..<self.workerCount {
            let settings = WorkerSettings(
                index: index,
                configuration: self.configuration,
                listeners: listeners.ofWorker(index),
                datagramListeners: listeners.datagramsOfWorker(index),
                mailbox: self.mailboxes[index],
                counters: self.registry.addWorker(),
                log: log?.ring(index),
                trail: self.trails.isEmpty ? nil : self.trails[index],
                shared: self.shared,
                outside: self.outside,
                onObservations: self.onObservations
            )
            let thread = startReactorThread(name: "mesh-worker-\(index)") {
                Worker.run(settings)
            }
            if let thread { threads.append(thread) }
        }
        log?.start()
        let complete = threads.count == self.workerCount
        self.state.withLock { state in
            state.endpoints = listeners.endpoints
            state.threads = threads
            state.log = log
        }
        guard complete else {
            self.stop()
            throw .outOfResources
        }
    }

    /// Makes a snapshot the current one; requests that began on the one before finish on it.
    ///
    /// What the snapshot changes is compiled here, on the calling thread; balancers, requests in
    /// flight and counters of what it does not change live on.
    ///
    /// - Throws: ``SnapshotError`` when a certificate cannot be used; the snapshot before stays.
    public func install(_ snapshot: Snapshot) throws(SnapshotError) {
        try self.lineage.withLock { (lineage) throws(SnapshotError) in
            try self.install(snapshot, &lineage)
        }
    }

    private func install(
        _ snapshot: Snapshot,
        _ lineage: inout SnapshotLineage
    ) throws(SnapshotError) {
        let tls = try TLSContexts(snapshot, self.tlsPlan, previous: lineage.tls)
        let installation = lineage.installation(of: snapshot, tls)
        lineage.tls = tls
        self.registry.show(installation)
        self.logs.show(snapshot.logs)
        self.post(.install(installation))
    }

    /// Looks at the OCSP responses of ``ListenerTLS/ocspDirectory`` again: new ones are stapled from
    /// now on, those that have become too old no longer.
    ///
    /// Reads the files on the calling thread, and does nothing when all is as before.
    ///
    /// - Returns: whether anything has changed.
    @discardableResult
    public func refreshStaples() -> Bool {
        guard self.configuration.tls.ocspDirectory != nil else { return false }
        return self.lineage.withLock { lineage in
            guard let snapshot = lineage.newest,
                self.tlsPlan.serverSettings(snapshot) != lineage.tls.serverSettings
            else { return false }
            do {
                try self.install(snapshot, &lineage)
                return true
            } catch {
                return false
            }
        }
    }

    /// When the certificates in use cease to be valid, in the order of the configuration.
    public var certificateEnds: [CertificateEnd] {
        guard let snapshot = self.lineage.withLock(\.newest) else { return [] }
        let fallback = self.configuration.tls.defaultCertificate?.certificate
        return self.ends.ends(of: snapshot, fallback: fallback)
    }

    /// Sets the keys that seal TLS sessions for clients to keep: equal keys on every node let a
    /// client resume at any of them.
    ///
    /// - Parameters:
    ///   - current: seals new sessions: a name of 16 bytes, which is no secret, and a secret of 64.
    ///   - accepted: open sessions that others sealed, the likeliest first.
    public func setTicketKeys(
        current: (name: [UInt8], secret: [UInt8]),
        accepted: [(name: [UInt8], secret: [UInt8])]
    ) {
        guard let first = TLSTicketKeys.Key(name: current.name, secret: current.secret) else {
            return
        }
        self.tlsPlan.ticketKeys?.replace(
            current: first,
            accepted: accepted.compactMap { TLSTicketKeys.Key(name: $0.name, secret: $0.secret) }
        )
    }

    /// Sets the keys of cookies that pin clients to targets (`sticky-sessions`): with equal keys on
    /// every node, a client keeps its target at any of them.
    ///
    /// - Parameter keys: of 32 bytes each; the first makes new cookies, the others are taken too. At
    ///   first, one drawn for this data plane alone.
    public func setPinKeys(_ keys: [[UInt8]]) { self.post(.pins(keys)) }

    /// Sets what seals sessions (`session`) without a secret of their own: with equal keys on every
    /// node, each opens the sessions of the others.
    ///
    /// - Parameter keys: the first makes new cookies, the others are taken too. At first, one drawn for
    ///   this data plane alone.
    public func setSessionKeys(_ keys: [[UInt8]]) { self.sessionKeys.all = keys }

    /// Sets how much of their weight targets get; targets not named keep their factor.
    ///
    /// Factors are remembered over snapshots. They replace what a worker had decided by itself.
    /// One message per worker, however many targets.
    public func setTargets(_ changes: [TargetFactor]) {
        guard !changes.isEmpty else { return }
        let factors = Dictionary(
            changes.map { ($0.id, $0.factor) },
            uniquingKeysWith: { _, later in later }
        )
        self.post(.factors(factors))
    }

    /// Sets how some upstreams' requests are shared out over their groups; remembered over snapshots.
    public func setShares(_ changes: [GroupShares]) {
        guard !changes.isEmpty else { return }
        let groups = Dictionary(
            changes.map { ($0.upstream, $0) },
            uniquingKeysWith: { _, later in later }
        )
        self.post(.shares(groups))
    }

    /// Sets whether some upstreams refuse all requests, since too few of their targets are left;
    /// remembered over snapshots.
    public func setClosed(_ changes: [String: Bool]) {
        if !changes.isEmpty { self.post(.closed(changes)) }
    }

    /// Sets how many nodes share what the whole fleet may do whatever its traffic is, such as retries;
    /// 1 at first.
    public func setFleetSize(_ count: Int) { self.post(.fleetSize(max(1, count))) }

    /// Lets one request try each of some targets although its share is 0.
    ///
    /// The first request of any worker that comes in time and fits takes the offer. While a target's
    /// trial runs, further offers of it are ignored.
    ///
    /// - Parameters:
    ///   - offers: the targets.
    ///   - now: what the time is on the clock of ``MeshHealth/TrialOffer/until``.
    public func offerTrials(_ offers: [TrialOffer], at now: MonotonicInstant) {
        let tickets = self.trials.withLock { $0.issue(offers, at: now) }
        if !tickets.isEmpty { self.post(.trials(tickets)) }
    }

    /// Requests now in flight; cheaper than ``counters()``.
    public var activeRequests: Int { Int(self.registry.sum(WorkerCounter.activeRequests)) }

    /// Times that a body found no room on disk; cheaper than ``counters()``.
    public var spillFailures: UInt64 { self.registry.sum(WorkerCounter.spillFailures) }

    /// What was counted so far; costs time in proportion to routes and targets, but holds up no
    /// worker.
    public func counters() -> DataPlaneCounters {
        var counters = self.registry.counters()
        counters.droppedLogLines &+= self.state.withLock { $0.log?.lostLines ?? 0 }
        counters.droppedLogLines &+= self.logs.lostEntries
        return counters
    }

    /// Sets whether answers carry `Connection: close`, so that clients go elsewhere.
    ///
    /// The listeners stay open, so that it can be taken back.
    public func setClosing(_ isClosing: Bool) { self.post(.closing(isClosing)) }

    /// Tells the clients of open WebSockets that the node goes away (1001), and ends those that an
    /// earlier call has told; leave them ``closingPatience`` between two calls.
    public func closeWebSockets() { self.post(.closeWebSockets) }

    /// Ends requests that have lasted longer than this, as this node's doing.
    ///
    /// An answer that has begun is broken off, the others are answered 503. WebSockets are left to
    /// ``closeWebSockets()``.
    public func cutRequests(olderThan age: Duration) { self.post(.cutRequests(age: age)) }

    /// Requests that were cut because the node was to be empty.
    public var cutRequestCount: Int {
        let cause = ProxyFailure.Cause.stopped.rawValue
        return Int(self.registry.sum(WorkerCounter.requestFailures + Int(cause)))
    }

    /// Opens the access log's file again under its name, after log rotation has moved it; no line is
    /// lost.
    ///
    /// Does nothing for other sinks, or before ``start()``.
    ///
    /// - Throws: ``DataPlaneError/cannotOpenLog(path:errno:)``; lines keep going to the file before.
    public func reopenLog() throws(DataPlaneError) {
        try self.state.withLock { $0.log }?.reopen()
    }

    /// Stops accepting, answers what is in flight with `Connection: close`, and waits for its end.
    ///
    /// WebSockets may stay until the deadline; they are closed with 1001 then, and those whose clients
    /// close in return within ``closingPatience`` have ended as they should.
    ///
    /// Datagrams of new clients are dropped, unless another process gets them by the sockets' fate.
    ///
    /// The threads keep running, so that ``stop()`` must follow.
    ///
    /// - Parameters:
    ///   - deadline: how long what is in flight may take.
    ///   - sockets: what becomes of the listening sockets.
    /// - Returns: how many requests were still in flight at the deadline and will be cut.
    public func drain(deadline: Duration, sockets: SocketFate = .ended) async -> Int {
        // First, so that the workers' closing is the sockets' end.
        for name in WorkerSockets.Name.all { self.listeners.release(name) }
        self.post(.drain)
        if sockets != .kept { self.post(.drainDatagrams(isLeft: sockets == .taken)) }
        let patience = ContinuousClock.now.advanced(by: Self.idlePatience)
        await Self.wait(for: deadline) {
            let isQuiet =
                self.registry.sum(WorkerCounter.activeConnections) == 0
                || patience < ContinuousClock.now
            return isQuiet && self.isEmpty(besidesDatagrams: sockets == .kept)
        }
        // As late as can be: nobody reads the sockets until the next process does.
        if sockets == .kept { self.post(.drainDatagrams(isLeft: true)) }
        guard !self.isEmpty(besidesDatagrams: false) else { return 0 }
        self.post(.closeWebSockets)
        await Self.wait(for: Self.closingPatience) {
            self.activeRequests == 0 && self.registry.sum(WorkerCounter.datagramListeners) == 0
        }
        // Clients whose datagrams another process reads next have lost nothing.
        return sockets == .kept ? self.activeRequestsBesidesDatagrams : self.activeRequests
    }

    /// Waits until something holds, but no longer than `limit`.
    private static func wait(for limit: Duration, until isOver: () -> Bool) async {
        let end = ContinuousClock.now.advanced(by: limit)
        while ContinuousClock.now < end, !isOver() {
            try? await Task.sleep(for: .milliseconds(5))
            if Task.isCancelled { break }
        }
    }

    /// How long the clients of WebSockets may take to close in return: 1 s.
    public static let closingPatience = Duration.seconds(1)

    /// How long idle clients are waited for, whose next request may be on its way.
    private static let idlePatience = Duration.milliseconds(1_200)

    /// Whether nobody listens, every request was answered and every answer has left.
    private func isEmpty(besidesDatagrams: Bool) -> Bool {
        guard self.registry.sum(WorkerCounter.listening) == 0,
            self.registry.sum(WorkerCounter.unwrittenAnswers) == 0
        else { return false }
        if besidesDatagrams { return self.activeRequestsBesidesDatagrams == 0 }
        return self.activeRequests == 0
            && self.registry.sum(WorkerCounter.datagramListeners) == 0
    }

    /// Requests and connections in flight, without sessions of datagrams, which nobody ends.
    public var activeRequestsBesidesDatagrams: Int {
        max(0, self.activeRequests - Int(self.registry.sum(WorkerCounter.datagramSessions)))
    }

    /// Whether every worker gets to its messages within a time: one that does not is stuck.
    ///
    /// - Returns: how many do not; 0 before ``start()``.
    public func stuckWorkers(within limit: Duration) async -> Int {
        guard self.state.withLock({ !$0.threads.isEmpty }) else { return 0 }
        let beat = Heartbeat()
        self.post(.beat(beat))
        let deadline = ContinuousClock.now.advanced(by: limit)
        while beat.answers < self.workerCount, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(5))
            if Task.isCancelled { break }
        }
        return self.workerCount - beat.answers
    }

    /// Ends the threads; requests in flight are cut.
    ///
    /// Returns when all have ended.
    public func stop() {
        self.post(.stop)
        let (threads, log) = self.state.withLock { state in
            defer {
                state.threads = []
                state.log = nil
            }
            return (state.threads, state.log)
        }
        for name in WorkerSockets.Name.all { self.listeners.release(name) }
        for thread in threads { thread.join() }
        self.outside.stop()
        self.redis.stop()
        self.client.stop()
        self.inquiries.stop()
        self.directory.stop()
        log?.stop()
        self.logs.stop()
    }

    private func post(_ message: WorkerMessage) {
        for mailbox in self.mailboxes { mailbox.post(message, join: WorkerMessage.join) }
    }
}

/// What the rest of the node tells a worker.
enum WorkerMessage: Sendable {
    case install(Installation)
    case factors([TargetID: Float])
    case shares([String: GroupShares])
    case closed([String: Bool])
    case trials([TrialTicket])
    case pins([[UInt8]])
    case closing(Bool)
    case fleetSize(Int)
    /// A step has what it suspended a request for.
    case resume(UInt64, PluginResume)
    case beat(Heartbeat)
    case drain
    case drainDatagrams(isLeft: Bool)
    case closeWebSockets
    case cutRequests(age: Duration)
    case stop

    /// Puts a message into one that waits just before it; `false` when both are needed.
    static func join(_ waiting: inout WorkerMessage, _ next: WorkerMessage) -> Bool {
        switch next {
        case .install:
            guard case .install = waiting else { return false }
            waiting = next
        case .factors(let new):
            guard case .factors(var factors) = waiting else { return false }
            // The dictionary has one owner while it changes, so that it is not copied.
            waiting = .stop
            factors.merge(new) { $1 }
            waiting = .factors(factors)
        case .shares(let new):
            guard case .shares(var shares) = waiting else { return false }
            waiting = .stop
            shares.merge(new) { $1 }
            waiting = .shares(shares)
        case .closed, .trials, .pins, .closing, .fleetSize, .resume, .beat, .drain,
            .drainDatagrams, .closeWebSockets, .cutRequests, .stop:
            return false
        }
        return true
    }
}

/// Counts the workers that have read a message.
final class Heartbeat: Sendable {
    private let count = Atomic(0)

    var answers: Int { self.count.load(ordering: .relaxed) }

    func answer() { self.count.wrappingAdd(1, ordering: .relaxed) }
}

/// What a worker is made of.
struct WorkerSettings: Sendable {
    let index: Int
    let configuration: DataPlaneConfiguration
    let listeners: [Listener]
    /// Sockets for datagrams.
    let datagramListeners: [Int32]
    let mailbox: Mailbox<WorkerMessage>
    let counters: CounterBlock
    let log: LogRing?
    let trail: RequestTrail?
    /// What plugins share.
    let shared: PluginShared
    let outside: OutsideThreads
    let onObservations: @Sendable ([TargetObservation]) -> Void
}
