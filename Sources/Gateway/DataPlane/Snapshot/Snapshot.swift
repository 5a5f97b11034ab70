internal import MeshBalancing
public import MeshEntities
internal import MeshHTTP
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
    public var upstreams: [SnapshotUpstream] { self.layout.upstreams }
    /// The same object as that of the snapshot before when all ``upstreams`` are as they were there.
    public var upstreamsMark: UpstreamsMark { self.layout.mark }

    let table: RoutingTable
    let streams: StreamTable
    let labels: [RouteLabel]
    /// By route.
    let chains: [PluginChain]
    /// Consumers and their credentials.
    let consumers: ConsumerDirectory
    private let plugins: PluginTable
    private let configuration: GatewayConfiguration
    private let router: CompiledRouter
    private let layout: UpstreamLayout
    /// By route; they own what ``routePlans`` points to.
    private let shapes: [RouteShape]
    nonisolated(unsafe) let routePlans: UnsafePointer<RoutePlan>
    private nonisolated(unsafe) let arena: PlanArena

    /// By upstream: how services speak to it.
    var identities: [[HopIdentity]] { self.layout.identities }
    var certificates: [Certificate] { self.configuration.certificates }
    var snis: [SNI] { self.configuration.snis }
    var authorities: [CACertificate] { self.configuration.caCertificates }

    /// Who is asked for a certificate that plugins look at.
    var certificateDemands: [CertificateDemand] { CertificateDemand.all(in: self.configuration) }

    /// Names of a route and its service, as metrics show them.
    struct RouteLabel: Hashable {
        let service: String
        let route: String
    }

    /// The queues of all log plugins.
    var logs: [LogQueue] { self.plugins.logs.compactMap { $0 as? LogQueue } }

    /// A route and its service, as log plugins tell them.
    func logDocuments(
        ofRoute index: Int
    ) -> (route: [UInt8], service: [UInt8], names: LogNames) {
        let shape = self.shapes[index]
        return (shape.routeDocument, shape.serviceDocument, shape.names)
    }

    /// What steps may ask of a route's regexes.
    func captures(ofRoute index: Int) -> RouteCaptures? { self.shapes[index].captures }

    /// A route's id.
    func routeID(_ index: Int) -> EntityID { self.configuration.routes[index].id }

    /// The service of a route.
    func service(ofRoute index: Int) -> EntityID? { self.configuration.routes[index].service }

    /// Compiles a configuration.
    ///
    /// - Parameters:
    ///   - configuration: validated entities.
    ///   - addresses: what the resolver knows of the host names in it.
    ///   - localRegion: targets tagged with it, and untagged ones, are preferred.
    ///   - version: number of this snapshot.
    ///   - flavor: how routes are ordered and what they may be written in.
    ///   - previous: what it shares its unchanged parts with, so that it costs what has changed.
    ///   - variable: this node's environment, for secrets that the configuration refers to.
    /// - Throws: ``SnapshotError`` naming the route or plugin; nothing is kept.
    public convenience init(
        configuration: GatewayConfiguration,
        addresses: HostAddresses,
        localRegion: String,
        version: UInt64,
        flavor: RouterFlavor = .traditionalCompatible,
        reusing previous: Snapshot? = nil,
        variable: (String) -> String? = { _ in nil }
    ) throws(SnapshotError) {
        let resolved: GatewayConfiguration
        do {
            resolved = try configuration.resolved(variable)
        } catch {
            throw .secret("\(error)")
        }
        try self.init(
            configuration: resolved,
            addresses: addresses,
            localRegion: localRegion,
            version: version,
            flavor: flavor,
            reusing: previous,
            chain: nil
        )
    }

    /// Compiles a configuration whose routes have the given chains in place of those of its plugins.
    init(
        configuration: GatewayConfiguration,
        addresses: HostAddresses,
        localRegion: String,
        version: UInt64,
        flavor: RouterFlavor = .traditionalCompatible,
        reusing previous: Snapshot? = nil,
        chain: ((Route) -> PluginChain)?
    ) throws(SnapshotError) {
        self.version = version
        do {
            self.router = try CompiledRouter(configuration, flavor, reusing: previous?.router)
        } catch {
            throw .routing("\(error)")
        }
        self.table = self.router.table
        self.streams = self.router.streams
        let services = Dictionary(
            configuration.services.map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        do {
            self.plugins = try PluginTable(
                configuration.plugins,
                reusing: previous?.plugins,
                logs: { LogQueue($0) }
            )
        } catch {
            throw .plugin("\(error)")
        }
        self.consumers = ConsumerDirectory(configuration, reusing: previous?.consumers)
        let shapes = Self.shapes(configuration, services, self.plugins, previous, chain)
        let layout = UpstreamLayout(configuration, addresses, localRegion, previous?.layout)
        for upstream in layout.upstreams
        where upstream.targets.count > BalancerPlan.maximumTargets {
            throw .tooManyTargets(upstream: upstream.name, count: upstream.targets.count)
        }
        var arena = PlanArena()
        self.routePlans = arena.array(
            zip(shapes, configuration.routes).map { shape, route in
                var plan = shape.plan
                guard let hop = route.service.flatMap({ layout.hops[$0] }) else { return plan }
                plan.upstream = hop.upstream.rawValue
                plan.identity = Int32(hop.identity)
                return plan
            }
        )
        self.arena = arena
        self.shapes = shapes
        self.labels = shapes.map(\.label)
        self.chains = shapes.map(\.chain)
        self.layout = layout
        self.configuration = configuration
    }

    deinit { self.arena.deallocate() }

    /// Every route, compiled or taken over; routes are found by their place, or by walking on when
    /// some have come or gone.
    private static func shapes(
        _ configuration: GatewayConfiguration,
        _ services: [EntityID: Service],
        _ plugins: PluginTable,
        _ previous: Snapshot?,
        _ chain: ((Route) -> PluginChain)?
    ) -> [RouteShape] {
        let known = previous?.configuration.routes ?? []
        let hashing = Set(
            configuration.upstreams.lazy.filter(\.hashesCaptures).map(\.name)
        )
        let sharesScoped = previous.map { $0.plugins.sharesScoped(with: plugins) } ?? false
        var place = 0
        var shapes: [RouteShape] = []
        shapes.reserveCapacity(configuration.routes.count)
        for route in configuration.routes {
            let service = route.service.flatMap { services[$0] }
            let hashes = service.map { hashing.contains($0.host) } ?? false
            let candidates = plugins.candidates(route: route.id, service: route.service)
            while place < known.count, known[place].id < route.id { place += 1 }
            if let previous, place < known.count, sharesScoped || candidates.isEmpty,
                previous.shapes[place].matches(
                    route,
                    service,
                    candidates,
                    hashesCaptures: hashes
                )
            {
                shapes.append(previous.shapes[place])
            } else {
                let compiled =
                    chain?(route)
                    ?? plugins.chain(
                        route: route.id,
                        service: route.service,
                        isStream: route.protocols.contains(where: \.isStream)
                    )
                shapes.append(
                    RouteShape(route, service, candidates, compiled, hashesCaptures: hashes)
                )
            }
        }
        return shapes
    }
}
