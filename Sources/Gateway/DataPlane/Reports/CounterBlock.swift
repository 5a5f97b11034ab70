internal import CMeshSystem

/// A row of counters with one writing thread and any number of readers.
struct CounterBlock: Equatable, Sendable {
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
    /// Last answers that wait to be written; draining waits for them.
    static let unwrittenAnswers = 11
    static let handshakes = 12
    static let failedHandshakes = 13
    /// HTTP/2 sessions now open, with clients and with targets.
    static let clientSessions = 14
    static let targetSessions = 15
    /// Clients closed at once because their address has too many connections.
    static let refusedConnections = 16
    /// Datagrams of either side that were not passed on, and sessions that made room for others.
    static let droppedDatagrams = 17
    static let evictedSessions = 18
    /// Bodies that went to disk, and times that there was no room for one there.
    static let spilledBodies = 19
    static let spillFailures = 20
    /// Failed requests that were not tried again because the budget was used up.
    static let deniedRetries = 21
    /// Second targets asked before the first had failed, and those that answered first.
    static let hedges = 22
    static let hedgesWon = 23
    /// Requests answered with 503 before anybody looked for a route.
    static let shed = 26
    /// Sockets on which datagrams of new clients are taken, and sessions of clients that sent some.
    static let datagramListeners = 24
    static let datagramSessions = 25
    /// One place per ``ProxyFailure/Cause``: attempts that failed, and requests that did.
    static let attemptFailures = 32
    static let requestFailures = 64
    /// One place per `HTTP2Cause`: sessions that ended by a fault of the client.
    static let sessionFaults = 96
    static let count = 128
}

/// Places of one target's counters; a cache line per worker.
enum TargetCounter {
    static let inFlight = 0
    static let attempts = 1
    static let failures = 2
    /// Requests in flight that all workers together may have there; 0 for any number.
    static let limit = 3
    static let overflows = 4
    /// Requests whose key belongs there, but that went on since it was over its bound.
    static let passedOver = 5
    static let count = 8
}

/// Places of one route's counters.
enum RouteCounter {
    static let requestLatency = 0
    static let upstreamLatency = 16
    static let gatewayLatency = 32
    static let ingress = 52
    static let egress = 53
    static let count = 56
}
