internal import MeshEntities
internal import MeshHTTP
internal import MeshPlugins
internal import MeshRouting

/// One route compiled for the request path.
///
/// It is the same object in every snapshot until the route, its service or its plugins change.
final class RouteShape: Sendable {
    let label: Snapshot.RouteLabel
    let chain: PluginChain
    /// What steps, or hashing, may ask of the route's regexes; nil when none does.
    let captures: RouteCaptures?
    /// The route as JSON; empty when no step logs.
    let routeDocument: [UInt8]
    /// The service as JSON; empty when no step logs, or there is none.
    let serviceDocument: [UInt8]
    /// What it and its service are called; empty when no step logs.
    let names: LogNames
    /// Without its upstream, which a snapshot fills in; valid as long as this object.
    nonisolated(unsafe) let plan: RoutePlan
    /// The route alone, held once with the configuration's.
    private let route: EntityList<Route>
    /// Its service alone; empty for none.
    private let service: EntityList<Service>
    private let hashesCaptures: Bool
    /// All that might apply to it.
    private let plugins: [Plugin]
    private nonisolated(unsafe) let arena: PlanArena

    /// Compiles a list of one route, and of one service or none.
    init(
        _ routes: EntityList<Route>,
        _ services: EntityList<Service>,
        _ plugins: [Plugin],
        _ chain: PluginChain,
        hashesCaptures: Bool
    ) {
        let (route, service) = (routes[0], services.first)
        let label = Snapshot.RouteLabel(
            service: service.map { $0.name ?? $0.id.description } ?? "",
            route: route.name ?? route.id.description,
            isStream: route.protocols.contains { $0.isStream }
        )
        var arena = PlanArena()
        let retry = route.retry ?? service?.retry ?? RetryRules()
        self.plan = RoutePlan(
            upstream: UpstreamIndex.none.rawValue,
            identity: 0,
            servicePath: arena.text(service?.path ?? ""),
            hasPlugins: !chain.isEmpty,
            stripPath: route.stripPath,
            preserveHost: route.preserveHost,
            buffersRequest: route.requestBuffering,
            buffersResponse: route.responseBuffering,
            retries: Int32(service?.retries ?? 0),
            retryCauses: RetryCauses(retry),
            tryTimeout: Int64(retry.tryTimeout),
            hedges: retry.hedge,
            totalTimeout: Int64(retry.timeout),
            urgency: UInt8(clamping: route.urgency),
            urgencyHeader: arena.text((route.urgencyHeader ?? "").lowercased()),
            connectTimeout: Int64(service?.connectTimeout ?? 60_000),
            writeTimeout: Int64(service?.writeTimeout ?? 60_000),
            readTimeout: Int64(service?.readTimeout ?? 60_000),
            protocols: RouteProtocolCheck(route),
            debugLines: arena.text(Self.debugLines(route, service)),
            logMembers: arena.text(
                AccessLogFormat.routeMembers(
                    service: jsonLiteral(label.service),
                    route: jsonLiteral(label.route)
                )
            )
        )
        self.arena = arena
        self.label = label
        self.chain = chain
        let isTold = chain.logs || chain.readsMatched
        self.routeDocument = isTold ? Array(route.document.json.utf8) : []
        self.serviceDocument =
            isTold ? service.map { Array($0.document.json.utf8) } ?? [] : []
        self.names = isTold ? Self.names(route, service) : LogNames()
        self.captures =
            chain.readsCaptures || hashesCaptures ? RouteCaptures(paths: route.paths) : nil
        self.hashesCaptures = hashesCaptures
        self.route = routes
        self.service = services
        self.plugins = plugins
    }

    deinit { self.arena.deallocate() }

    /// The route's id.
    var routeID: EntityID { self.route[0].id }
    /// Of the route's service, if it has one.
    var serviceID: EntityID? { self.route[0].service }

    /// Whether it compiles the same.
    func matches(
        _ route: EntityList<Route>,
        _ service: EntityList<Service>,
        _ plugins: [Plugin],
        hashesCaptures: Bool
    ) -> Bool {
        self.route == route && self.service == service && self.plugins == plugins
            && self.hashesCaptures == hashesCaptures
    }

    private static func names(_ route: Route, _ service: Service?) -> LogNames {
        var names = LogNames()
        names.route = route.name ?? ""
        names.routeID = route.id.description
        names.service = service?.name ?? ""
        names.serviceID = service?.id.description ?? ""
        names.host = service?.host ?? ""
        return names
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
}
