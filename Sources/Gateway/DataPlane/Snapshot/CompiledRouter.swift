internal import MeshEntities
internal import MeshRouting

/// How requests and streams find their routes, and what that was compiled from.
struct CompiledRouter: Sendable {
    let table: RoutingTable
    let streams: StreamTable
    private let routes: [Route]
    private let disabled: Set<EntityID>
    private let flavor: RouterFlavor

    /// Compiles the routes, or takes over what `previous` compiled of the same ones.
    init(
        _ configuration: GatewayConfiguration,
        _ flavor: RouterFlavor,
        reusing previous: CompiledRouter?
    ) throws(RoutingError) {
        let disabled = Set(configuration.services.filter { !$0.enabled }.map(\.id))
        if let previous, previous.flavor == flavor, previous.disabled == disabled,
            previous.routes.elementsEqual(configuration.routes, by: { $0.isFound(like: $1) })
        {
            self = previous
            return
        }
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
        self.routes = configuration.routes
        self.disabled = disabled
        self.flavor = flavor
    }
}

extension Route {
    /// Whether requests find both by the same criteria and at the same precedence.
    fileprivate func isFound(like other: Route) -> Bool {
        self.id == other.id && self.paths == other.paths && self.hosts == other.hosts
            && self.service == other.service && self.protocols == other.protocols
            && self.methods == other.methods && self.headers == other.headers
            && self.snis == other.snis && self.sources == other.sources
            && self.destinations == other.destinations
            && self.regexPriority == other.regexPriority
            && self.expression == other.expression && self.priority == other.priority
    }
}
