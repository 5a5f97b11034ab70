internal import MeshBalancing
internal import MeshEntities
internal import MeshHTTP
internal import MeshPrimitives

/// One upstream compiled for all workers: the same object in every installation until something of
/// it changes.
final class UpstreamShape: Sendable {
    let upstream: SnapshotUpstream
    /// How services speak to it; at least one way.
    let identities: [HopIdentity]
    /// The same object until algorithm or targets change.
    let balancer: BalancerPlan
    /// Requests in flight that one worker may have at a target; 0 for any number.
    let concurrency: Int
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
        let targets = upstream.targets.map { target in
            let weight = upstream.usableGroups.contains(target.group) ? target.weight : 0
            return BalancerTarget(id: target.id, weight: weight, group: target.group)
        }
        let algorithm = Self.algorithm(upstream.settings)
        if let known = previous?.balancer, known.algorithm == algorithm, known.targets == targets {
            self.balancer = known
        } else if let plan = BalancerPlan(algorithm: algorithm, targets: targets) {
            self.balancer = plan
        } else {
            return nil
        }
        let limit = upstream.settings?.limits.concurrency ?? 0
        self.concurrency = (limit + max(1, workers) - 1) / max(1, workers)
        self.upstream = upstream
        self.identities = identities
        self.pools = identities.flatMap { way in upstream.targets.map { way.pool(of: $0) } }
        let known = Dictionary(
            (previous?.rows ?? []).map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        self.rows = upstream.targets.map { known[$0.id] ?? TargetRows($0.id, workers: workers) }
        var arena = PlanArena()
        self.plan = Self.plan(upstream, identities, in: &arena)
        self.arena = arena
    }

    deinit { self.arena.deallocate() }

    /// Whether it compiles the same.
    func matches(_ upstream: SnapshotUpstream, _ identities: [HopIdentity]) -> Bool {
        self.identities == identities && self.upstream == upstream
    }

    private static func algorithm(_ settings: Upstream?) -> BalancingAlgorithm {
        switch settings?.algorithm ?? .roundRobin {
        case .roundRobin: .roundRobin
        case .leastConnections: .leastConnections
        case .latency: .latency
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
        let settings = upstream.settings
        return UpstreamPlan(
            targets: arena.array(targets),
            targetCount: upstream.targets.count,
            hash: Self.hash(
                settings?.hashOn ?? .none,
                header: settings?.hashOnHeader,
                cookie: settings?.hashOnCookie,
                queryArgument: settings?.hashOnQueryArg,
                in: &arena
            ),
            fallback: Self.hash(
                settings?.hashFallback ?? .none,
                header: settings?.hashFallbackHeader,
                cookie: settings?.hashOnCookie,
                queryArgument: settings?.hashFallbackQueryArg,
                in: &arena
            )
        )
    }

    /// Consumers and regex captures are not known to the data plane; they count as missing keys.
    private static func hash(
        _ input: Upstream.HashInput,
        header: String?,
        cookie: String?,
        queryArgument: String?,
        in arena: inout PlanArena
    ) -> HashPlan {
        switch input {
        case .none, .uriCapture: HashPlan(source: .none, name: .empty)
        case .consumer: HashPlan(source: .consumer, name: .empty)
        case .ip: HashPlan(source: .clientAddress, name: .empty)
        case .path: HashPlan(source: .path, name: .empty)
        case .header:
            HashPlan(source: .header, name: arena.text((header ?? "").lowercased()))
        case .cookie: HashPlan(source: .cookie, name: arena.text(cookie ?? ""))
        case .queryArgument:
            HashPlan(source: .queryArgument, name: arena.text(queryArgument ?? ""))
        }
    }
}
