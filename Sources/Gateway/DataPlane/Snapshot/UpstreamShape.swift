internal import MeshBalancing
internal import MeshEntities
internal import MeshHTTP
internal import MeshPrimitives

/// One upstream compiled for all workers: the same object in every installation until something of
/// it changes.
final class UpstreamShape: Sendable {
    /// Highest limit of a target where nothing else is said.
    private static let anyLimit = 1_000

    let upstream: SnapshotUpstream
    /// How services speak to it; at least one way.
    let identities: [HopIdentity]
    /// The same object until algorithm or targets change.
    let balancer: BalancerPlan
    /// Requests in flight that one worker may have at a target; 0 for any number.
    let concurrency: Int
    /// Highest limit that one worker finds by measuring; 0 where none is sought.
    let adaptiveLimit: Int
    /// What waits at one worker when no target has room, and who counts it; `nil` without limits.
    let waiting: (limits: WaitingLine.Limits, rows: WaitingRows)?
    /// What of the retries, and of the second targets, that are always allowed this node has used.
    let retryFloor: RetryFloor
    let hedgeFloor: RetryFloor
    /// By way, then by target.
    let pools: [PoolKey]
    /// Counters by target.
    let rows: [TargetRows]
    /// For the request path; valid as long as this object.
    nonisolated(unsafe) let plan: UpstreamPlan
    private nonisolated(unsafe) let arena: PlanArena

    /// Compiles an upstream; `nil` when there are too many targets.
    ///
    /// - Parameters:
    ///   - upstream: with at most ``BalancerPlan/maximumTargets`` targets.
    ///   - identities: how services speak to it.
    ///   - previous: what it replaces; plan and counters that still fit are taken from it.
    ///   - workers: how many workers count.
    init?(
        _ upstream: SnapshotUpstream,
        identities: [HopIdentity],
        previous: UpstreamShape?,
        workers: Int
    ) {
        let usable = upstream.usableGroups
        let targets = upstream.targets.map { target in
            let weight = usable.contains(target.group) ? target.weight : 0
            return BalancerTarget(id: target.id, weight: weight, group: target.group)
        }
        let algorithm = Self.algorithm(upstream.settings)
        let limits = upstream.settings?.limits ?? Upstream.Limits()
        let bound = algorithm.hashes ? limits.loadBound : 0
        let plan =
            previous?.balancer.isMade(algorithm, targets, loadBound: bound) == true
            ? previous?.balancer
            : BalancerPlan(algorithm: algorithm, targets: targets, loadBound: bound)
        guard let plan else { return nil }
        self.balancer = plan
        let share = { (limit: Int) in (limit + max(1, workers) - 1) / max(1, workers) }
        self.concurrency = share(limits.concurrency)
        self.adaptiveLimit =
            !limits.adaptive ? 0 : limits.concurrency > 0 ? self.concurrency : Self.anyLimit
        let isLimited = limits.concurrency > 0 || limits.adaptive
        let isSame = previous?.upstream.name == upstream.name
        let known = isSame ? previous?.waiting?.rows : nil
        self.retryFloor = isSame ? previous?.retryFloor ?? RetryFloor() : RetryFloor()
        self.hedgeFloor = isSame ? previous?.hedgeFloor ?? RetryFloor() : RetryFloor()
        self.waiting =
            isLimited
            ? (
                WaitingLine.Limits(
                    capacity: share(limits.queue),
                    patience: Int64(limits.queueTime)
                ), known ?? WaitingRows(workers: workers)
            ) : nil
        self.upstream = upstream
        self.identities = identities
        self.pools = identities.flatMap { way in upstream.targets.map { way.pool(of: $0) } }
        let rows = Dictionary(
            (previous?.rows ?? []).map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        self.rows = upstream.targets.map { rows[$0.id] ?? TargetRows($0.id, workers: workers) }
        var arena = PlanArena()
        self.plan = Self.plan(upstream, identities, in: &arena)
        self.arena = arena
    }

    deinit { self.arena.deallocate() }

    /// Whether it compiles the same.
    func matches(_ upstream: SnapshotUpstream, _ identities: [HopIdentity]) -> Bool {
        self.upstream == upstream && self.identities == identities
    }

    private static func algorithm(_ settings: Upstream?) -> BalancingAlgorithm {
        switch settings?.algorithm ?? .roundRobin {
        case .roundRobin, .stickySessions: .roundRobin
        case .leastConnections: .leastConnections
        case .latency: .latency
        case .hcl: .hcl
        case .consistentHashing: .consistentHashing(slots: settings?.slots ?? 10_000)
        }
    }

    private static func plan(
        _ upstream: SnapshotUpstream,
        _ identities: [HopIdentity],
        in arena: inout PlanArena
    ) -> UpstreamPlan {
        var targets: [TargetPlan] = []
        for identity in identities {
            for target in upstream.targets {
                targets.append(
                    TargetPlan(
                        id: target.id.rawValue,
                        address: SocketAddress.encode(target.endpoint),
                        hostHeader: arena.text(identity.hostHeader(of: target)),
                        logMember: arena.text(
                            AccessLogFormat.upstreamMember(
                                address: jsonLiteral("\(target.endpoint)")
                            )
                        )
                    )
                )
            }
        }
        let settings = upstream.settings ?? Upstream(id: EntityID(high: 0, low: 0), name: "")
        return UpstreamPlan(
            targets: arena.array(targets),
            targetCount: upstream.targets.count,
            isHashed: settings.algorithm == .consistentHashing
                || settings.algorithm == .stickySessions,
            hash: settings.algorithm == .stickySessions
                ? Self.pin(settings, in: &arena) : Self.hash(settings, .first, in: &arena),
            fallback: Self.hash(settings, .fallback, in: &arena),
            takesReports: settings.algorithm == .hcl
        )
    }

    /// Which of an upstream's two inputs of hashing is meant.
    private enum HashRole {
        case first
        case fallback
    }

    private static func pin(_ settings: Upstream, in arena: inout PlanArena) -> HashPlan {
        HashPlan(
            .pin,
            name: arena.text(settings.stickySessionsCookie ?? ""),
            attributes: arena.text(Self.attributes(path: settings.stickySessionsCookiePath))
        )
    }

    private static func hash(
        _ settings: Upstream,
        _ role: HashRole,
        in arena: inout PlanArena
    ) -> HashPlan {
        let isFirst = role == .first
        switch isFirst ? settings.hashOn : settings.hashFallback {
        case .none: return HashPlan(.none)
        case .consumer: return HashPlan(.consumer)
        case .ip: return HashPlan(.clientAddress)
        case .path: return HashPlan(.path)
        case .header:
            let name = isFirst ? settings.hashOnHeader : settings.hashFallbackHeader
            return HashPlan(.header, name: arena.text((name ?? "").lowercased()))
        case .cookie:
            return HashPlan(
                .cookie,
                name: arena.text(settings.hashOnCookie ?? ""),
                attributes: arena.text(Self.attributes(path: settings.hashOnCookiePath))
            )
        case .queryArgument:
            let name = isFirst ? settings.hashOnQueryArg : settings.hashFallbackQueryArg
            return HashPlan(.queryArgument, name: arena.text(name ?? ""))
        case .uriCapture:
            let name = isFirst ? settings.hashOnURICapture : settings.hashFallbackURICapture
            return HashPlan(.uriCapture, name: arena.text(name ?? ""))
        }
    }

    /// Kong's attributes, with `SameSite` spelt as browsers read it.
    private static func attributes(path: String) -> String {
        "; Path=\(path); SameSite=Lax; HttpOnly"
    }
}
