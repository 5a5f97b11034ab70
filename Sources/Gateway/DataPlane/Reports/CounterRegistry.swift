internal import MeshHTTP
internal import MeshPrimitives
internal import Synchronization

/// Where readers find all counters of all workers; no worker ever asks it for anything.
///
/// Rows belong to installations: those of the newest one are shown, and a row is freed when the
/// last request of the last snapshot that had its route or target has ended.
final class CounterRegistry: Sendable {
    private struct State {
        var workers: [CounterBlock] = []
        var installation: Installation?
    }

    private let state = Mutex(State())

    deinit {
        self.state.withLock { state in
            for block in state.workers { block.base.deallocate() }
        }
    }

    /// A new worker's own row.
    func addWorker() -> CounterBlock {
        let block = CounterBlock.allocate(WorkerCounter.count)
        self.state.withLock { $0.workers.append(block) }
        return block
    }

    /// Shows the routes and targets of an installation from now on.
    func show(_ installation: Installation) {
        self.state.withLock { $0.installation = installation }
    }

    /// Sum of one of the workers' own counters.
    func sum(_ counter: Int) -> UInt64 {
        self.state.withLock { $0.workers.reduce(0) { $0 &+ $1.read(counter) } }
    }

    /// Everything, summed over workers.
    func counters() -> DataPlaneCounters {
        // Only pointers are copied under the lock; all the sums are made outside it.
        let (workers, installation) = self.state.withLock { ($0.workers, $0.installation) }
        var result = DataPlaneCounters()
        let sum = { (counter: Int) in workers.reduce(0) { $0 &+ $1.read(counter) } }
        result.requests = sum(WorkerCounter.requests)
        result.unmatched = sum(WorkerCounter.unmatched)
        result.malformed = sum(WorkerCounter.malformed)
        result.activeRequests = sum(WorkerCounter.activeRequests)
        result.acceptedConnections = sum(WorkerCounter.accepted)
        result.activeConnections = sum(WorkerCounter.activeConnections)
        result.acceptPauses = sum(WorkerCounter.acceptPauses)
        result.upstreamConnections = sum(WorkerCounter.upstreamConnections)
        result.retries = sum(WorkerCounter.retries)
        result.droppedLogLines = sum(WorkerCounter.droppedLogLines)
        result.handshakes = sum(WorkerCounter.handshakes)
        result.failedHandshakes = sum(WorkerCounter.failedHandshakes)
        result.clientSessions = sum(WorkerCounter.clientSessions)
        result.targetSessions = sum(WorkerCounter.targetSessions)
        result.refusedConnections = sum(WorkerCounter.refusedConnections)
        result.failures = Self.failures(sum)
        result.sessionFaults = HTTP2Cause.allCases.map { cause in
            DataPlaneCounters.SessionFaults(
                cause: "\(cause.name)",
                count: sum(WorkerCounter.sessionFaults + Int(cause.rawValue))
            )
        }
        result.droppedDatagrams = sum(WorkerCounter.droppedDatagrams)
        result.evictedDatagramSessions = sum(WorkerCounter.evictedSessions)
        result.spilledBodies = sum(WorkerCounter.spilledBodies)
        result.spillFailures = sum(WorkerCounter.spillFailures)
        result.deniedRetries = sum(WorkerCounter.deniedRetries)
        result.hedges = sum(WorkerCounter.hedges)
        result.hedgesWon = sum(WorkerCounter.hedgesWon)
        guard let installation else { return result }
        result.routes = installation.routes.compactMap { $0.sum() }
            .sorted { ($0.service, $0.route) < ($1.service, $1.route) }
        let shed = sum(WorkerCounter.shed)
        if shed > 0 { result.routes.insert(.shed(shed), at: 0) }
        result.targets = installation.shapes.flatMap { $0.rows.compactMap { $0.sum() } }
            .sorted { $0.id < $1.id }
        result.waiting = installation.shapes.compactMap { shape in
            shape.waiting?.rows.sum(upstream: shape.upstream.name)
        }
        return result
    }

    private static func failures(_ sum: (Int) -> UInt64) -> [DataPlaneCounters.FailureCounters] {
        ProxyFailure.Cause.allCases.filter { $0 != .none }.map { cause in
            let failure = ProxyFailure(cause: cause)
            return DataPlaneCounters.FailureCounters(
                owner: "\(failure.ownerName)",
                cause: "\(failure.causeName)",
                attempts: sum(WorkerCounter.attemptFailures + Int(cause.rawValue)),
                requests: sum(WorkerCounter.requestFailures + Int(cause.rawValue))
            )
        }
    }
}

extension DataPlaneCounters.RouteCounters {
    /// Requests that were answered before anybody looked for a route: clients see them fail like others,
    /// so whoever adds up what was answered must find them.
    fileprivate static func shed(_ count: UInt64) -> Self {
        var counters = Self(service: "", route: "")
        counters.requests = [.init(code: 503, source: .gateway, count: count)]
        counters.unnamed.requests = counters.requests
        return counters
    }
}

extension HTTP2Cause {
    /// The cause as metrics spell it.
    fileprivate var name: StaticString {
        switch self {
        case .preface: "preface"
        case .protocol: "protocol"
        case .resets: "resets"
        case .pings: "pings"
        case .settings: "settings"
        case .priorities: "priorities"
        case .windowUpdates: "window_updates"
        case .emptyFrames: "empty_frames"
        case .unknownFrames: "unknown_frames"
        case .continuations: "continuations"
        case .fieldList: "field_list"
        case .queuedFrames: "queued_frames"
        case .ourselves: "gateway"
        }
    }
}
