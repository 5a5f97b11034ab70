internal import MeshBalancing
internal import MeshEntities
internal import MeshPrimitives

/// Taking up snapshots and verdicts; costs a few pointers per upstream, and work only per target
/// of what changed.
extension Worker {
    func install(_ installation: Installation) {
        let count = installation.shapes.count
        let live = UnsafeMutablePointer<Unmanaged<LiveUpstream>>.allocate(capacity: max(1, count))
        let (number, changed) = self.liveUpstreams.beginView(installation, into: live)
        for index in changed {
            let slot = installation.slots[index].number
            let before = self.liveUpstreams[slot]
            let upstream = self.upstream(installation.shapes[index], before: before)
            if let old = self.liveUpstreams.replace(slot, with: upstream) {
                self.giveUp(old, for: upstream)
            }
            (live + index).initialize(to: Unmanaged.passUnretained(upstream))
        }
        for old in self.liveUpstreams.retireUnseen() { self.giveUp(old, for: nil) }
        self.factorsAhead.removeAll()
        self.contexts = installation.tls
        let view = UnsafeMutablePointer<SnapshotView>.allocate(capacity: 1)
        view.initialize(
            to: SnapshotView(
                installation,
                live: live,
                number: number,
                worker: self.settings.index
            )
        )
        let old = self.view
        self.view = view
        guard let old else { return }
        old.pointee.isCurrent = false
        // For as long as it takes to move relays, somebody holds the old view.
        old.pointee.holders += 1
        self.moveRelays()
        old.pointee.holders -= 1
        if old.pointee.holders == 0 { self.dispose(old) }
    }

    /// Parts an exchange from the view it began on.
    @inline(__always)
    func release(_ view: UnsafeMutablePointer<SnapshotView>) {
        view.pointee.holders -= 1
        if view.pointee.holders == 0, !view.pointee.isCurrent { self.dispose(view) }
    }

    /// Frees a view that nobody uses any more.
    private func dispose(_ view: UnsafeMutablePointer<SnapshotView>) {
        for upstream in self.liveUpstreams.endView(view.pointee.number) { self.dispose(upstream) }
        view.pointee.live.deallocate()
        let installation = view.pointee.installation.takeRetainedValue()
        view.deallocate()
        // The last reference frees a whole configuration: not on a thread that serves requests.
        Task.detached(priority: .background) { withExtendedLifetime(installation) {} }
    }

    /// Frees everything of snapshots when all exchanges have ended.
    func endViews() {
        if let view = self.view { self.dispose(view) }
        self.view = nil
        for upstream in self.liveUpstreams.removeAll() { self.dispose(upstream) }
    }

    /// Targets that the newest snapshot lacks leave their balancer, although old views may use it.
    private func giveUp(_ old: LiveUpstream, for new: LiveUpstream?) {
        let name = old.shape.upstream.name
        if new?.shape.upstream.name != name { self.forget(name) }
        guard old.balancer !== new?.balancer else { return }
        // Nobody tells it any more what ends: what waits goes on at once.
        old.balancer.setLimit(0)
        for index in 0..<old.shape.upstream.targets.count {
            old.targets[index].pointee.leave(old.balancer)
        }
    }

    /// An upstream of a new shape, which takes over from the one before what still fits.
    private func upstream(_ shape: UpstreamShape, before: LiveUpstream?) -> LiveUpstream {
        let balancer: Balancer
        if let before, before.balancer.plan === shape.balancer {
            balancer = before.balancer
        } else {
            balancer = Balancer(shape.balancer, seed: self.generator.next())
            if let before, before.shape.upstream.name == shape.upstream.name {
                balancer.learn(from: before.balancer)
            }
        }
        let count = shape.upstream.targets.count
        let targets = UnsafeMutablePointer<UnsafeMutablePointer<TargetState>>
            .allocate(capacity: max(1, count))
        for (index, rows) in shape.rows.enumerated() {
            let state = self.state(rows)
            state.pointee.holders += 1
            if balancer !== before?.balancer { state.pointee.move(to: balancer, at: index) }
            (targets + index).initialize(to: state)
        }
        if balancer !== before?.balancer, let shares = self.groupShares[shape.upstream.name] {
            balancer.setShares(shares.shares, open: shares.open)
        }
        balancer.setLimit(shape.concurrency)
        for index in 0..<count {
            targets[index].pointee.limit(to: shape.concurrency, adaptive: shape.adaptiveLimit)
        }
        if self.closedUpstreams.contains(shape.upstream.name) { balancer.setClosed(true) }
        let pools = UnsafeMutablePointer<Int32>.allocate(capacity: max(1, shape.pools.count))
        for (index, key) in shape.pools.enumerated() {
            (pools + index).initialize(to: self.pool.hold(key))
        }
        return LiveUpstream(
            shape: shape,
            balancer: balancer,
            targets: targets,
            pools: pools,
            retries: before?.retries(for: shape) ?? self.freshBudget(shape),
            hedging: before?.hedging(for: shape) ?? self.freshHedging(shape),
            room: self.room(shape, before: before?.room)
        )
    }

    private func room(_ shape: UpstreamShape, before: WaitingRoom?) -> WaitingRoom? {
        guard let waiting = shape.waiting else { return nil }
        // A worker may have skipped the snapshot in which another upstream got the number.
        guard let before, before.counts(in: waiting.rows) else {
            return WaitingRoom(waiting.limits, waiting.rows, worker: self.settings.index)
        }
        before.line.limits = waiting.limits
        return before
    }

    private func freshBudget(_ shape: UpstreamShape) -> RetryBudget {
        var budget = RetryBudget(
            share: self.settings.configuration.retryBudget,
            floor: self.settings.configuration.retryBudgetFloor,
            shared: shape.retryFloor,
            now: self.milliseconds
        )
        budget.sharers = self.fleetSize
        return budget
    }

    private func freshHedging(_ shape: UpstreamShape) -> Hedging {
        var hedging = Hedging(shape.hedgeFloor, at: self.milliseconds)
        hedging.sharers = self.fleetSize
        return hedging
    }

    /// Sets how many nodes share what the fleet may do.
    func setFleetSize(_ count: Int) {
        self.fleetSize = count
        for upstream in self.liveUpstreams.current {
            upstream.retries.sharers = count
            upstream.hedging.sharers = count
        }
    }

    private func state(_ rows: TargetRows) -> UnsafeMutablePointer<TargetState> {
        if let known = self.targets[rows.id] {
            known.pointee.count(in: rows, worker: self.settings.index)
            return known
        }
        let state = UnsafeMutablePointer<TargetState>.allocate(capacity: 1)
        state.initialize(
            to: TargetState(
                rows,
                worker: self.settings.index,
                factor: self.factorsAhead[rows.id] ?? 1
            )
        )
        self.targets[rows.id] = state
        return state
    }

    /// Gives up what only this upstream used.
    private func dispose(_ upstream: LiveUpstream) {
        for index in 0..<upstream.shape.upstream.targets.count {
            let state = upstream.targets[index]
            state.pointee.holders -= 1
            guard state.pointee.holders == 0 else { continue }
            if state.pointee.isDirty { self.report() }
            if state.pointee.isWatched { self.watchedTargets.removeAll { $0 == state } }
            if self.lastAnswer.target == state { self.lastAnswer.target = nil }
            if state.pointee.excludedUntil > 0 { self.excludedTargets.removeAll { $0 == state } }
            self.targets[state.pointee.id] = nil
            state.pointee.dispose()
            state.deallocate()
        }
        for index in 0..<upstream.shape.pools.count { self.releasePool(upstream.pools[index]) }
    }

    private func releasePool(_ place: Int32) {
        guard self.pool.release(place) else { return }
        // Closing the last one vacates the pool.
        while case let link = self.pool.superfluous(place), link >= 0 { self.close(link) }
    }

    /// The node's verdicts: they replace this worker's own exclusions.
    func setFactors(_ changes: [TargetID: Float]) {
        for (id, factor) in changes {
            guard let state = self.targets[id] else {
                // Verdicts may come before the snapshot that has the target.
                if self.factorsAhead.count < 65_536 { self.factorsAhead[id] = factor }
                continue
            }
            state.pointee.factor = factor
            state.pointee.excludedUntil = 0
            state.pointee.apply()
        }
        self.excludedTargets.removeAll { $0.pointee.excludedUntil == 0 }
    }

    private func forget(_ upstream: String) {
        self.groupShares[upstream] = nil
        self.closedUpstreams.remove(upstream)
    }

    func setClosed(_ changes: [String: Bool]) {
        for (name, isClosed) in changes {
            if isClosed {
                self.closedUpstreams.insert(name)
            } else {
                self.closedUpstreams.remove(name)
            }
        }
        for upstream in self.liveUpstreams.current {
            guard let isClosed = changes[upstream.shape.upstream.name] else { continue }
            upstream.balancer.setClosed(isClosed)
        }
    }

    func setShares(_ changes: [String: GroupShares]) {
        self.groupShares.merge(changes) { _, new in new }
        for upstream in self.liveUpstreams.current {
            guard let shares = changes[upstream.shape.upstream.name] else { continue }
            upstream.balancer.setShares(shares.shares, open: shares.open)
        }
    }
}
