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
    let streams: StreamTable
    let labels: [RouteLabel]
    /// By route.
    let chains: [PluginChain]
    /// By upstream: how services speak to it.
    let identities: [[HopIdentity]]
    let certificates: [Certificate]
    let snis: [SNI]
    let authorities: [CACertificate]
    nonisolated(unsafe) let routePlans: UnsafePointer<RoutePlan>
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
    ///   - flavor: how routes are ordered and what they may be written in.
    /// - Throws: ``SnapshotError`` naming the route or plugin; nothing is kept.
    public convenience init(
        configuration: GatewayConfiguration,
        addresses: HostAddresses,
        localRegion: String,
        version: UInt64,
        flavor: RouterFlavor = .traditionalCompatible
    ) throws(SnapshotError) {
        let plugins = PluginIndex(configuration.plugins)
        try self.init(
            configuration: configuration,
            addresses: addresses,
            localRegion: localRegion,
            version: version,
            flavor: flavor,
            chain: { (route) throws(SnapshotError) in try Self.chain(route, plugins) }
        )
    }

    /// Compiles a configuration whose routes have the given plugins.
    init(
        configuration: GatewayConfiguration,
        addresses: HostAddresses,
        localRegion: String,
        version: UInt64,
        flavor: RouterFlavor = .traditionalCompatible,
        chain: (Route) throws(SnapshotError) -> PluginChain
    ) throws(SnapshotError) {
        self.version = version
        do {
            self.table = try RoutingTable(
                compiling: configuration.routes,
                services: configuration.services,
                flavor: flavor
            )
            self.streams = try StreamTable(
                compiling: configuration.routes,
                services: configuration.services,
                flavor: flavor
            )
        } catch {
            throw .routing("\(error)")
        }
        var chains: [PluginChain] = []
        chains.reserveCapacity(configuration.routes.count)
        for route in configuration.routes { chains.append(try chain(route)) }
        let layout = UpstreamLayout(configuration, addresses, localRegion)
        for upstream in layout.upstreams
        where upstream.targets.count > BalancerPlan.maximumTargets {
            throw .tooManyTargets(upstream: upstream.name, count: upstream.targets.count)
        }
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
                    hop: service.flatMap { layout.hops[$0.id] },
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
        self.identities = layout.identities
        self.certificates = configuration.certificates
        self.snis = configuration.snis
        self.authorities = configuration.caCertificates
        self.arena = arena
    }

    deinit { self.arena.deallocate() }

    private static func chain(
        _ route: Route,
        _ plugins: PluginIndex
    ) throws(SnapshotError) -> PluginChain {
        do {
            let scope = PluginScope(route: route.id, service: route.service)
            let candidates = plugins.candidates(for: route)
            return candidates.isEmpty
                ? .empty : try PluginChain(compiling: candidates, for: scope)
        } catch {
            throw .plugin("\(error)")
        }
    }

    /// `Kong-Route-Id` and its siblings.
    private static func debugLines(_ route: Route, _ service: Service?) -> String {
        var lines = "Kong-Route-Id: \(route.id)\r\n"
        if let name = route.name { lines += "Kong-Route-Name: \(name)\r\n" }
        guard let service else { return lines }
        lines += "Kong-Service-Id: \(service.id)\r\n"
        if let name = service.name { lines += "Kong-Service-Name: \(name)\r\n" }
        return lines
    }

    private static func plan(
        _ route: Route,
        _ service: Service?,
        hop: UpstreamLayout.Hop?,
        label: RouteLabel,
        hasPlugins: Bool,
        in arena: inout PlanArena
    ) -> RoutePlan {
        RoutePlan(
            upstream: (hop?.upstream ?? .none).rawValue,
            identity: Int32(hop?.identity ?? 0),
            servicePath: arena.text(service?.path ?? ""),
            hasPlugins: hasPlugins,
            stripPath: route.stripPath,
            preserveHost: route.preserveHost,
            buffersRequest: route.requestBuffering,
            buffersResponse: route.responseBuffering,
            retries: Int32(service?.retries ?? 0),
            connectTimeout: Int64(service?.connectTimeout ?? 60_000),
            writeTimeout: Int64(service?.writeTimeout ?? 60_000),
            readTimeout: Int64(service?.readTimeout ?? 60_000),
            protocols: RouteProtocolCheck(route),
            debugLines: arena.text(Self.debugLines(route, service)),
            serviceLiteral: arena.text(jsonLiteral(label.service)),
            routeLiteral: arena.text(jsonLiteral(label.route))
        )
    }
}

/// Plugins by what they are bound to, so that a route looks at its own ones only.
private struct PluginIndex {
    private var unbound: [Plugin] = []
    private var byRoute: [EntityID: [Plugin]] = [:]
    private var byService: [EntityID: [Plugin]] = [:]

    init(_ plugins: [Plugin]) {
        for plugin in plugins {
            if let route = plugin.route {
                self.byRoute[route, default: []].append(plugin)
            } else if let service = plugin.service {
                self.byService[service, default: []].append(plugin)
            } else {
                self.unbound.append(plugin)
            }
        }
    }

    /// All that may apply to a route, and hardly any others.
    func candidates(for route: Route) -> [Plugin] {
        let own = self.byRoute[route.id] ?? []
        return self.unbound + own + (route.service.flatMap { self.byService[$0] } ?? [])
    }
}
