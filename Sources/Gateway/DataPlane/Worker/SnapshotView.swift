internal import MeshBalancing
internal import MeshPrimitives

/// One worker's view of a snapshot: its own balancers and rows of counters.
///
/// Freed when it is no longer current and its last exchange has ended.
struct SnapshotView {
    let snapshot: Unmanaged<Snapshot>
    let routes: UnsafePointer<RoutePlan>
    let upstreams: UnsafePointer<UpstreamPlan>
    /// By route.
    let rows: UnsafeMutablePointer<CounterBlock>
    /// By upstream.
    let balancers: UnsafeMutablePointer<Unmanaged<Balancer>>
    /// By upstream, then by target.
    let targets: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<TargetState>>>
    let upstreamCount: Int
    /// Exchanges that began on it.
    var live = 0
    var isCurrent = true

    /// Gives everything back.
    func dispose() {
        for index in 0..<self.upstreamCount {
            self.balancers[index].release()
            self.targets[index].deallocate()
        }
        self.balancers.deallocate()
        self.targets.deallocate()
        self.rows.deallocate()
        self.snapshot.release()
    }
}

/// What one worker knows of one target address; outlives snapshots.
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
    }

    let id: TargetID
    let row: CounterBlock
    let pool: Int32
    /// What the node decided.
    var factor: Float = 1
    /// Milliseconds: until then this worker excludes it by its own evidence; 0 when it does not.
    var excludedUntil: Int64 = 0
    /// Its place in the current view; the balancer is borrowed.
    var balancer: Unmanaged<Balancer>?
    var index = 0

    var isDirty = false
    var connectFailures: UInt32 = 0
    var resets: UInt32 = 0
    var timeouts: UInt32 = 0
    var statuses = StatusCounts()
    var latencySumMicroseconds: UInt64 = 0

    /// Tells the balancer what counts now.
    func apply() {
        let factor = self.excludedUntil > 0 ? 0 : self.factor
        self.balancer?._withUnsafeGuaranteedRef { $0.setFactor(factor, at: self.index) }
    }
}
