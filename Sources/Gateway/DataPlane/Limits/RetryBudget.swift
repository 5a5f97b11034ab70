/// How many requests of one upstream may be tried again: a share of those of the last ten seconds,
/// and a few whatever the traffic is, which all workers of all nodes share.
///
/// Without it, an outage of most targets multiplies the load of the rest by the number of tries.
/// Times are milliseconds that never go back.
///
/// Source: the budgets of Finagle and Linkerd (a fifth, and ten per second).
struct RetryBudget: Sendable {
    private struct Counts {
        var requests = 0
        var retries = 0
    }

    /// Milliseconds that one of the two counts covers.
    private static let period: Int64 = 5_000

    /// Per cent of requests.
    private let share: Int
    /// Retries per second that the whole fleet may have whatever the traffic is.
    private let floor: Int64
    private let shared: RetryFloor
    /// Nodes that share the floor; below 1 counts as 1.
    var sharers = 1
    private var current = Counts()
    private var previous = Counts()
    private var nextPeriod: Int64

    /// Creates a budget with nothing used.
    ///
    /// - Parameters:
    ///   - share: Per cent of requests that may be tried again; below 0 counts as 0.
    ///   - floor: Retries per second that are always allowed, of all sharers together; below 0 counts
    ///     as 0.
    ///   - shared: what of the floor this node has used.
    ///   - now: Milliseconds.
    init(share: Int, floor: Int, shared: RetryFloor, now: Int64) {
        self.share = min(max(0, share), 1_000_000)
        self.floor = Int64(min(max(0, floor), 1_000_000))
        self.shared = shared
        self.nextPeriod = now + Self.period
    }

    /// Counts a request that begins.
    mutating func countRequest(at now: Int64) {
        if now >= self.nextPeriod { self.turn(now) }
        self.current.requests &+= 1
    }

    /// Whether another retry is within the budget.
    mutating func hasRetry(at now: Int64) -> Bool {
        self.hasEarned(at: now) || self.shared.hasRetry(every: self.interval, at: now)
    }

    /// Counts a retry that begins.
    mutating func countRetry(at now: Int64) {
        guard self.hasEarned(at: now) else {
            return self.shared.takeRetry(every: self.interval, at: now)
        }
        self.current.retries &+= 1
    }

    /// Microseconds between two retries of this node's part of the floor; 0 for none.
    private var interval: Int64 {
        guard self.floor > 0 else { return 0 }
        return max(1, 1_000_000 * Int64(max(1, min(self.sharers, 1_000_000))) / self.floor)
    }

    /// Whether the requests of this worker have earned another one.
    private mutating func hasEarned(at now: Int64) -> Bool {
        if now >= self.nextPeriod { self.turn(now) }
        let requests = self.current.requests + self.previous.requests
        let retries = self.current.retries + self.previous.retries
        let earned = requests.multipliedReportingOverflow(by: self.share)
        return retries < (earned.overflow ? .max / 2 : earned.partialValue / 100)
    }

    private mutating func turn(_ now: Int64) {
        let isNext = now < self.nextPeriod + Self.period
        self.previous = isNext ? self.current : Counts()
        self.current = Counts()
        self.nextPeriod = isNext ? self.nextPeriod + Self.period : now + Self.period
    }
}
