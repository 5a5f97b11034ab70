import MeshActivation
import MeshBalancing
import MeshDataPlane
import MeshEntities
import MeshHealth
import MeshPrimitives
import MeshReports

/// How traffic is shared out, and how it came to that.
extension NodeAdmin {
    func balance(of name: String) async -> BalancesReport {
        let members = await self.currentMembers()
        let wanted = await self.upstreams(called: name)
        return BalancesReport(upstreams: self.balances(of: wanted), view: members.view)
    }

    func why(_ subject: String) async -> WhyReport {
        let members = await self.currentMembers()
        var wanted = await self.upstreams(called: subject)
        let isTarget = wanted.isEmpty
        if isTarget {
            let configuration = await self.configuration()
            let owners = Set(
                self.healthService.views().filter { $0.target.isCalled(subject) }
                    .map(\.target.upstream)
            )
            wanted = configuration.upstreams.filter { owners.contains($0.name) }
        }
        var balances = self.balances(of: wanted, members.byID)
        if isTarget {
            for index in balances.indices {
                balances[index].targets.removeAll { $0.target != subject && $0.address != subject }
            }
        }
        let names = Set(wanted.map(\.name))
        let regions = Set(
            balances.flatMap(\.targets).map(\.region) + balances.flatMap(\.regions).map(\.region)
        )
        let events = self.eventLog.kept(last: WhyReport.eventLimit) { event in
            switch event.kind {
            case .health, .region:
                guard let upstream = event.details["upstream"] else {
                    return regions.contains(event.subject)
                }
                let isOther =
                    isTarget && event.kind == .health && event.subject.contains(":")
                    && event.subject != subject && event.details["address"] != subject
                return names.contains(upstream) && !isOther
            case .drain: return regions.contains(event.subject) || event.subject == subject
            case .membership, .config, .node: return false
            }
        }
        return WhyReport(subject: subject, upstreams: balances, events: events, view: members.view)
    }

    /// The upstream of this name or id, or the one that a service's host names.
    private func upstreams(called name: String) async -> [Upstream] {
        let configuration = await self.configuration()
        let hosts = configuration.services
            .filter { $0.name == name || $0.id.description == name }.map(\.host)
        return configuration.upstreams.filter {
            $0.name == name || $0.id.description == name || hosts.contains($0.name)
        }
    }

    private func balances(
        of upstreams: [Upstream],
        _ members: [String: MemberReport]? = nil
    ) -> [BalanceReport] {
        let views = Dictionary(grouping: self.healthService.views(), by: \.target.upstream)
        let regions = self.healthService.regionViews()
        let all = self.dataPlane.counters()
        let counters = Dictionary(
            all.targets.map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        return upstreams.map { upstream in
            let views = views[upstream.name] ?? []
            let shares = Self.regionShares(regions[upstream.name] ?? [], views, counters)
            let targets = views.map { view in
                var report = TargetShareReport(view, counters[view.target.id])
                report.share = Self.share(of: view, among: views, shares)
                if upstream.boundsLoad {
                    report.passedOver = counters[view.target.id]?.passedOver ?? 0
                }
                if let members {
                    report.observations = ObservationReport.all(of: view, members)
                }
                return report
            }
            var report = BalanceReport(
                upstream: upstream.name,
                algorithm: upstream.algorithm.rawValue,
                regions: shares,
                targets: targets.sorted {
                    ($0.region, $0.target, $0.address) < ($1.region, $1.target, $1.address)
                }
            )
            if upstream.boundsLoad { report.loadBound = upstream.limits.loadBound }
            report.waiting = all.waiting.first { $0.upstream == upstream.name }
                .map(WaitingReport.init)
            return report
        }
    }

    static func regionShares(
        _ regions: [RegionView],
        _ views: [MeshHealth.TargetView],
        _ counters: [TargetID: DataPlaneCounters.TargetCounters]
    ) -> [RegionShareReport] {
        regions.filter { $0.cause != .absent }.map { region in
            let name = region.region ?? ""
            let inside = views.filter { $0.target.region == name }
            var report = RegionShareReport(
                region: name,
                share: Double(region.share) / 1_000,
                capacity: Double(region.capacity) / 1_000,
                cause: region.cause.rawValue,
                reason: region.cause.words,
                ageSeconds: region.age.milliseconds / 1_000,
                inFlight: inside.reduce(0) { $0 &+ (counters[$1.target.id]?.inFlight ?? 0) }
            )
            report.holdLeftSeconds = region.holdLeft.map { $0.milliseconds / 1_000 }
            return report
        }
    }

    /// The share of requests that a target gets by its region's share, its weight and its factor.
    private static func share(
        of view: MeshHealth.TargetView,
        among views: [MeshHealth.TargetView],
        _ regions: [RegionShareReport]
    ) -> Double {
        let region = regions.first { $0.region == view.target.region }
        let like = regions.isEmpty ? views : views.filter { $0.target.region == view.target.region }
        let sum = like.reduce(0) { $0 + Double($1.factor) * Double($1.target.weight) }
        guard sum > 0 else { return 0 }
        let part = Double(view.factor) * Double(view.target.weight) / sum
        return part * (regions.isEmpty ? 1 : region?.share ?? 0)
    }
}

extension HealthTarget {
    fileprivate func isCalled(_ name: String) -> Bool {
        self.name == name || self.endpoint.description == name
    }
}

extension WaitingReport {
    fileprivate init(_ counters: DataPlaneCounters.WaitingCounters) {
        self.init(
            waiting: counters.waiting,
            waited: counters.entered,
            shed: counters.shed.reduce(0) { $0 &+ $1.count }
        )
        let ended = counters.entered &- min(counters.entered, counters.waiting)
        if ended > 0 {
            self.waitedMs = Double(counters.waitedMicroseconds) / Double(ended) / 1_000
        }
    }
}

extension TargetShareReport {
    fileprivate init(
        _ view: MeshHealth.TargetView,
        _ counters: DataPlaneCounters.TargetCounters?
    ) {
        self.init(
            target: view.target.name,
            address: view.target.endpoint.description,
            region: view.target.region,
            weight: view.target.weight
        )
        self.factor = Double(view.factor)
        self.stage = view.stage.rawValue
        self.circuit = view.circuit
        self.ageSeconds = view.age.milliseconds / 1_000
        self.reason = Self.reason(view)
        self.nextTrySeconds = view.nextTry.map { $0.milliseconds / 1_000 }
        self.attempts = counters?.attempts ?? 0
        self.failures = counters?.failures ?? 0
        self.inFlight = counters?.inFlight ?? 0
        if let limit = counters?.limit, limit > 0 { self.limit = limit }
        if view.evidence.latency > 0 { self.latencyMs = Double(view.evidence.latency) / 1_000 }
        if view.evidence.usualLatency > 0 {
            self.usualLatencyMs = Double(view.evidence.usualLatency) / 1_000
        }
    }

    private static func reason(_ view: MeshHealth.TargetView) -> String {
        switch view.stage {
        case .draining, .disabled: return "by an operator"
        case .unknown: return ""
        case .up where view.verdict == .healthy: return ""
        case .up, .suspect, .down, .trial, .ramp, .slow: break
        }
        var parts = [view.reason.word]
        if view.evidence.failures > 0 {
            parts.append("\(view.evidence.failures) of \(view.evidence.attempts) failed lately")
        }
        if view.evidence.against > 0 {
            parts.append(EventLog.accusation(by: view.evidence.against))
        }
        return parts.joined(separator: ", ")
    }
}
