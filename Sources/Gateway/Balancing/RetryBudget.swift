/// How many requests of one upstream may be tried again: a share of those of the last ten seconds,
/// and a few whatever the traffic is.
///
/// Without it, an outage of most targets multiplies the load of the rest by the number of tries.
/// Times are milliseconds that never go back.
///
/// Source: the budgets of Finagle and Linkerd (a fifth, and ten per second).
public struct RetryBudget: Equatable, Sendable {
    private struct Counts: Equatable {
        var requests = 0
        var retries = 0
    }

    /// Milliseconds that one of the two counts covers.
    private static let period: Int64 = 5_000

    /// Per cent of requests.
    private let share: Int
    /// Retries in ten seconds.
    private let floor: Int
    private var current = Counts()
    private var previous = Counts()
    private var nextPeriod: Int64

    /// Creates a budget with nothing used.
    ///
    /// - Parameters:
    ///   - share: Per cent of requests that may be tried again; below 0 counts as 0.
    ///   - floor: Retries per second that are always allowed; below 0 counts as 0.
    ///   - now: Milliseconds.
    public init(share: Int, floor: Int, now: Int64) {
        self.share = min(max(0, share), 1_000_000)
        self.floor = min(max(0, floor), 1_000_000_000) * 10
        self.nextPeriod = now + Self.period
    }

    /// Counts a request that begins.
    public mutating func countRequest(at now: Int64) {
        if now >= self.nextPeriod { self.turn(now) }
        self.current.requests &+= 1
    }

    /// Whether another retry is within the budget.
    public mutating func hasRetry(at now: Int64) -> Bool {
        if now >= self.nextPeriod { self.turn(now) }
        let requests = self.current.requests + self.previous.requests
        let retries = self.current.retries + self.previous.retries
        let earned = requests.multipliedReportingOverflow(by: self.share)
        return retries < self.floor + (earned.overflow ? .max / 2 : earned.partialValue / 100)
    }

    /// Counts a retry that begins.
    public mutating func countRetry() { self.current.retries &+= 1 }

    private mutating func turn(_ now: Int64) {
        let isNext = now < self.nextPeriod + Self.period
        self.previous = isNext ? self.current : Counts()
        self.current = Counts()
        self.nextPeriod = isNext ? self.nextPeriod + Self.period : now + Self.period
    }
}
