internal import CMeshSystem
internal import Glibc
public import MeshHealth
public import MeshPrimitives
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
    private let onObservations: @Sendable ([TargetObservation]) -> Void
    private let mailboxes: [Mailbox<WorkerMessage>]
    private let workerCount: Int
    private let registry = CounterRegistry()
    private let state = Mutex(State())

    /// Creates a data plane that does nothing yet.
    ///
    /// - Parameters:
    ///   - configuration: where to listen, and limits.
    ///   - onObservations: called on worker threads, every 50 ms when there is something to tell
    ///     and at once after a transport error; must return quickly.
    public init(
        configuration: DataPlaneConfiguration,
        onObservations: @escaping @Sendable ([TargetObservation]) -> Void
    ) {
        self.configuration = configuration
        self.onObservations = onObservations
        let wanted =
            configuration.workers > 0
            ? configuration.workers : Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        self.workerCount = max(1, min(wanted, 256))
        self.mailboxes = (0..<self.workerCount).compactMap { _ in Mailbox() }
    }

    /// Where it listens, with the ports that the system chose; empty before ``start()``.
    public var boundEndpoints: [Endpoint] { self.state.withLock { $0.endpoints } }

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
        let listeners = try ListenerSet(
            self.configuration.listen.map(\.endpoint),
            workers: self.workerCount
        )
        var threads: [ReactorThread] = []
        for index in 0..<self.workerCount {
            let settings = WorkerSettings(
                index: index,
                configuration: self.configuration,
                listeners: listeners.descriptors(worker: index),
                mailbox: self.mailboxes[index],
                registry: self.registry,
                counters: self.registry.addWorker(),
                log: log?.ring(index),
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
    public func install(_ snapshot: Snapshot) { self.post(.install(snapshot)) }

    /// Sets how much of their weight targets get; targets not named keep their factor.
    ///
    /// Factors are remembered over snapshots. They replace what a worker had decided by itself.
    public func setTargets(_ changes: [TargetFactor]) { self.post(.factors(changes)) }

    /// Sets the first group in use of some upstreams; remembered over snapshots.
    public func setActiveGroups(_ changes: [ActiveGroup]) { self.post(.groups(changes)) }

    /// What was counted so far.
    public func counters() -> DataPlaneCounters { self.registry.counters() }

    /// Sets whether answers carry `Connection: close`, so that clients go elsewhere.
    ///
    /// The listeners stay open, so that it can be taken back.
    public func setClosing(_ isClosing: Bool) { self.post(.closing(isClosing)) }

    /// Stops accepting, answers what is in flight with `Connection: close`, and waits for its end.
    ///
    /// The threads keep running, so that ``stop()`` must follow.
    ///
    /// - Returns: how many requests were still in flight at the deadline and will be cut.
    public func drain(deadline: Duration) async -> Int {
        self.post(.drain)
        let begin = ContinuousClock.now
        let end = begin.advanced(by: deadline)
        while ContinuousClock.now < end {
            let isOver =
                self.registry.sum(WorkerCounter.activeConnections) == 0
                || begin.advanced(by: Self.idlePatience) < ContinuousClock.now
            if isOver, self.isEmpty { return 0 }
            try? await Task.sleep(for: .milliseconds(5))
            if Task.isCancelled { break }
        }
        return Int(self.registry.sum(WorkerCounter.activeRequests))
    }

    /// How long idle clients are waited for, whose next request may be on its way.
    private static let idlePatience = Duration.milliseconds(1_200)

    /// Whether nobody listens, every request was answered and every answer has left.
    private var isEmpty: Bool {
        [WorkerCounter.listening, WorkerCounter.activeRequests, WorkerCounter.unwrittenAnswers]
            .allSatisfy { self.registry.sum($0) == 0 }
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
        for thread in threads { thread.join() }
        log?.stop()
    }

    private func post(_ message: WorkerMessage) {
        for mailbox in self.mailboxes { mailbox.post(message) }
    }
}

/// What the rest of the node tells a worker.
enum WorkerMessage: Sendable {
    case install(Snapshot)
    case factors([TargetFactor])
    case groups([ActiveGroup])
    case closing(Bool)
    case drain
    case stop
}

/// What a worker is made of.
struct WorkerSettings: Sendable {
    let index: Int
    let configuration: DataPlaneConfiguration
    let listeners: [Int32]
    let mailbox: Mailbox<WorkerMessage>
    let registry: CounterRegistry
    let counters: CounterBlock
    let log: LogRing?
    let onObservations: @Sendable ([TargetObservation]) -> Void
}
