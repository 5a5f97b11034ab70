internal import MeshBalancing
public import MeshEntities
internal import MeshPlugins
internal import MeshPrimitives
internal import MeshRouting

/// One whole configuration, compiled for the request path: immutable, shared by all workers.
///
/// A worker keeps the old snapshot until the last request that began on it has ended.
public final class Snapshot: Sendable {
    /// Number given by the maker; rises with every snapshot of a node.
    public let version: UInt64
    /// Every upstream that a service uses or the configuration names, with its targets.
    public let upstreams: [SnapshotUpstream]

    let table: RoutingTable
    let labels: [RouteLabel]
    /// By route.
    let chains: [PluginChain]
    /// By upstream.
    let balancers: [BalancerPlan]
    nonisolated(unsafe) let routePlans: UnsafePointer<RoutePlan>
    nonisolated(unsafe) let upstreamPlans: UnsafePointer<UpstreamPlan>
    private nonisolated(unsafe) let arena: PlanArena

    /// Names of a route and its service, as metrics show them.
    struct RouteLabel: Hashable {
        let service: String
        let route: String
    }

    /// Compiles a configuration.
    ///
    /// - Parameters:
    ///   - configuration: validated entities.
    ///   - addresses: what the resolver knows of the host names in it.
    ///   - localRegion: targets tagged with it, and untagged ones, are preferred.
    ///   - version: number of this snapshot.
    /// - Throws: ``SnapshotError`` naming the route or plugin; nothing is kept.
    public init(
        configuration: GatewayConfiguration,
        addresses: HostAddresses,
        localRegion: String,
        version: UInt64
    ) throws(SnapshotError) {
        self.version = version
        do {
            self.table = try RoutingTable(
                compiling: configuration.routes,
                services: configuration.services
            )
        } catch {
            throw .routing("\(error)")
        }
        var chains: [PluginChain] = []
        for route in configuration.routes {
            chains.append(try Self.chain(route, configuration.plugins))
        }
        let layout = UpstreamLayout(configuration, addresses, localRegion)
        var arena = PlanArena()
        let services = Dictionary(
            configuration.services.map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var labels: [RouteLabel] = []
        var plans: [RoutePlan] = []
        for (index, route) in configuration.routes.enumerated() {
            let service = route.service.flatMap { services[$0] }
            let label = RouteLabel(
                service: service.map { $0.name ?? $0.id.description } ?? "",
                route: route.name ?? route.id.description
            )
            labels.append(label)
            plans.append(
                Self.plan(
                    route,
                    service,
                    index: index,
                    upstream: service.flatMap { layout.indexByService[$0.id] } ?? -1,
                    label: label,
                    hasPlugins: !chains[index].isEmpty,
                    in: &arena
                )
            )
        }
        self.labels = labels
        self.chains = chains
        self.routePlans = arena.array(plans)
        self.upstreams = layout.upstreams
        var balancers: [BalancerPlan] = []
        for upstream in layout.upstreams { balancers.append(try Self.balancer(upstream)) }
        self.balancers = balancers
        self.upstreamPlans = arena.array(layout.upstreams.map { Self.plan($0, in: &arena) })
        self.arena = arena
    }

    deinit { self.arena.deallocate() }

    private static func chain(
        _ route: Route,
        _ plugins: [Plugin]
    ) throws(SnapshotError) -> PluginChain {
        do {
            let scope = PluginScope(route: route.id, service: route.service)
            return try PluginChain(compiling: plugins, for: scope)
        } catch {
            throw .plugin("\(error)")
        }
    }

    private static func balancer(
        _ upstream: SnapshotUpstream
    ) throws(SnapshotError) -> BalancerPlan {
        let algorithm: BalancingAlgorithm =
            switch upstream.settings?.algorithm ?? .roundRobin {
            case .roundRobin: .roundRobin
            case .leastConnections, .latency: .leastConnections
            case .consistentHashing:
                .consistentHashing(slots: upstream.settings?.slots ?? 10_000)
            }
        let plan = BalancerPlan(
            algorithm: algorithm,
            targets: upstream.targets.map {
                BalancerTarget(id: $0.id, weight: $0.weight, group: $0.group)
            }
        )
        guard let plan else {
            throw .tooManyTargets(upstream: upstream.name, count: upstream.targets.count)
        }
        return plan
    }

    private static func plan(
        _ route: Route,
        _ service: Service?,
        index: Int,
        upstream: Int,
        label: RouteLabel,
        hasPlugins: Bool,
        in arena: inout PlanArena
    ) -> RoutePlan {
        RoutePlan(
            upstream: Int32(upstream),
            index: Int32(index),
            servicePath: arena.text(service?.path ?? ""),
            hasPlugins: hasPlugins,
            stripPath: route.stripPath,
            preserveHost: route.preserveHost,
            retries: Int32(service?.retries ?? 0),
            connectTimeout: Int64(service?.connectTimeout ?? 60_000),
            writeTimeout: Int64(service?.writeTimeout ?? 60_000),
            readTimeout: Int64(service?.readTimeout ?? 60_000),
            serviceLiteral: arena.text(jsonLiteral(label.service)),
            routeLiteral: arena.text(jsonLiteral(label.route))
        )
    }

    private static func plan(
        _ upstream: SnapshotUpstream,
        in arena: inout PlanArena
    ) -> UpstreamPlan {
        let targets = upstream.targets.map { target in
            TargetPlan(
                id: target.id.rawValue,
                address: SocketAddress.encode(target.endpoint),
                hostHeader: arena.text(target.hostHeader),
                addressLiteral: arena.text(jsonLiteral("\(target.endpoint)"))
            )
        }
        let settings = upstream.settings
        return UpstreamPlan(
            targets: arena.array(targets),
            targetCount: targets.count,
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
        case .none, .consumer, .uriCapture: HashPlan(source: .none, name: .empty)
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
