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
    /// By route.
    let chains: [PluginChain]
    /// Consumers and their credentials.
    let consumers: ConsumerDirectory
    private let plugins: PluginTable
    private let configuration: GatewayConfiguration
    private let router: CompiledRouter
    private let layout: UpstreamLayout
    private let surroundings: RouteSurroundings
    /// By route; they own what ``routePlans`` points to.
    let shapes: [RouteShape]
    nonisolated(unsafe) let routePlans: UnsafePointer<RoutePlan>
    private nonisolated(unsafe) let arena: PlanArena

    /// By upstream: how services speak to it.
    var identities: [[HopIdentity]] { self.layout.identities }
    var certificates: EntityList<Certificate> { self.configuration.certificates }
    var snis: EntityList<SNI> { self.configuration.snis }
    var authorities: EntityList<CACertificate> { self.configuration.caCertificates }

    /// Who is asked for a certificate that plugins look at.
    var certificateDemands: [CertificateDemand] { CertificateDemand.all(in: self.configuration) }

    /// Names of a route and its service, as metrics show them.
    struct RouteLabel: Hashable {
        let service: String
        let route: String
        /// Whether it is a route of streams, which has sessions in place of requests.
        var isStream = false
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
        self.plugins = try Self.plugins(configuration, previous)
        self.consumers = ConsumerDirectory(configuration, reusing: previous?.consumers)
        self.surroundings = RouteSurroundings(configuration, reusing: previous?.surroundings)
        let routes = self.surroundings.shapes(
            of: configuration,
            self.plugins,
            previous,
            chain: chain
        )
        let layout = UpstreamLayout(configuration, addresses, localRegion, previous?.layout)
        for upstream in layout.upstreams
        where upstream.targets.count > BalancerPlan.maximumTargets {
            throw .tooManyTargets(upstream: upstream.name, count: upstream.targets.count)
        }
        var arena = PlanArena()
        let keepsHops = previous?.layout.mark === layout.mark
        self.routePlans = arena.array(
            routes.indices.map { index in
                let (shape, origin) = (routes[index].shape, routes[index].origin)
                if let previous, keepsHops, let origin { return previous.routePlans[origin] }
                var plan = shape.plan
                guard let hop = shape.serviceID.flatMap({ layout.hops[$0] }) else { return plan }
                plan.upstream = hop.upstream.rawValue
                plan.identity = Int32(hop.identity)
                return plan
            }
        )
        self.arena = arena
        self.shapes = routes.map(\.shape)
        self.chains = routes.map(\.shape.chain)
        self.layout = layout
        self.configuration = configuration
    }

    deinit { self.arena.deallocate() }

    private static func plugins(
        _ configuration: GatewayConfiguration,
        _ previous: Snapshot?
    ) throws(SnapshotError) -> PluginTable {
        if let previous, previous.configuration.plugins == configuration.plugins {
            return previous.plugins
        }
        do {
            return try PluginTable(
                configuration.plugins,
                reusing: previous?.plugins,
                logs: { LogQueue($0) }
            )
        } catch {
            throw .plugin("\(error)")
        }
    }

    /// A route compiled, or taken over from a place in the snapshot before.
    struct CompiledRoute {
        let shape: RouteShape
        let origin: Int?
    }

    /// What routes are compiled with besides themselves and plugins.
    private struct RouteSurroundings {
        let services: EntityList<Service>
        private let places: [EntityID: Int]
        private let upstreams: EntityList<Upstream>
        /// Names of upstreams that hash what a path's regex captures.
        private let hashing: Set<String>

        init(_ configuration: GatewayConfiguration, reusing previous: RouteSurroundings?) {
            self.services = configuration.services
            self.upstreams = configuration.upstreams
            if let previous, previous.services == self.services {
                self.places = previous.places
            } else {
                self.places = Dictionary(
                    self.services.enumerated().map { ($1.id, $0) },
                    uniquingKeysWith: { first, _ in first }
                )
            }
            if let previous, previous.upstreams == self.upstreams {
                self.hashing = previous.hashing
            } else {
                self.hashing = Set(self.upstreams.lazy.filter(\.hashesCaptures).map(\.name))
            }
        }

        /// Every route, compiled or taken over; routes are found by their place, or by walking on when
        /// some have come or gone.
        func shapes(
            of configuration: GatewayConfiguration,
            _ plugins: PluginTable,
            _ previous: Snapshot?,
            chain: ((Route) -> PluginChain)?
        ) -> [CompiledRoute] {
            let routes = configuration.routes
            let known = previous?.configuration.routes ?? []
            // Then a route that is the same one is not even looked at.
            let isSteady =
                previous.map { previous in
                    previous.plugins === plugins && previous.surroundings.hashing == self.hashing
                        && previous.surroundings.services == self.services && chain == nil
                } ?? false
            let sharesScoped = previous.map { $0.plugins.sharesScoped(with: plugins) } ?? false
            var place = 0
            var shapes: [CompiledRoute] = []
            shapes.reserveCapacity(routes.count)
            for index in routes.indices {
                let isKnown = { (place: Int) in routes.isSame(at: index, as: known, at: place) }
                while place < known.count, !isKnown(place), known[place].id < routes[index].id {
                    place += 1
                }
                if let previous, isSteady, place < known.count, isKnown(place) {
                    shapes.append(CompiledRoute(shape: previous.shapes[place], origin: place))
                    continue
                }
                let old = place < known.count ? previous?.shapes[place] : nil
                let shape = self.shape(
                    routes.only(at: index),
                    plugins,
                    from: old,
                    sharesScoped: sharesScoped,
                    chain
                )
                shapes.append(CompiledRoute(shape: shape, origin: shape === old ? place : nil))
            }
            return shapes
        }

        private func shape(
            _ routes: EntityList<Route>,
            _ plugins: PluginTable,
            from old: RouteShape?,
            sharesScoped: Bool,
            _ chain: ((Route) -> PluginChain)?
        ) -> RouteShape {
            let route = routes[0]
            let service =
                route.service.flatMap { self.places[$0] }.map { self.services.only(at: $0) } ?? []
            let hashes = service.first.map { self.hashing.contains($0.host) } ?? false
            let candidates = plugins.candidates(route: route.id, service: route.service)
            if let old, sharesScoped || candidates.isEmpty,
                old.matches(routes, service, candidates, hashesCaptures: hashes)
            {
                return old
            }
            let compiled =
                chain?(route)
                ?? plugins.chain(
                    route: route.id,
                    service: route.service,
                    isStream: route.protocols.contains(where: \.isStream)
                )
            return RouteShape(routes, service, candidates, compiled, hashesCaptures: hashes)
        }
    }
}
