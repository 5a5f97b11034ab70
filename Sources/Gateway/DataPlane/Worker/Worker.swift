internal import CMeshSystem
internal import Glibc
internal import MeshBalancing
internal import MeshHTTP
internal import MeshPrimitives
internal import MeshRouting

/// One thread of the proxy: its own epoll, sockets, pools, balancers and counters.
///
/// Runs each event to completion and never waits but in epoll. In the steady state a request
/// allocates nothing and counts no references.
final class Worker {
    /// Tokens of epoll that are no connections.
    private static let mailboxToken = UInt64.max
    private static let listenerToken = UInt64(1) << 63
    /// Most bytes read at once: what may wait for the other side, and room for a response head.
    static let readLimit = 66 * 1_024
    static let inputCapacity = 160 * 1_024
    static let outputCapacity = 288 * 1_024
    /// Room for one written head at the start of ``output``; chunks are framed behind it.
    static let headCapacity = 128 * 1_024
    /// Milliseconds between reports.
    private static let reportInterval: Int64 = 50

    let settings: WorkerSettings
    let timeouts: WorkerTimeouts
    let limits: HeadLimits
    let product: UnsafeMutableRawBufferPointer
    let counters: CounterBlock
    let scratch = RoutingScratch()
    let fields: HeaderFieldBuffer
    /// Where sockets are read to; one message is dealt with at a time.
    let input: UnsafeMutableRawPointer
    /// Where heads and chunks are put together.
    let output: UnsafeMutableRawPointer
    /// Where a kept head is laid out again for a retry or an error body.
    let headCopy: UnsafeMutableRawPointer
    let path: UnsafeMutableRawBufferPointer
    let host: UnsafeMutableRawBufferPointer
    let peer: UnsafeMutableRawBufferPointer
    let logLine: UnsafeMutableRawBufferPointer

    var poller: Poller
    /// What requests change; reached through the properties of `Worker+Memory.swift`.
    let memory: UnsafeMutablePointer<WorkerMemory>
    /// Names this worker in correlation ids.
    let identity: (high: UInt64, low: UInt64)
    /// Nanoseconds and milliseconds, read once per pass.
    var now: Int64
    var milliseconds: Int64

    /// The bytes that ``request`` refers to.
    var requestBytes = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Bytes of the normalized path at hand.
    var pathCount = 0

    var view: UnsafeMutablePointer<SnapshotView>?
    var poolPlaces = PoolPlaces()
    var liveUpstreams = LiveUpstreams()
    var targets: [TargetID: UnsafeMutablePointer<TargetState>] = [:]
    var dirtyTargets: ContiguousArray<UnsafeMutablePointer<TargetState>> = []
    var excludedTargets: ContiguousArray<UnsafeMutablePointer<TargetState>> = []
    var activeGroups: [String: Int] = [:]
    var factorsAhead: [TargetID: Float] = [:]
    var listeners: [(descriptor: Int32, port: UInt16)] = []
    var clientCount = 0
    var isAccepting = false
    var acceptResumesAt: Int64 = 0
    var reportAt: Int64 = 0
    var isReportUrgent = false
    var isDraining = false
    /// Whether clients shall go elsewhere although the listeners stay open.
    var isClosing = false
    var isStopping = false

    /// Runs a worker on the calling thread until it is told to stop.
    static func run(_ settings: WorkerSettings) {
        guard let worker = Worker(settings) else {
            for descriptor in settings.listeners { Glibc.close(descriptor) }
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
        guard let poller = Poller(), let connections = Slab<Connection>(capacity: places),
            let exchanges = Slab<Exchange>(capacity: clients),
            let wheel = TimerWheel(capacity: places, now: self.milliseconds)
        else { return nil }
        self.settings = settings
        self.timeouts = WorkerTimeouts(settings.configuration)
        self.limits = settings.configuration.headLimits
        self.counters = settings.counters
        self.poller = poller
        let token = Array(settings.configuration.serverToken.utf8)
        self.product = .allocate(byteCount: token.count, alignment: 1)
        self.product.copyBytes(from: token)
        self.fields = .allocate(capacity: settings.configuration.headLimits.fieldCount)
        self.input = .allocate(byteCount: Self.inputCapacity, alignment: 64)
        self.output = .allocate(byteCount: Self.outputCapacity, alignment: 64)
        self.headCopy = .allocate(byteCount: 65_536, alignment: 64)
        self.path = .allocate(byteCount: 65_536, alignment: 64)
        self.host = .allocate(byteCount: 65_536, alignment: 64)
        self.peer = .allocate(byteCount: 64, alignment: 8)
        self.logLine = .allocate(byteCount: 65_536, alignment: 64)
        var system = SystemRandomNumberGenerator()
        self.memory = .allocate(capacity: 1)
        self.memory.initialize(
            to: WorkerMemory(
                connections: connections,
                exchanges: exchanges,
                wheel: wheel,
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
        self.openListeners()
        while !self.isStopping {
            let count = self.poller.wait(milliseconds: self.patience())
            self.now = mesh_clock_nanoseconds()
            self.milliseconds = self.now / 1_000_000
            for index in 0..<count { self.take(self.poller.event(index)) }
            self.expire()
            self.reportIfDue()
        }
    }

    /// How long epoll may wait.
    private func patience() -> Int64 {
        let isBusy = !self.dirtyTargets.isEmpty || !self.excludedTargets.isEmpty
        let limit: Int64 = isBusy ? max(1, self.reportAt - self.milliseconds) : 1_000
        return self.wheel.wait(now: self.milliseconds, limit: min(limit, 1_000))
    }

    @inline(__always)
    private func take(_ event: Poller.Event) {
        if event.token & Self.listenerToken != 0 {
            if event.token == Self.mailboxToken { return self.readMailbox() }
            return self.accept(Int(event.token & 0xFFFF))
        }
        let index = Int32(truncatingIfNeeded: event.token & 0xFFFF_FFFF)
        let connection = self.connections[index]
        guard connection.pointee.generation == UInt32(truncatingIfNeeded: event.token >> 32)
        else { return }
        if event.isReadable { connection.pointee.flags.insert(.readable) }
        if event.isPeerClosed { connection.pointee.flags.insert(.peerClosed) }
        switch connection.pointee.role {
        case .client: self.clientEvent(index, event)
        case .upstream: self.upstreamEvent(index, event)
        case .connecting: self.connectEvent(index, event)
        case .idleUpstream: self.idleEvent(index)
        case .lingering: self.linger(index)
        case .free: break
        }
        while let client = self.pendingClients.popLast() {
            self.connections[client].pointee.flags.remove(.isPending)
            if self.connections[client].pointee.role == .client { self.clientReadable(client) }
        }
    }

    /// Looks at a client again after the event at hand; avoids recursion over pipelined requests.
    @inline(__always)
    func postpone(_ client: Int32) {
        guard !self.connections[client].pointee.flags.contains(.isPending) else { return }
        self.connections[client].pointee.flags.insert(.isPending)
        self.pendingClients.append(client)
    }

    private func expire() {
        while true {
            let index = self.wheel.expired(now: self.milliseconds)
            guard index >= 0 else { break }
            switch self.connections[index].pointee.role {
            case .client: self.clientTimedOut(index)
            case .upstream, .connecting: self.upstreamTimedOut(index)
            case .idleUpstream, .lingering: self.close(index)
            case .free: break
            }
        }
        if self.acceptResumesAt > 0, self.milliseconds >= self.acceptResumesAt {
            self.acceptResumesAt = 0
            self.resumeAccepting()
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
            case .groups(let changes): self.setGroups(changes)
            case .closing(let isClosing): self.isClosing = isClosing
            case .drain: self.drain()
            case .stop: self.isStopping = true
            }
        }
    }

    private func openListeners() {
        for descriptor in self.settings.listeners {
            var address = mesh_address()
            _ = mesh_local_address(descriptor, &address)
            self.listeners.append((descriptor, address.port))
        }
        self.counters.add(WorkerCounter.listening, UInt64(self.listeners.count))
        self.resumeAccepting()
    }

    /// The token of a listener.
    static func token(listener: Int) -> UInt64 { Self.listenerToken | UInt64(listener) }

    /// Closes everything when the loop has ended.
    private func end() {
        for index in 0..<self.connections.end
        where self.connections[index].pointee.role != .free {
            self.close(index)
        }
        for listener in self.listeners { Glibc.close(listener.descriptor) }
        self.endViews()
        self.blocks.deallocate()
        self.poller.deallocate()
        self.connections.deallocate()
        self.exchanges.deallocate()
        self.wheel.deallocate()
        self.memory.deinitialize(count: 1)
        self.memory.deallocate()
        self.fields.deallocate()
        for memory in [self.input, self.output, self.headCopy] { memory.deallocate() }
        for memory in [self.path, self.host, self.peer, self.product, self.logLine] {
            memory.deallocate()
        }
    }
}

/// A configuration's time limits in milliseconds.
struct WorkerTimeouts {
    let head: Int64
    let idle: Int64
    let writeStall: Int64
    let bodyProgress: Int64
    let linger: Int64

    init(_ configuration: DataPlaneConfiguration) {
        let milliseconds = { (duration: Duration) in
            max(1, duration.saturatedNanoseconds / 1_000_000)
        }
        self.head = milliseconds(configuration.headTimeout)
        self.idle = milliseconds(configuration.idleTimeout)
        self.writeStall = milliseconds(configuration.writeStallTimeout)
        self.bodyProgress = milliseconds(configuration.bodyProgressTimeout)
        self.linger = milliseconds(configuration.lingerTimeout)
    }
}
