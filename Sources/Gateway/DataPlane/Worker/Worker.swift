internal import CMeshSystem
internal import Glibc
internal import MeshBalancing
internal import MeshHTTP
internal import MeshPrimitives
internal import MeshRouting

/// One thread of the proxy: its own epoll, sockets, pools, balancers and counters.
///
/// Runs each event to completion and never waits but in epoll. In the steady state a request
/// allocates nothing and counts no references. Properties that every request or pass reads are
/// `@exclusivity(unchecked)`: one thread uses them, and each check costs 110 instructions.
final class Worker {
    /// Tokens of epoll that are no connections.
    private static let mailboxToken = UInt64.max
    private static let listenerToken = UInt64(1) << 63
    /// Most bytes read at once: what may wait for the other side, and room for a response head.
    static let readLimit = 66 * 1_024
    private static let inputCapacity = 160 * 1_024
    /// Room for one written head.
    private static let headCapacity = 128 * 1_024
    /// Reads of one link before others get their turn.
    static let readBudget = 16
    /// Milliseconds between reports.
    private static let reportInterval: Int64 = 50
    /// Longest time that the first failed answer of a target waits to be told, in milliseconds.
    static let failureReportInterval: Int64 = 10

    let settings: WorkerSettings
    let timeouts: WorkerTimeouts
    let limits: HeadLimits
    let product: UnsafeMutableRawBufferPointer
    let counters: CounterBlock
    /// Where lines of the access log go; ``settings`` holds it, so that no line counts a reference.
    let log: Unmanaged<LogRing>?
    /// What it remembers of requests that are over; ``settings`` holds it, too.
    let trail: Unmanaged<RequestTrail>?
    let scratch = RoutingScratch()
    let reader: RequestReader
    let writer: MessageWriter
    let responseFields: HeaderFieldBuffer
    /// Where sockets are read to; one message is dealt with at a time.
    let input: UnsafeMutableRawPointer
    /// Where HTTP/2 links are read to: what comes there is dealt with while others are read.
    let sessionInput: UnsafeMutableRawPointer
    let peer: UnsafeMutableRawPointer
    /// Lines that filters add to a client's head.
    let lines: UnsafeMutableRawBufferPointer
    /// Lines of one answer of the gateway.
    let extraLines: UnsafeMutableRawBufferPointer

    var poller: Poller
    /// What requests change; reached through the properties of `WorkerMemory.swift`.
    let memory: UnsafeMutablePointer<WorkerMemory>
    /// Names this worker in correlation ids.
    let identity: (high: UInt64, low: UInt64)
    /// This process; asking for it is a system call.
    let processID = UInt64(getpid())
    /// Nanoseconds and milliseconds, read once per pass.
    var now: Int64
    var milliseconds: Int64
    /// The time of day, read once per pass, and its text for `Date`.
    @exclusivity(unchecked)
    var wall = WallClock()
    let realAddress: RealAddress
    let overload: OverloadMarks
    var clientsByAddress: AddressLimit
    /// Whom PROXY headers named, by link.
    @exclusivity(unchecked)
    var proxied: [Int32: Endpoint] = [:]

    /// What filters of this worker suspend.
    let suspensions: Suspensions
    /// What filters change bodies in.
    var filterRooms: FilterRooms?
    @exclusivity(unchecked)
    var pendingSessions: ContiguousArray<HTTP2Link> = []
    /// Memory that ended HTTP/2 sessions leave to the next.
    let spares = HTTP2Spares()
    /// Sessions of clients that send datagrams; `nil` without a listener for them.
    let datagrams: UnsafeMutablePointer<Datagrams>?
    /// Streams that were answered early, oldest first.
    @exclusivity(unchecked)
    var orphans: ContiguousArray<OrphanedStream> = []
    var contexts = TLSContexts()
    /// What cookies that pin clients to targets are made with.
    @exclusivity(unchecked)
    var pins = PinSeal(keys: [])
    /// Whether what there is to read came just now: the pass before did not take long.
    var hasKeptUp = true
    /// Whether something was told to the worker in this pass.
    var hasMail = false
    private static let longPass: Int64 = 4_000_000
    private static let fewEvents: Int32 = 8
    /// Clients whose handshake waits for a turn, and when one is taken though there is other work.
    @exclusivity(unchecked)
    var waitingHandshakes: ContiguousArray<Int32> = []
    var handshakeAt: Int64 = 0
    var isTakingHandshake = false
    /// Events of this pass that can wait for others: new TLS connections and their handshakes.
    var deferredEvents = 0
    var view: UnsafeMutablePointer<SnapshotView>?
    var liveUpstreams = LiveUpstreams()
    var targets: [TargetID: UnsafeMutablePointer<TargetState>] = [:]
    @exclusivity(unchecked)
    var dirtyTargets: ContiguousArray<UnsafeMutablePointer<TargetState>> = []
    @exclusivity(unchecked)
    var excludedTargets: ContiguousArray<UnsafeMutablePointer<TargetState>> = []
    /// Targets that owe answers, to see whether one is silent.
    @exclusivity(unchecked)
    var watchedTargets: ContiguousArray<UnsafeMutablePointer<TargetState>> = []
    var watchAt: Int64 = 0
    /// Where requests wait for a target with room; usually none.
    @exclusivity(unchecked)
    var waitingRooms: ContiguousArray<WaitingRoom> = []
    /// Who answered last and when, and when somebody else did, in milliseconds.
    var lastAnswer: (target: UnsafeMutablePointer<TargetState>?, at: Int64, otherAt: Int64) =
        (nil, 0, 0)
    var groupShares: [String: GroupShares] = [:]
    var closedUpstreams: Set<String> = []
    var factorsAhead: [TargetID: Float] = [:]
    /// Trials that a request may take; usually none.
    @exclusivity(unchecked)
    var trials: [OpenTrial] = []
    /// Tickets of attempts on trial.
    var runningTrials: [Int32: TrialTicket] = [:]
    var listeners: [Listener] = []
    /// By listener, also after the listeners are closed.
    @exclusivity(unchecked)
    var listenerPorts: ContiguousArray<UInt16> = []
    var listenerKinds: ContiguousArray<Listener.Kind> = []
    var listenersWithProxyHeader: Set<UInt16> = []
    var clientCount = 0
    /// Relays whose two sides are connected.
    var relayCount = 0
    var isAccepting = false
    var acceptResumesAt: Int64 = 0
    var reportAt: Int64 = 0
    var isReportUrgent = false
    /// How many nodes share what the whole fleet may do.
    var fleetSize = 1
    var isDraining = false
    /// Whether clients shall go elsewhere although the listeners stay open.
    var isClosing = false
    var isStopping = false

    /// Runs a worker on the calling thread until it is told to stop.
    static func run(_ settings: WorkerSettings) {
        guard let worker = Worker(settings) else {
            for listener in settings.listeners { Glibc.close(listener.descriptor) }
            for descriptor in settings.datagramListeners { Glibc.close(descriptor) }
            return
        }
        worker.loop()
        worker.end()
    }

    private init?(_ settings: WorkerSettings) {
        let clients = max(1, min(settings.configuration.maximumConnections, 1_000_000))
        self.now = mesh_clock_nanoseconds()
        self.milliseconds = self.now / 1_000_000
        // A client in a request needs a target's connection, too; idle ones are kept beside.
        let places = 2 * clients + 4_096
        let exchangeCount = clients + 4_096
        guard let poller = Poller(),
            let io = LinkIO(poller: poller.descriptor, capacity: places),
            let exchanges = Slab<Exchange>(capacity: exchangeCount),
            let attempts = Slab<Attempt>(capacity: exchangeCount),
            let timers = Timers(
                links: places,
                attempts: exchangeCount,
                exchanges: exchangeCount,
                now: self.milliseconds
            )
        else { return nil }
        var datagrams: UnsafeMutablePointer<Datagrams>?
        if !settings.datagramListeners.isEmpty {
            let listeners = settings.datagramListeners
            guard let table = Datagrams(listeners, now: self.milliseconds) else { return nil }
            datagrams = .allocate(capacity: 1)
            datagrams?.initialize(to: table)
        }
        self.datagrams = datagrams
        self.settings = settings
        self.timeouts = WorkerTimeouts(settings.configuration)
        self.limits = settings.configuration.headLimits
        self.suspensions = Suspensions(settings.mailbox)
        let realAddress = RealAddress(settings.configuration.realAddress)
        self.realAddress = realAddress
        self.overload = OverloadMarks(settings.configuration, places: exchangeCount)
        self.clientsByAddress = AddressLimit(
            settings.configuration.maximumConnectionsPerAddress,
            exempt: realAddress.trusted
        )
        self.counters = settings.counters
        self.log = settings.log.map { Unmanaged.passUnretained($0) }
        self.trail = settings.trail.map { Unmanaged.passUnretained($0) }
        self.poller = poller
        let token = Array(settings.configuration.serverToken.utf8)
        self.product = .allocate(byteCount: token.count, alignment: 1)
        self.product.copyBytes(from: token)
        self.reader = RequestReader(limits: settings.configuration.headLimits)
        self.writer = MessageWriter(headCapacity: Self.headCapacity)
        self.responseFields = .allocate(capacity: settings.configuration.headLimits.fieldCount)
        self.input = .allocate(byteCount: Self.inputCapacity, alignment: 64)
        self.sessionInput = .allocate(byteCount: Self.inputCapacity, alignment: 64)
        self.peer = .allocate(byteCount: 128, alignment: 8)
        self.lines = .allocate(byteCount: 65_536, alignment: 64)
        self.extraLines = .allocate(byteCount: 131_072, alignment: 64)
        var system = SystemRandomNumberGenerator()
        self.memory = .allocate(capacity: 1)
        self.memory.initialize(
            to: WorkerMemory(
                io: io,
                exchanges: exchanges,
                attempts: attempts,
                timers: timers,
                pool: LinkPool(settings.configuration.targetPool),
                generator: SeededGenerator(seed: system.next())
            )
        )
        self.identity = (system.next(), system.next())
    }

    private func loop() {
        _ = mesh_epoll_add_level(
            self.poller.descriptor,
            self.settings.mailbox.descriptor,
            Self.mailboxToken
        )
        // What was told before the start comes before the first client: nobody meets no routes.
        self.readMailbox()
        self.openListeners()
        while !self.isStopping {
            let count = self.poller.wait(milliseconds: self.patience())
            self.now = mesh_clock_nanoseconds()
            self.milliseconds = self.now / 1_000_000
            self.wall.refresh()
            self.deferredEvents = 0
            self.takeBacklog()
            if !self.spills.pumps.isEmpty { self.takePumps() }
            for index in 0..<count { self.take(self.poller.event(index)) }
            self.expire()
            if !self.waitingHandshakes.isEmpty { self.takeHandshake(eventCount: Int(count)) }
            if !self.waitingRooms.isEmpty { self.serveWaiting() }
            if !self.orphans.isEmpty { self.resetOrphans() }
            if !self.watchedTargets.isEmpty { self.watchTargets() }
            self.flushSessions()
            self.reportIfDue()
            // A pass over few events is not worth a look at the clock.
            self.hasKeptUp =
                !self.hasMail && count <= Self.fewEvents
                || mesh_clock_nanoseconds() - self.now <= Self.longPass
            self.hasMail = false
        }
    }

    /// How long epoll may wait.
    private func patience() -> Int64 {
        guard self.backlog.isEmpty, self.spills.pumps.isEmpty, self.waitingHandshakes.isEmpty
        else { return 0 }
        var limit: Int64 = 1_000
        if !self.dirtyTargets.isEmpty || !self.excludedTargets.isEmpty {
            limit = min(limit, max(1, self.reportAt - self.milliseconds))
        }
        if !self.watchedTargets.isEmpty {
            limit = min(limit, max(1, self.watchAt - self.milliseconds))
        }
        if !self.waitingRooms.isEmpty { limit = self.waitingPatience(limit) }
        if let orphan = self.orphans.first {
            limit = min(limit, max(1, orphan.resetAt - self.milliseconds))
        }
        if self.acceptResumesAt > 0 {
            limit = min(limit, max(1, self.acceptResumesAt - self.milliseconds))
        }
        if let datagrams = self.datagrams {
            limit = datagrams.pointee.wait(now: self.milliseconds, limit: limit)
        }
        return self.timers.wait(now: self.milliseconds, limit: limit)
    }

    @inline(__always)
    private func take(_ event: Poller.Event) {
        if event.token & Self.listenerToken != 0 {
            if event.token == Self.mailboxToken {
                self.hasMail = true
                self.readMailbox()
                return self.takePending()
            }
            guard event.token & Datagrams.token == 0 else { return self.takeDatagrams(event.token) }
            self.listenerReadable(Int(event.token & 0xFFFF))
            return self.takePending()
        }
        let index = self.io.arrived(event)
        guard index >= 0 else { return }
        switch self.io[index].pointee.role {
        case .client: self.clientEvent(index, event)
        case .target: self.targetEvent(index, event)
        case .idleTarget: self.idleEvent(index)
        case .lingering: self.linger(index)
        case .free: break
        }
        self.takePending()
    }

    /// Looks at clients that asked to be looked at again while something else was at hand.
    @inline(__always)
    func takePending() {
        if !self.pending.isEmpty { self.takeAllPending() }
    }

    private func takeAllPending() {
        while let client = self.pending.popLast() {
            self.io[client].pointee.flags.remove(.isPending)
            if self.io[client].pointee.role == .client { self.clientReadable(client) }
        }
    }

    /// Writes what the events of one pass have submitted to HTTP/2 sessions: the streams of a
    /// connection that were answered together leave in one send.
    @inline(__always)
    private func flushSessions() {
        while !self.pendingSessions.isEmpty {
            self.runPendingSessions()
            self.takePending()
        }
    }

    /// Looks at a client again after the event at hand; avoids recursion over pipelined requests.
    @inline(__always)
    func postpone(_ client: Int32) {
        guard !self.io[client].pointee.flags.contains(.isPending) else { return }
        self.io[client].pointee.flags.insert(.isPending)
        self.pending.append(client)
    }

    /// Looks at a link again when the other links of this pass have had their turn.
    func postponeFar(_ index: Int32) { self.backlog.append(index) }

    private func takeBacklog() {
        guard !self.backlog.isEmpty else { return }
        let links = self.backlog
        self.backlog.removeAll(keepingCapacity: true)
        for index in links {
            switch self.io[index].pointee.role {
            case .client: self.clientReadable(index)
            case .target: self.targetReadable(index)
            case .lingering: self.linger(index)
            case .idleTarget, .free: break
            }
            self.takePending()
        }
    }

    private func expire() {
        while let key = self.timers.expired(now: self.milliseconds) {
            switch key.kind {
            case .attempt: self.attemptTimedOut(key.index)
            case .exchange: self.exchangeTimedOut(key.index)
            case .link: self.linkTimedOut(key.index)
            }
            self.takePending()
        }
        self.expireDatagrams()
        if self.acceptResumesAt > 0, self.milliseconds >= self.acceptResumesAt {
            self.acceptResumesAt = 0
            self.resumeAccepting()
        }
    }

    private func linkTimedOut(_ index: Int32) {
        switch self.io[index].pointee.role {
        case .client: self.clientTimedOut(index)
        case .target: self.targetLinkTimedOut(index)
        case .idleTarget, .lingering: self.close(index)
        case .free: break
        }
    }

    private func reportIfDue() {
        guard self.isReportUrgent || self.milliseconds >= self.reportAt else { return }
        self.reportAt = self.milliseconds + Self.reportInterval
        self.isReportUrgent = false
        self.readmitTargets()
        self.report()
    }

    /// Whether an answer ends the client's connection.
    var closesClients: Bool { self.isDraining || self.isClosing }

    private func readMailbox() {
        for message in self.settings.mailbox.take() {
            switch message {
            case .install(let installation): self.install(installation)
            case .factors(let changes): self.setFactors(changes)
            case .shares(let changes): self.setShares(changes)
            case .closed(let changes): self.setClosed(changes)
            case .trials(let tickets): self.open(tickets)
            case .pins(let keys): self.pins = PinSeal(keys: keys)
            case .closing(let isClosing): self.setClosing(isClosing)
            case .fleetSize(let count): self.setFleetSize(count)
            case .resume(let token, let verdict): self.resume(token, verdict)
            case .beat(let beat): beat.answer()
            case .drain: self.drain()
            case .drainDatagrams(let isLeft): self.drainDatagrams(isLeft: isLeft)
            case .closeWebSockets: self.closeWebSockets()
            case .cutRequests(let age): self.cutRequests(olderThan: age)
            case .stop: self.isStopping = true
            }
        }
    }

    private func openListeners() {
        for listener in self.settings.listeners {
            var address = mesh_address()
            _ = mesh_local_address(listener.descriptor, &address)
            self.listeners.append(listener)
            if listener.isProxyProtocol {
                self.listenersWithProxyHeader.insert(UInt16(self.listenerKinds.count))
            }
            self.listenerKinds.append(listener.kind)
            self.listenerPorts.append(address.port)
        }
        self.counters.add(WorkerCounter.listening, UInt64(self.listeners.count))
        self.openDatagramListeners()
        self.resumeAccepting()
    }

    /// The token of a listener.
    static func token(listener: Int) -> UInt64 { Self.listenerToken | UInt64(listener) }

    /// Closes everything when the loop has ended.
    private func end() {
        self.closeWebSockets(endingTold: false)
        for index in 0..<self.io.end where self.io[index].pointee.role != .free {
            self.close(index)
        }
        for listener in self.listeners { Glibc.close(listener.descriptor) }
        self.endDatagrams()
        self.endViews()
        self.wall.deallocate()
        self.poller.deallocate()
        self.io.deallocate()
        self.pool.deallocate()
        self.exchanges.deallocate()
        self.attempts.deallocate()
        self.timers.deallocate()
        self.spills.room.deallocate()
        self.memory.deinitialize(count: 1)
        self.memory.deallocate()
        self.reader.deallocate()
        self.writer.deallocate()
        self.responseFields.deallocate()
        self.input.deallocate()
        self.sessionInput.deallocate()
        self.peer.deallocate()
        for memory in [self.lines, self.extraLines, self.product] { memory.deallocate() }
    }
}

/// A configuration's time limits in milliseconds.
struct WorkerTimeouts {
    let head: Int64
    let idle: Int64
    let writeStall: Int64
    let bodyProgress: Int64
    let linger: Int64
    let datagrams: Int64
    /// Bytes, not milliseconds: what a response must bring within the service's limit.
    let responseProgress: Int64

    init(_ configuration: DataPlaneConfiguration) {
        let milliseconds = { (duration: Duration) in
            max(1, duration.saturatedNanoseconds / 1_000_000)
        }
        self.head = milliseconds(configuration.headTimeout)
        self.idle = milliseconds(configuration.idleTimeout)
        self.writeStall = milliseconds(configuration.writeStallTimeout)
        self.bodyProgress = milliseconds(configuration.bodyProgressTimeout)
        self.linger = milliseconds(configuration.lingerTimeout)
        self.datagrams = milliseconds(configuration.datagramIdleTimeout)
        self.responseProgress = Int64(configuration.responseProgressByteCount)
    }
}
