import MeshDataPlane
import MeshEntities
import MeshHealth
import MeshPrimitives
import MeshReports
import MeshTransport

extension NodeAdmin {
    func health(of upstream: String?) async -> MeshReports.HealthReport {
        let members = await self.currentMembers()
        let configuration = await self.configuration()
        let views = Dictionary(grouping: self.healthService.views(), by: \.target.upstream)
        let active = self.healthService.activeRegions()
        let wanted = configuration.upstreams.filter { entity in
            upstream.map { $0 == entity.name || $0 == entity.id.description } ?? true
        }
        let reports = wanted.map { entity in
            var report = UpstreamHealthReport(
                id: entity.id.description,
                name: entity.name,
                algorithm: entity.algorithm.rawValue,
                targets: configuration.targets(of: entity.id).sorted {
                    ($0.region ?? "", $0.target) < ($1.region ?? "", $1.target)
                }.flatMap { target in
                    Self.reports(
                        of: target,
                        upstream: entity,
                        views: views[entity.name] ?? [],
                        members: members.byID
                    )
                }
            )
            report.activeRegion = active[entity.name] ?? ""
            return report
        }
        return MeshReports.HealthReport(
            upstreams: reports.sorted { $0.name < $1.name },
            view: members.view
        )
    }

    func regions() async -> RegionsReport {
        let members = await self.currentMembers()
        let states = self.regionService.states
        let views = self.healthService.views()
        let tagged = Dictionary(grouping: views, by: \.target.region)
        let orders = await self.cluster.latest().standingOrders
        // Who has left cleanly is missed nowhere.
        let present = members.reports.filter { $0.state != .left }
        let names = Set(present.map(\.region)).union(tagged.keys).subtracting([""])
        let reports = names.sorted().map { name in
            let inside = present.filter { $0.region == name }
            let alive = inside.filter { $0.state == .alive }
            var report = RegionReport(name: name, state: states[name] ?? .down)
            report.members = inside.count
            report.alive = alive.count
            report.usable = alive.count(where: \.isWell)
            report.inFlight = alive.reduce(0) { $0 + ($1.inFlight ?? 0) }
            let targets = tagged[name] ?? []
            report.count(targets: targets.count, healthy: targets.count { $0.factor > 0 })
            report.note = Self.note(on: report, orders)
            return report
        }
        return RegionsReport(regions: reports, view: members.view)
    }

    /// What is to be said of a region: that nobody stands there, that no target is left, and what
    /// operators want of it.
    private static func note(on region: RegionReport, _ orders: [StandingOrder]) -> String {
        let now = NodeClock.wallMilliseconds
        let wanted = orders.filter { $0.subject == .region(region.name) && $0.until > now }
            .map { "shall \($0.word) until \(Timestamp.text(milliseconds: $0.until))" }
        var notes: [String] = []
        if region.members == 0 { notes.append("targets only, no node stands there") }
        if region.targets > 0, region.healthyTargets == 0 {
            notes.append("none of its targets takes traffic")
        }
        return (notes + wanted).joined(separator: "; ")
    }

    /// One report per address of a target; one without address when its name does not resolve.
    private static func reports(
        of target: Target,
        upstream: Upstream,
        views: [TargetView],
        members: [String: MemberReport]
    ) -> [TargetHealthReport] {
        let own = views.filter { $0.target.name == target.target }
        guard !own.isEmpty else {
            var report = TargetHealthReport(
                target: target.target,
                address: nil,
                weight: target.weight
            )
            report.region = target.region ?? ""
            report.zone = target.zone ?? ""
            report.verdict = target.weight == 0 ? .unchecked : .unresolved
            report.factor = 0
            return [report]
        }
        return own.map { view in
            var report = TargetHealthReport(
                target: target.target,
                address: view.target.endpoint.description,
                weight: target.weight
            )
            report.region = target.region ?? ""
            report.zone = target.zone ?? ""
            report.factor = Double(view.factor)
            report.circuit = view.circuit
            report.verdict = Self.verdict(of: view, upstream: upstream)
            report.observations = ObservationReport.all(of: view, members)
                .sorted { ($0.region, $0.observer) < ($1.region, $1.observer) }
            let against = report.observations.filter { $0.state != .ok }
            if view.verdict == .draining || view.verdict == .disabled {
                report.reason = "by an operator"
            } else if let first = against.first, view.verdict != .healthy {
                let words = [first.lastFailure ?? "failed", report.observations.objection]
                report.reason = words.compactMap(\.self).joined(separator: ", ")
            }
            return report
        }
    }

    private static func verdict(
        of view: TargetView,
        upstream: Upstream
    ) -> TargetHealthReport.Verdict {
        switch view.verdict {
        case .excluded: return .excluded
        case .draining: return .draining
        case .disabled: return .disabled
        case .lowered, .trial: return .lowered
        case .healthy:
            let isChecked = upstream.healthchecks.isOn
            return isChecked ? .healthy : .unchecked
        }
    }
}

extension ObservationReport {
    /// Who says what of a target, as far as that is known here.
    ///
    /// Of another region only two nodes are heard, who tell how many of its nodes speak against the target;
    /// that its checkers are silent says nothing then.
    static func all(
        of view: MeshHealth.TargetView,
        _ members: [String: MemberReport]
    ) -> [ObservationReport] {
        let all = view.observers.map { ObservationReport($0, members: members) }
        guard let home = members.values.first(where: \.isAsked)?.region else { return all }
        let against = Set(all.filter { $0.region != home && $0.state != .ok }.map(\.region))
        return all.compactMap { one in
            guard one.region != home else { return one }
            guard one.state != .ok || !against.contains(one.region) else { return nil }
            var sum = one
            (sum.nodesAgainst, sum.failures) = (one.failures, 0)
            return sum
        }
    }

    private init(_ observer: MeshHealth.TargetView.Observer, members: [String: MemberReport]) {
        let member = members[observer.node.description]
        let vote = observer.vote
        self.init(
            observer: member?.name ?? observer.node.description,
            region: member?.region ?? "",
            state: vote.stance == .up
                ? (vote.failures > 0 ? .failing : .ok)
                : (vote.stance == .down ? .failed : .failing)
        )
        self.successes = UInt64(vote.successes)
        self.failures = UInt64(vote.failures)
        self.isProber = vote.isChecker
        self.ageSeconds = observer.age.milliseconds / 1_000
        if vote.failures > 0 || vote.isAgainst { self.lastFailure = vote.reason.word }
    }
}

extension Healthchecks {
    /// Whether any check is on in Kong's sense.
    fileprivate var isOn: Bool {
        let passive = self.passive.unhealthy
        return self.active.healthy.interval > 0 || self.active.unhealthy.interval > 0
            || passive.httpFailures > 0 || passive.tcpFailures > 0 || passive.timeouts > 0
            || self.passive.healthy.successes > 0
    }
}
