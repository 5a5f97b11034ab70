internal import MeshBalancing
internal import MeshPrimitives

/// One upstream as one worker lives it; outlives snapshots that do not change it.
final class LiveUpstream {
    let shape: UpstreamShape
    /// Outlives changes that leave algorithm and targets as they are.
    let balancer: Balancer
    let targets: UnsafeMutablePointer<UnsafeMutablePointer<TargetState>>
    /// By way, then by target, as ``UpstreamShape/pools``.
    let pools: UnsafeMutablePointer<Int32>
    /// Number of the first view that uses it.
    var firstView = 0
    /// Outlives changes.
    @exclusivity(unchecked)
    var retries: RetryBudget
    @exclusivity(unchecked)
    var hedging: Hedging
    /// Where requests wait when no target has room; `nil` without limits.
    ///
    /// Outlives changes.
    let room: WaitingRoom?

    init(
        shape: UpstreamShape,
        balancer: Balancer,
        targets: UnsafeMutablePointer<UnsafeMutablePointer<TargetState>>,
        pools: UnsafeMutablePointer<Int32>,
        retries: RetryBudget,
        hedging: Hedging,
        room: WaitingRoom?
    ) {
        self.shape = shape
        self.retries = retries
        self.hedging = hedging
        self.room = room
        self.balancer = balancer
        self.targets = targets
        self.pools = pools
    }

    /// The budget of retries for a new shape; `nil` when that is another upstream's, which only got
    /// the same number.
    func retries(for shape: UpstreamShape) -> RetryBudget? {
        shape.retryFloor === self.shape.retryFloor ? self.retries : nil
    }

    /// Counts the request that a target was passed over for.
    @inline(never)
    func countPassedOver() {
        self.targets[self.balancer.passedOver].pointee.row.counts.add(TargetCounter.passedOver)
    }

    /// What is known of second targets, for a new shape; `nil` when that is another upstream's.
    func hedging(for shape: UpstreamShape) -> Hedging? {
        shape.hedgeFloor === self.shape.hedgeFloor ? self.hedging : nil
    }

    deinit {
        self.targets.deallocate()
        self.pools.deallocate()
    }
}

/// What one worker knows of one target address, as long as any of its views has the target.
struct TargetState {
    /// Statuses seen since the last report.
    struct StatusCounts {
        static let room = 8
        var codes = SIMD8<UInt16>(repeating: 0)
        var counts = SIMD8<UInt32>(repeating: 0)
        var used = 0

        /// Counts one status; `false` when there is no room for another one.
        @inline(__always)
        mutating func add(_ status: UInt16) -> Bool {
            for index in 0..<self.used where self.codes[index] == status {
                self.counts[index] &+= 1
                return true
            }
            guard self.used < Self.room else { return false }
            self.codes[self.used] = status
            self.counts[self.used] = 1
            self.used += 1
            return true
        }

        /// Whether a status says that the target failed.
        @inline(__always)
        static func isFailure(_ status: UInt16) -> Bool {
            status == 500 || (502...504).contains(status)
        }

        /// Whether one of them says so.
        var hasFailure: Bool { (0..<self.used).contains { Self.isFailure(self.codes[$0]) } }
    }

    let id: TargetID
    /// This worker's counters in the newest snapshot that had the target.
    private(set) var row: TargetRow
    /// Owns ``row``, which older views may use when that snapshot is gone.
    private var rows: Unmanaged<TargetRows>
    /// What the node decided.
    var factor: Float = 1
    /// Milliseconds: until then this worker excludes it by its own evidence; 0 when it does not.
    var excludedUntil: Int64 = 0
    /// Requests that began and did not end, on whatever snapshot.
    private(set) var inFlight = 0
    /// The balancer of the newest snapshot, borrowed; `nil` when that does not have the target.
    private(set) var balancer: Unmanaged<Balancer>?
    /// Its place in that balancer.
    private var index: Int = 0
    /// Upstreams that list it.
    var holders = 0

    var isDirty = false
    var connectFailures: UInt32 = 0
    var resets: UInt32 = 0
    var timeouts: UInt32 = 0
    var statuses = StatusCounts()
    /// Whether the last report told of a failed answer.
    var hasReportedFailure = false
    /// The longest that answers have taken lately, in microseconds; each answer takes a thousandth off.
    private(set) var longest: Int64 = 0
    /// Attempts that have sent all and await an answer, and since when nobody was answered, in
    /// milliseconds.
    private(set) var awaited: Int32 = 0
    var silentSince: Int64 = 0
    var quiet = TargetQuiet()
    /// Whether it is among those whose silence is watched.
    var isWatched = false
    /// Whether it is left out here, since it answers nobody.
    var isStalled = false
    /// Times since the last report that it was found to answer nobody.
    var silences: UInt32 = 0
    /// How many requests it may have from this worker, where that is found by measuring.
    private(set) var adaptiveLimit: AdaptiveLimit?
    /// What readers are told of the limit.
    private var shownLimit = 0
    /// What an earlier balancer counted of ``takeOverflows()``.
    private var unread: UInt32 = 0
    /// Sum of the steps of answers' latencies.
    var latencySteps: UInt64 = 0

    init(_ rows: TargetRows, worker: Int, factor: Float) {
        self.id = rows.id
        self.row = rows.row(worker: worker)
        self.rows = Unmanaged.passRetained(rows)
        self.factor = factor
    }

    /// Gives back what it owns.
    func dispose() { self.rows.release() }

    /// Counts an attempt that goes to it.
    @inline(__always)
    mutating func begin() {
        self.inFlight += 1
        self.row.counts.add(TargetCounter.inFlight)
        self.balancer?._withUnsafeGuaranteedRef { $0.began(self.index) }
    }

    /// Takes back one ``begin()``; settles in the newest balancer, whichever counted it first.
    @inline(__always)
    mutating func end() {
        self.inFlight -= 1
        self.row.counts.subtract(TargetCounter.inFlight)
        self.balancer?._withUnsafeGuaranteedRef { $0.ended(self.index) }
    }

    /// Counts in the row of a new snapshot; it is another one for a target that had left.
    mutating func count(in rows: TargetRows, worker: Int) {
        let row = rows.row(worker: worker)
        guard row != self.row else { return }
        row.counts.add(TargetCounter.inFlight, UInt64(self.inFlight))
        row.counts.add(TargetCounter.limit, UInt64(self.shownLimit))
        self.row = row
        self.rows.release()
        self.rows = Unmanaged.passRetained(rows)
    }

    /// Moves to the balancer of a new snapshot, with what it has in flight.
    mutating func move(to balancer: Balancer, at index: Int) {
        let old = self.index
        self.unread &+= self.balancer?._withUnsafeGuaranteedRef { $0.takeOverflows(at: old) } ?? 0
        let estimate = self.balancer?._withUnsafeGuaranteedRef { $0.estimate(at: old) }
        self.balancer = Unmanaged.passUnretained(balancer)
        self.index = index
        balancer.setInFlight(self.inFlight, at: index)
        balancer.awaits(Int(self.awaited), at: index)
        if let estimate { balancer.setEstimate(estimate, at: index) }
        self.apply()
    }

    /// Takes in how long an attempt took, at this millisecond of the worker's clock.
    @inline(__always)
    mutating func measure(microseconds: Int64, isFailure: Bool, at now: Int64) {
        if !isFailure {
            let sample = max(1, min(microseconds, 60_000_000))
            self.longest = max(sample, self.longest - self.longest / 1_024)
        }
        self.balancer?._withUnsafeGuaranteedRef {
            $0.measured(
                microseconds: microseconds,
                isFailure: isFailure,
                at: self.index,
                now: now
            )
        }
    }

    /// Takes the requests that came to it since another region bore no more, and counts them.
    mutating func takeOverflows() -> UInt32 {
        let new = self.balancer?._withUnsafeGuaranteedRef { $0.takeOverflows(at: self.index) } ?? 0
        let count = self.unread &+ new
        self.unread = 0
        guard count > 0 else { return 0 }
        self.row.counts.add(TargetCounter.overflows, UInt64(count))
        return count
    }

    /// Counts requests that await an answer, or do so no more.
    @inline(__always)
    mutating func awaits(_ change: Int32) {
        self.awaited += change
        self.balancer?._withUnsafeGuaranteedRef { $0.awaits(Int(change), at: self.index) }
    }

    /// Takes in how long an answer took that is no failure.
    @inline(__always)
    func answered(microseconds: Int64, at now: Int64) {
        self.balancer?._withUnsafeGuaranteedRef {
            $0.answered(microseconds: microseconds, at: self.index, now: now)
        }
    }

    /// Takes in how many requests it says that it works on.
    mutating func report(load: Int, at now: Int64) {
        self.balancer?._withUnsafeGuaranteedRef {
            $0.reported(load: load, at: self.index, now: now)
        }
    }

    /// Sets what limits it, once its balancer has the limits of all.
    ///
    /// - Parameters:
    ///   - limit: requests in flight; 0 for any number.
    ///   - adaptive: the highest limit to be found by measuring; 0 where none is sought.
    mutating func limit(to limit: Int, adaptive: Int) {
        guard adaptive > 0 else {
            self.adaptiveLimit = nil
            return self.show(limit: limit)
        }
        if self.adaptiveLimit?.maximum != adaptive {
            self.adaptiveLimit = AdaptiveLimit(maximum: adaptive)
        }
        self.applyLimit()
    }

    /// Takes an answer's time into what limits it.
    mutating func adapt(microseconds: Int64, at now: Int64) {
        let hasChanged = self.adaptiveLimit?.take(
            microseconds: microseconds,
            inFlight: self.inFlight,
            at: now
        )
        if hasChanged == true { self.applyLimit() }
    }

    private mutating func applyLimit() {
        guard let limit = self.adaptiveLimit?.limit else { return }
        self.balancer?._withUnsafeGuaranteedRef { $0.setLimit(limit, at: self.index) }
        self.show(limit: limit)
    }

    private mutating func show(limit: Int) {
        self.row.counts.add(TargetCounter.limit, UInt64(bitPattern: Int64(limit - self.shownLimit)))
        self.shownLimit = limit
    }

    /// Forgets a balancer that is given up, unless it has moved on.
    mutating func leave(_ balancer: Balancer) {
        guard let current = self.balancer?.toOpaque() else { return }
        if current == Unmanaged.passUnretained(balancer).toOpaque() { self.balancer = nil }
    }

    /// Its place in a balancer; `nil` when it is not the newest one of its upstream.
    func place(in balancer: Balancer) -> Int? {
        guard let current = self.balancer?.toOpaque() else { return nil }
        return current == Unmanaged.passUnretained(balancer).toOpaque() ? self.index : nil
    }

    /// Tells the balancer what counts now.
    func apply() {
        let factor = self.excludedUntil > 0 ? min(0, self.factor) : self.factor
        self.balancer?._withUnsafeGuaranteedRef { $0.setFactor(factor, at: self.index) }
    }
}
