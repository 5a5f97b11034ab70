internal import CMeshSystem
internal import MeshPrimitives
internal import Synchronization

/// A row of counters with one writing thread and any number of readers.
struct CounterBlock: Sendable {
    nonisolated(unsafe) let base: UnsafeMutablePointer<UInt64>

    static func allocate(_ count: Int) -> CounterBlock {
        let base = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
        base.initialize(repeating: 0, count: count)
        return CounterBlock(base: base)
    }

    @inline(__always)
    func add(_ index: Int, _ amount: UInt64 = 1) { mesh_counter_add(self.base + index, amount) }

    @inline(__always)
    func subtract(_ index: Int) { mesh_counter_subtract(self.base + index, 1) }

    @inline(__always)
    func read(_ index: Int) -> UInt64 { mesh_counter_read(self.base + index) }
}

/// Places of a worker's own counters.
enum WorkerCounter {
    static let requests = 0
    static let unmatched = 1
    static let malformed = 2
    static let activeRequests = 3
    static let accepted = 4
    static let activeConnections = 5
    static let acceptPauses = 6
    static let upstreamConnections = 7
    static let retries = 8
    static let droppedLogLines = 9
    static let listening = 10
    static let unwrittenAnswers = 11
    static let count = 16
}

/// Places of one target's counters.
enum TargetCounter {
    static let inFlight = 0
    static let attempts = 1
    static let failures = 2
    static let count = 8
}

/// Places of one route's counters.
enum RouteCounter {
    /// Statuses 100 to 599 made by targets.
    static let service = 0
    /// Statuses 100 to 599 made here.
    static let gateway = 500
    static let requestLatency = 1_000
    static let upstreamLatency = 1_020
    static let gatewayLatency = 1_040
    static let ingress = 1_064
    static let egress = 1_065
    static let count = 1_072
}

/// All counters of all workers; workers ask it for rows when a snapshot arrives, never per request.
///
/// Rows live until the data plane ends, so that a route that comes back counts on.
final class CounterRegistry: Sendable {
    private struct State {
        var workers: [CounterBlock] = []
        var routes: [Snapshot.RouteLabel: [Int: CounterBlock]] = [:]
        var targets: [TargetID: [Int: CounterBlock]] = [:]
    }

    private let state = Mutex(State())

    deinit {
        self.state.withLock { state in
            for block in state.workers { block.base.deallocate() }
            for rows in state.routes.values { for row in rows.values { row.base.deallocate() } }
            for rows in state.targets.values { for row in rows.values { row.base.deallocate() } }
        }
    }

    /// A new worker's own row.
    func addWorker() -> CounterBlock {
        let block = CounterBlock.allocate(WorkerCounter.count)
        self.state.withLock { $0.workers.append(block) }
        return block
    }

    /// The row of one worker for one route.
    func row(_ label: Snapshot.RouteLabel, worker: Int) -> CounterBlock {
        self.state.withLock { state in
            if let row = state.routes[label]?[worker] { return row }
            let row = CounterBlock.allocate(RouteCounter.count)
            state.routes[label, default: [:]][worker] = row
            return row
        }
    }

    /// The row of one worker for one target.
    func row(_ target: TargetID, worker: Int) -> CounterBlock {
        self.state.withLock { state in
            if let row = state.targets[target]?[worker] { return row }
            let row = CounterBlock.allocate(TargetCounter.count)
            state.targets[target, default: [:]][worker] = row
            return row
        }
    }

    /// Sum of one of the workers' own counters.
    func sum(_ counter: Int) -> UInt64 {
        self.state.withLock { $0.workers.reduce(0) { $0 &+ $1.read(counter) } }
    }

    /// Everything, summed over workers.
    func counters() -> DataPlaneCounters {
        self.state.withLock { state in
            var result = DataPlaneCounters()
            let workers = state.workers
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
            result.routes = state.routes
                .map { Self.counters($0.key, Array($0.value.values)) }
                .filter { !$0.requests.isEmpty }
                .sorted { ($0.service, $0.route) < ($1.service, $1.route) }
            result.targets = state.targets
                .map { Self.counters($0.key, Array($0.value.values)) }
                .filter { $0.attempts > 0 }
                .sorted { $0.id < $1.id }
            return result
        }
    }

    private static func counters(
        _ label: Snapshot.RouteLabel,
        _ rows: [CounterBlock]
    ) -> DataPlaneCounters.RouteCounters {
        var result = DataPlaneCounters.RouteCounters(service: label.service, route: label.route)
        let sum = { (place: Int) in rows.reduce(0) { $0 &+ $1.read(place) } }
        for offset in 0..<1_000 {
            let count = sum(offset)
            guard count > 0 else { continue }
            result.requests.append(
                DataPlaneCounters.RequestCount(
                    code: UInt16(100 + offset % 500),
                    source: offset < RouteCounter.gateway ? .service : .gateway,
                    count: count
                )
            )
        }
        let fill = { (histogram: inout DataPlaneCounters.Histogram, place: Int) in
            for bucket in histogram.counts.indices {
                histogram.counts[bucket] = sum(place + bucket)
            }
            histogram.sumMicroseconds = sum(place + histogram.counts.count)
        }
        fill(&result.requestLatency, RouteCounter.requestLatency)
        fill(&result.upstreamLatency, RouteCounter.upstreamLatency)
        fill(&result.gatewayLatency, RouteCounter.gatewayLatency)
        result.ingressBytes = sum(RouteCounter.ingress)
        result.egressBytes = sum(RouteCounter.egress)
        return result
    }

    private static func counters(
        _ id: TargetID,
        _ rows: [CounterBlock]
    ) -> DataPlaneCounters.TargetCounters {
        let sum = { (place: Int) in rows.reduce(0) { $0 &+ $1.read(place) } }
        return DataPlaneCounters.TargetCounters(
            id: id,
            inFlight: sum(TargetCounter.inFlight),
            attempts: sum(TargetCounter.attempts),
            failures: sum(TargetCounter.failures)
        )
    }
}
