internal import MeshBalancing
internal import MeshEntities
internal import MeshPrimitives

/// Taking up snapshots and verdicts; off the request path, so plain dictionaries and arrays do.
extension Worker {
    func install(_ snapshot: Snapshot) {
        for state in self.targets.values { state.pointee.balancer = nil }
        let count = snapshot.upstreams.count
        let balancers = UnsafeMutablePointer<Unmanaged<Balancer>>.allocate(capacity: count)
        let targets = UnsafeMutablePointer<
            UnsafeMutablePointer<UnsafeMutablePointer<TargetState>>
        >.allocate(capacity: count)
        for index in 0..<count {
            let balancer = self.balancer(index, of: snapshot)
            (balancers + index).initialize(to: Unmanaged.passRetained(balancer))
            (targets + index).initialize(to: self.states(snapshot.upstreams[index], balancer))
        }
        let rows = UnsafeMutablePointer<CounterBlock>.allocate(capacity: snapshot.labels.count)
        for (index, label) in snapshot.labels.enumerated() {
            let row = self.settings.registry.row(label, worker: self.settings.index)
            (rows + index).initialize(to: row)
        }
        let view = UnsafeMutablePointer<SnapshotView>.allocate(capacity: 1)
        view.initialize(
            to: SnapshotView(
                snapshot: Unmanaged.passRetained(snapshot),
                routes: snapshot.routePlans,
                upstreams: snapshot.upstreamPlans,
                rows: rows,
                balancers: balancers,
                targets: targets,
                upstreamCount: count
            )
        )
        self.replaceView(view)
    }

    /// Makes a view current; the one before stays for as long as exchanges use it.
    private func replaceView(_ view: UnsafeMutablePointer<SnapshotView>) {
        if let old = self.view {
            old.pointee.isCurrent = false
            if old.pointee.live == 0 {
                old.pointee.dispose()
                old.deallocate()
            }
        }
        self.view = view
    }

    private func balancer(_ index: Int, of snapshot: Snapshot) -> Balancer {
        let upstream = snapshot.upstreams[index]
        let balancer = Balancer(snapshot.balancers[index], seed: self.generator.next())
        if let group = self.activeGroups[upstream.name] { balancer.setActiveGroup(group) }
        return balancer
    }

    private func states(
        _ upstream: SnapshotUpstream,
        _ balancer: Balancer
    ) -> UnsafeMutablePointer<UnsafeMutablePointer<TargetState>> {
        let result = UnsafeMutablePointer<UnsafeMutablePointer<TargetState>>
            .allocate(capacity: max(1, upstream.targets.count))
        for (index, target) in upstream.targets.enumerated() {
            let state = self.state(target)
            state.pointee.balancer = Unmanaged.passUnretained(balancer)
            state.pointee.index = index
            state.pointee.apply()
            (result + index).initialize(to: state)
        }
        return result
    }

    private func state(_ target: SnapshotTarget) -> UnsafeMutablePointer<TargetState> {
        if let known = self.targets[target.id] { return known }
        let pool: Int32
        if let known = self.poolIndexes[target.endpoint] {
            pool = known
        } else {
            pool = Int32(self.pools.count)
            self.pools.append(UpstreamPool())
            self.poolIndexes[target.endpoint] = pool
        }
        let state = UnsafeMutablePointer<TargetState>.allocate(capacity: 1)
        let row = self.settings.registry.row(target.id, worker: self.settings.index)
        state.initialize(to: TargetState(id: target.id, row: row, pool: pool))
        if let factor = self.factorsAhead.removeValue(forKey: target.id) {
            state.pointee.factor = factor
        }
        self.targets[target.id] = state
        return state
    }

    /// The node's verdicts: they replace this worker's own exclusions.
    func setFactors(_ changes: [TargetFactor]) {
        for change in changes {
            guard let state = self.targets[change.id] else {
                // Verdicts may come before the snapshot that has the target.
                if self.factorsAhead.count < 65_536 {
                    self.factorsAhead[change.id] = change.factor
                }
                continue
            }
            state.pointee.factor = change.factor
            if state.pointee.excludedUntil > 0 {
                state.pointee.excludedUntil = 0
                self.excludedTargets.removeAll { $0 == state }
            }
            state.pointee.apply()
        }
    }

    func setGroups(_ changes: [ActiveGroup]) {
        for change in changes {
            self.activeGroups[change.upstream] = change.group
            guard let view = self.view else { continue }
            let upstreams = view.pointee.snapshot._withUnsafeGuaranteedRef { $0.upstreams }
            for (index, upstream) in upstreams.enumerated() where upstream.name == change.upstream {
                view.pointee.balancers[index]
                    ._withUnsafeGuaranteedRef { $0.setActiveGroup(change.group) }
            }
        }
    }
}
