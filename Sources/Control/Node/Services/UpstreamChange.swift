import MeshBalancing
import MeshDataPlane
import MeshEntities
import MeshHealth
import MeshObservations
import MeshPrimitives

/// How upstreams differ from those before.
struct UpstreamChange {
    /// Those that are new or not as they were.
    private(set) var changed: [SnapshotUpstream] = []
    /// Those that are no more.
    private(set) var gone: [SnapshotUpstream] = []
    /// Targets that take no traffic any more, those of ``gone`` included.
    private(set) var goneTargets: [TargetID] = []

    /// Compares two lists; what stands at the start and at the end of both is passed over.
    init(from old: [SnapshotUpstream], to new: [SnapshotUpstream]) {
        let start = zip(old, new).prefix { $0 === $1 }.count
        let rest = min(old.count, new.count) - start
        let end = zip(old.reversed(), new.reversed()).prefix(rest).prefix { $0 === $1 }.count
        var before: [String: SnapshotUpstream] = [:]
        for upstream in old[start..<(old.count - end)] { before[upstream.name] = upstream }
        for upstream in new[start..<(new.count - end)] {
            let known = before.removeValue(forKey: upstream.name)
            guard known !== upstream else { continue }
            self.changed.append(upstream)
            let kept = Set(upstream.used.map(\.id))
            self.goneTargets += known?.used.map(\.id).filter { !kept.contains($0) } ?? []
        }
        self.gone = before.values.sorted { $0.name < $1.name }
        self.goneTargets += self.gone.flatMap { $0.used.map(\.id) }
    }
}

extension HealthMachine {
    /// Takes over what has changed.
    mutating func configure(_ change: UpstreamChange, at now: MonotonicInstant) -> [Effect] {
        self.configure(
            changed: change.changed.flatMap(\.health),
            gone: change.goneTargets,
            at: now
        )
    }
}

extension RegionMachine {
    /// Takes over what has changed.
    mutating func configure(_ change: UpstreamChange, at now: MonotonicInstant) -> [Effect] {
        let single = change.changed.filter { $0.groups.count <= 1 }
        return self.configure(
            changed: change.changed.compactMap(\.regions),
            gone: (change.gone + single).map(\.name),
            at: now
        )
    }
}

extension SnapshotUpstream {
    /// The targets that take traffic.
    fileprivate var used: [SnapshotTarget] { self.targets.filter { $0.weight > 0 } }

    /// The upstream's targets for the health machine; where checks are requests, each has settings that
    /// carry its own `Host`.
    fileprivate var health: [HealthUpstream] {
        let common = self.settings.map { HealthSettings($0, host: "") } ?? HealthSettings()
        guard let settings = self.settings, common.active.check != .tcp else {
            return [HealthUpstream(settings: common, targets: self.used.map(self.healthTarget))]
        }
        return self.used.map { target in
            HealthUpstream(
                settings: HealthSettings(settings, host: target.hostHeader),
                targets: [self.healthTarget(target)]
            )
        }
    }

    private func healthTarget(_ target: SnapshotTarget) -> HealthTarget {
        HealthTarget(
            id: target.id,
            upstream: self.name,
            name: target.target,
            endpoint: target.endpoint,
            region: target.region ?? "",
            weight: target.weight
        )
    }

    /// The upstream for the region machine; `nil` when it has one group only.
    fileprivate var regions: RegionMachine.Upstream? {
        guard self.groups.count > 1 else { return nil }
        let usable = self.usableGroups
        return RegionMachine.Upstream(
            name: self.name,
            regions: self.groups,
            policy: RegionPolicy(self.settings?.regions ?? Upstream.RegionPolicy()),
            targets: self.used.filter { usable.contains($0.group) }
                .map { ($0.id, $0.group, $0.weight) }
        )
    }
}
