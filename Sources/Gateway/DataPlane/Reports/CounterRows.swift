internal import MeshPlugins
internal import MeshPrimitives
internal import Synchronization

/// What one finished request adds to its route's counters.
struct RequestRecord {
    /// Sent to the client.
    let status: UInt16
    /// From the request's first byte to the response's last.
    let requestNanoseconds: Int64
    /// The gateway's own part.
    let gatewayNanoseconds: Int64
    /// The target's part; `nil` when the gateway answered itself.
    let upstreamNanoseconds: Int64?
    let received: UInt64
    let returned: UInt64
}

/// One worker's counters of one route.
struct RouteCells: ~Copyable {
    /// Of requests that are not in ``consumers``, as bytes are.
    let statuses = StatusTable()
    let counts = CounterBlock.allocate(RouteCounter.count)
    let latency = LatencyCells()
    /// Requests and bytes by consumer, where a plugin wants that.
    let consumers = ConsumerCells()

    deinit { self.counts.base.deallocate() }
}

/// One worker's row for one route; 8 bytes until its first request.
struct RouteRow: Sendable {
    fileprivate nonisolated(unsafe) let address: UnsafeMutablePointer<Atomic<UInt>>

    /// The row of another worker, seen from the first one's.
    @inline(__always)
    func ofWorker(_ worker: Int) -> RouteRow { RouteRow(address: self.address + worker) }

    /// `nil` before the first request.
    var cells: UnsafeMutablePointer<RouteCells>? {
        UnsafeMutablePointer(bitPattern: self.address.pointee.load(ordering: .acquiring))
    }

    /// Counts a finished request; by its worker only.
    ///
    /// `consumer` is whose it is, if that is asked: its requests and bytes are in its own share only.
    func account(_ record: RequestRecord, _ consumer: ConsumerEntry? = nil) {
        let cells = self.cells ?? self.makeCells()
        let counts = cells.pointee.counts
        let total = max(0, record.requestNanoseconds)
        counts.sample(RouteCounter.requestLatency, total, .request)
        cells.pointee.latency.add(microseconds: UInt64(total / 1_000))
        if let waited = record.upstreamNanoseconds {
            counts.sample(RouteCounter.upstreamLatency, waited, .request)
        }
        counts.sample(RouteCounter.gatewayLatency, record.gatewayNanoseconds, .gateway)
        if let consumer { return cells.pointee.consumers.add(consumer, record) }
        cells.pointee.statuses.add(record.status, isGateway: record.upstreamNanoseconds == nil)
        counts.add(RouteCounter.ingress, record.received)
        counts.add(RouteCounter.egress, record.returned)
    }

    private func makeCells() -> UnsafeMutablePointer<RouteCells> {
        let cells = UnsafeMutablePointer<RouteCells>.allocate(capacity: 1)
        cells.initialize(to: RouteCells())
        self.address.pointee.store(UInt(bitPattern: cells), ordering: .releasing)
        return cells
    }
}

/// All workers' rows for one route, freed with the last snapshot that has it.
final class RouteRows: Sendable {
    let label: Snapshot.RouteLabel
    /// The first worker's; the others' follow it.
    let first: RouteRow
    private let workers: Int

    init(_ label: Snapshot.RouteLabel, workers: Int) {
        self.label = label
        self.workers = workers
        let addresses = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: max(1, workers))
        for worker in 0..<workers { (addresses + worker).initialize(to: Atomic(0)) }
        self.first = RouteRow(address: addresses)
    }

    deinit {
        for worker in 0..<self.workers {
            guard let cells = self.first.ofWorker(worker).cells else { continue }
            cells.deinitialize(count: 1)
            cells.deallocate()
        }
        self.first.address.deallocate()
    }

    /// The sum over all workers; `nil` before the first request.
    func sum() -> DataPlaneCounters.RouteCounters? {
        var result = DataPlaneCounters.RouteCounters(
            service: self.label.service,
            route: self.label.route
        )
        result.isStream = self.label.isStream
        var unnamed = ConsumerCells.Tally()
        var consumers: [String: ConsumerCells.Tally] = [:]
        for worker in 0..<self.workers {
            guard let cells = self.first.ofWorker(worker).cells else { continue }
            cells.pointee.statuses.read { status, isGateway, count in
                unnamed.statuses[StatusTable.key(status, isGateway), default: 0] &+= count
            }
            let counts = cells.pointee.counts
            counts.addHistogram(at: RouteCounter.requestLatency, to: &result.requestLatency)
            counts.addHistogram(at: RouteCounter.upstreamLatency, to: &result.upstreamLatency)
            counts.addHistogram(at: RouteCounter.gatewayLatency, to: &result.gatewayLatency)
            cells.pointee.latency.read(into: &result.latency)
            cells.pointee.consumers.read(into: &consumers)
            unnamed.ingress &+= counts.read(RouteCounter.ingress)
            unnamed.egress &+= counts.read(RouteCounter.egress)
        }
        result.unnamed = Self.share("", unnamed)
        result.consumers = consumers.sorted { $0.key < $1.key }.map { Self.share($0, $1) }
        for tally in consumers.values { unnamed.add(tally) }
        result.requests = Self.requests(unnamed.statuses)
        result.ingressBytes = unnamed.ingress
        result.egressBytes = unnamed.egress
        return result.requests.isEmpty ? nil : result
    }

    private static func share(
        _ name: String,
        _ tally: ConsumerCells.Tally
    ) -> DataPlaneCounters.ConsumerCounters {
        DataPlaneCounters.ConsumerCounters(
            name: name,
            requests: Self.requests(tally.statuses),
            ingressBytes: tally.ingress,
            egressBytes: tally.egress
        )
    }

    /// By answerer, then by status.
    private static func requests(
        _ statuses: [UInt64: UInt64]
    ) -> [DataPlaneCounters.RequestCount] {
        statuses.sorted { ($0.key & 1, $0.key) < ($1.key & 1, $1.key) }
            .map { key, count in
                DataPlaneCounters.RequestCount(
                    code: UInt16(key >> 1),
                    source: key & 1 == 0 ? .service : .gateway,
                    count: count
                )
            }
    }
}

/// One worker's counters of one target.
struct TargetRow: Equatable, Sendable {
    /// By ``TargetCounter``.
    let counts: CounterBlock
    fileprivate nonisolated(unsafe) let cells: UnsafeMutablePointer<LatencyCells>

    /// From sending to the target to its response head.
    @inline(__always)
    func addLatency(microseconds: UInt64) { self.cells.pointee.add(microseconds: microseconds) }
}

/// All workers' rows for one target, freed with the last snapshot that has it.
final class TargetRows: Sendable {
    let id: TargetID
    private let workers: Int
    private let counts: CounterBlock
    private nonisolated(unsafe) let latencies: UnsafeMutablePointer<LatencyCells>

    init(_ id: TargetID, workers: Int) {
        self.id = id
        self.workers = workers
        self.counts = .allocate(max(1, workers) * TargetCounter.count)
        self.latencies = .allocate(capacity: max(1, workers))
        for worker in 0..<workers { (self.latencies + worker).initialize(to: LatencyCells()) }
    }

    deinit {
        self.latencies.deinitialize(count: self.workers)
        self.latencies.deallocate()
        self.counts.base.deallocate()
    }

    func row(worker: Int) -> TargetRow {
        TargetRow(
            counts: CounterBlock(base: self.counts.base + worker * TargetCounter.count),
            cells: self.latencies + worker
        )
    }

    /// The sum over all workers; `nil` before the first attempt at a target without a limit.
    func sum() -> DataPlaneCounters.TargetCounters? {
        var result = DataPlaneCounters.TargetCounters(id: self.id)
        for worker in 0..<self.workers {
            let row = self.row(worker: worker)
            result.inFlight &+= row.counts.read(TargetCounter.inFlight)
            result.attempts &+= row.counts.read(TargetCounter.attempts)
            result.failures &+= row.counts.read(TargetCounter.failures)
            result.limit &+= row.counts.read(TargetCounter.limit)
            result.overflows &+= row.counts.read(TargetCounter.overflows)
            result.passedOver &+= row.counts.read(TargetCounter.passedOver)
            row.cells.pointee.read(into: &result.latency)
        }
        return result.attempts > 0 || result.limit > 0 ? result : nil
    }
}

extension CounterBlock {
    /// Which bounds a histogram has.
    enum Scale {
        case request
        case gateway
    }

    /// Adds one latency to the histogram at `place`.
    @inline(__always)
    func sample(_ place: Int, _ nanoseconds: Int64, _ scale: Scale) {
        let time = max(0, nanoseconds)
        switch scale {
        case .request:
            self.add(place + (time <= 25_000_000 ? 0 : Self.requestBucket(time)))
            self.add(place + 14, UInt64(time / 1_000))
        case .gateway:
            self.add(place + (time <= 1_000_000 ? 0 : Self.gatewayBucket(time)))
            self.add(place + 18, UInt64(time / 1_000))
        }
    }

    /// Adds the histogram at `place` to a sum.
    fileprivate func addHistogram(at place: Int, to sum: inout DataPlaneCounters.Histogram) {
        for bucket in sum.counts.indices { sum.counts[bucket] &+= self.read(place + bucket) }
        sum.sumMicroseconds &+= self.read(place + sum.counts.count)
    }

    private static func requestBucket(_ nanoseconds: Int64) -> Int {
        Self.bucket(nanoseconds, DataPlaneCounters.RouteCounters.latencyBounds)
    }

    private static func gatewayBucket(_ nanoseconds: Int64) -> Int {
        Self.bucket(nanoseconds, DataPlaneCounters.RouteCounters.gatewayLatencyBounds)
    }

    private static func bucket(_ nanoseconds: Int64, _ bounds: [UInt32]) -> Int {
        var bucket = 0
        while bucket < bounds.count, nanoseconds > Int64(bounds[bucket]) * 1_000_000 {
            bucket += 1
        }
        return bucket
    }
}
