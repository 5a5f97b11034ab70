internal import MeshBalancing
internal import MeshPrimitives

/// One worker's view of a snapshot.
///
/// Freed when it is no longer current and its last exchange has ended.
struct SnapshotView {
    let snapshot: Unmanaged<Snapshot>
    let installation: Unmanaged<Installation>
    let routes: UnsafePointer<RoutePlan>
    let upstreams: UnsafePointer<UpstreamPlan>
    /// By upstream; ``LiveUpstreams`` keeps them.
    let live: UnsafeMutablePointer<Unmanaged<LiveUpstream>>
    /// Rises with every view of the worker.
    let number: Int
    /// Number of the worker.
    let worker: Int
    /// By route: the first worker's row.
    private let rows: UnsafePointer<RouteRow>
    /// Exchanges that began on it.
    var holders = 0
    var isCurrent = true

    init(
        _ installation: Installation,
        live: UnsafeMutablePointer<Unmanaged<LiveUpstream>>,
        number: Int,
        worker: Int
    ) {
        self.installation = Unmanaged.passRetained(installation)
        self.snapshot = Unmanaged.passUnretained(installation.snapshot)
        self.routes = installation.snapshot.routePlans
        self.upstreams = installation.upstreamPlans
        self.live = live
        self.number = number
        self.worker = worker
        self.rows = installation.routeRows
    }

    /// This worker's counters of a route.
    @inline(__always)
    func row(_ route: RouteIndex) -> RouteRow {
        self.rows[Int(route.rawValue)].ofWorker(self.worker)
    }

    /// Chooses a target for a request.
    @inline(__always)
    func pick(_ upstream: UpstreamIndex, hash: UInt64, tried: TriedTargets) -> TargetIndex {
        self.live[Int(upstream.rawValue)]._withUnsafeGuaranteedRef {
            let choice = $0.balancer.pick(hash: hash, tried: tried)
            if $0.balancer.passedOver >= 0, choice >= 0 { $0.countPassedOver() }
            return TargetIndex(choice)
        }
    }

    /// Whether a key decides where a request goes.
    func isKeyed(_ upstream: UpstreamIndex) -> Bool {
        self.live[Int(upstream.rawValue)]._withUnsafeGuaranteedRef {
            $0.balancer.plan.algorithm.hashes
        }
    }

    /// Chooses another target than one that is in use; see ``Balancer/pick(beside:tried:)``.
    func pick(
        _ upstream: UpstreamIndex,
        beside target: TargetIndex,
        tried: TriedTargets
    ) -> TargetIndex {
        self.live[Int(upstream.rawValue)]._withUnsafeGuaranteedRef {
            TargetIndex($0.balancer.pick(beside: Int(target.rawValue), tried: tried))
        }
    }

    /// What this worker knows of a target.
    @inline(__always)
    func state(
        _ upstream: UpstreamIndex,
        _ target: TargetIndex
    ) -> UnsafeMutablePointer<TargetState> {
        self.live[Int(upstream.rawValue)]._withUnsafeGuaranteedRef {
            $0.targets[Int(target.rawValue)]
        }
    }

    /// A target as a route's requests reach it.
    @inline(__always)
    func plan(_ route: RouteIndex, _ target: TargetIndex) -> UnsafePointer<TargetPlan> {
        let plan = self.routes + Int(route.rawValue)
        let upstream = self.upstreams + Int(plan.pointee.upstream)
        let first = Int(plan.pointee.identity) * upstream.pointee.targetCount
        return upstream.pointee.targets + first + Int(target.rawValue)
    }

    /// The pool of connections by which a route's requests reach a target.
    @inline(__always)
    func pool(_ route: RouteIndex, _ target: TargetIndex) -> Int32 {
        let plan = self.routes + Int(route.rawValue)
        let upstream = Int(plan.pointee.upstream)
        let first = Int(plan.pointee.identity) * self.upstreams[upstream].targetCount
        return self.live[upstream]._withUnsafeGuaranteedRef {
            $0.pools[first + Int(target.rawValue)]
        }
    }
}
