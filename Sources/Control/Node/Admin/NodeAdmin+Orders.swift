import MeshAdmin
import MeshBalancing
import MeshDataPlane
import MeshEntities
import MeshHealth
import MeshPrimitives
import MeshReports
import MeshTransport

/// What operators want of regions and targets.
extension NodeAdmin {
    func order(_ request: RegionOrderRequest) async throws(AdminError) -> RegionOrderReport {
        let known = await self.regions().regions
        guard known.contains(where: { $0.name == request.region }) else {
            throw .refused(
                "no region is called \(request.region); list them: meshctl region list"
            )
        }
        let now = NodeClock.wallMilliseconds
        let until = now + UInt64(request.duration.milliseconds)
        let subject = StandingOrder.Subject.region(request.region)
        let order = StandingOrder(subject, request.order.rawValue, since: now, until: until)
        let others = await self.cluster.latest().standingOrders.filter { $0.subject != subject }
        let orders = request.order == .undrain ? others : others + [order]
        let configuration = await self.configuration()
        let shifts = self.shifts(under: orders.regionOrders, configuration)
        let emptying = others.filter { $0.until > now && ["drain", "failover"].contains($0.word) }
        let emptied = known.map(\.name).filter { name in
            emptying.contains { $0.subject == .region(name) }
        }
        let refusal = Self.refusal(of: request, shifts, configuration, emptied: emptied)
        if let refusal, !request.isForced, !request.isDryRun {
            throw .refused("\(refusal); give --force to do it anyway")
        }
        var report = RegionOrderReport(
            region: request.region,
            order: request.order,
            until: request.order == .undrain ? nil : Timestamp.text(milliseconds: until),
            isDryRun: request.isDryRun,
            shifts: shifts
        )
        report.refusal = refusal
        guard !request.isDryRun else { return report }
        let draft =
            request.order == .undrain
            ? StandingOrder.withdrawal(of: subject, author: request.author)
            : order.draft(author: request.author)
        _ = try await self.cluster.submit(draft)
        self.eventLog.add(
            .drain,
            request.order.event,
            subject: request.region,
            message: "region \(request.region) shall \(request.order.rawValue)"
                + (report.until.map { " until \($0)" } ?? "")
                + (request.author.isEmpty ? "" : ", says \(request.author)")
        )
        return report
    }

    func order(_ request: TargetOrderRequest) async throws(AdminError) -> TargetOrderReport {
        let configuration = await self.configuration()
        guard
            let upstream = configuration.upstreams.first(where: {
                $0.name == request.upstream || $0.id.description == request.upstream
            }),
            let target = configuration.targets(of: upstream.id).first(where: {
                $0.target == request.target || $0.id.description == request.target
            })
        else {
            throw .refused(
                "upstream \(request.upstream) has no target \(request.target); "
                    + "list them: meshctl health \(request.upstream)"
            )
        }
        let subject = StandingOrder.Subject.target(upstream: upstream.name, name: target.target)
        let draft =
            request.order == .enable
            ? StandingOrder.withdrawal(of: subject, author: request.author)
            : StandingOrder(subject, request.order.rawValue, since: NodeClock.wallMilliseconds)
                .draft(author: request.author)
        _ = try await self.cluster.submit(draft)
        self.eventLog.add(
            .drain,
            request.order.event,
            subject: target.target,
            message: "\(upstream.name): \(target.target) shall \(request.order.rawValue)"
                + (request.author.isEmpty ? "" : ", says \(request.author)"),
            details: ["upstream": upstream.name]
        )
        return TargetOrderReport(
            upstream: upstream.name,
            target: target.target,
            order: request.order
        )
    }

    /// What orders would make of this node's traffic.
    private func shifts(
        under orders: [RegionOrder],
        _ configuration: GatewayConfiguration
    ) -> [RegionOrderReport.Shift] {
        let after = self.healthService.shares(under: orders)
        let before = self.healthService.regionViews()
        let counters = Dictionary(
            self.dataPlane.counters().targets.map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        let views = Dictionary(grouping: self.healthService.views(), by: \.target.upstream)
        let limited = Set(
            configuration.upstreams.filter { $0.limits.concurrency > 0 && !$0.limits.adaptive }
                .map(\.name)
        )
        return before.sorted { $0.key < $1.key }.flatMap { name, regions in
            let shares = Self.regionShares(regions, views[name] ?? [], counters)
            let total = shares.reduce(0) { $0 + $1.inFlight }
            return zip(regions, after[name] ?? []).filter { $0.0.cause != .absent }.map {
                region,
                after in
                var shift = RegionOrderReport.Shift(upstream: name, region: region.region ?? "")
                shift.before = Double(region.share) / 1_000
                shift.after = Double(after) / 1_000
                shift.capacity = Double(region.capacity) / 1_000
                shift.inFlight = shares.first { $0.region == shift.region }?.inFlight ?? 0
                shift.inFlightAfter = UInt64((Double(total) * shift.after).rounded())
                guard limited.contains(name) else { return shift }
                var room = 0.0
                for view in views[name] ?? [] where view.target.region == shift.region {
                    let limit = counters[view.target.id]?.limit ?? 0
                    room += Double(max(0, view.factor)) * Double(limit)
                }
                if room > 0 { shift.utilisation = Double(total) * shift.after / room }
                return shift
            }
        }
    }

    /// From where on a region that takes over is as good as full.
    private static let fullUtilisation = 0.95

    /// Why an order is refused that leaves an upstream to a region that has lost a part of its targets,
    /// would be full, or is to be empty by another order, or that nothing takes over.
    static func refusal(
        of request: RegionOrderRequest,
        _ shifts: [RegionOrderReport.Shift],
        _ configuration: GatewayConfiguration,
        emptied: [String]
    ) -> String? {
        guard request.order == .drain || request.order == .failover else { return nil }
        for shift in shifts where shift.region == request.region && shift.after > 0 {
            let upstream = configuration.upstreams.first { $0.name == shift.upstream }
            return upstream?.regions.spill == .off
                ? "\(shift.upstream) has regions.spill off, so no other region may take its requests"
                : "\(shift.upstream) has no other region with a target in use"
        }
        for shift in shifts where shift.after > shift.before && emptied.contains(shift.region) {
            return "\(shift.upstream): region \(shift.region), which an operator has emptied, "
                + "would take \(Int(shift.after * 100)) %; "
                + "first: meshctl region undrain \(shift.region)"
        }
        for shift in shifts
        where shift.region != request.region && shift.after > shift.before && shift.capacity < 0.7 {
            return "\(shift.upstream): region \(shift.region) would take "
                + "\(Int(shift.after * 100)) % with \(Int(shift.capacity * 100)) % of its "
                + "capacity in use"
        }
        for shift in shifts where shift.after > shift.before {
            guard let share = shift.utilisation, share > Self.fullUtilisation else { continue }
            let percent = Int(min(share * 100, 1_000_000))
            return "\(shift.upstream): region \(shift.region) would have \(percent) % of the "
                + "requests in flight that limits.concurrency allows there"
        }
        return nil
    }
}

extension RegionOrderReport.Order {
    /// The event of an operator who gave it.
    fileprivate var event: EventType {
        switch self {
        case .drain: .regionDrain
        case .failover: .regionFailover
        case .hold: .regionHold
        case .failback: .regionFailback
        case .undrain: .regionUndrain
        }
    }
}

extension TargetOrderReport.Order {
    /// The event of an operator who gave it.
    fileprivate var event: EventType {
        switch self {
        case .drain: .targetDrain
        case .disable: .targetDisable
        case .enable: .targetEnable
        }
    }
}
