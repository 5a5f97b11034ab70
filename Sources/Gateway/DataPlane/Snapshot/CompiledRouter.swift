internal import MeshEntities
internal import MeshRouting

/// How requests and streams find their routes, and what that was compiled from.
struct CompiledRouter: Sendable {
    let table: RoutingTable
    let streams: StreamTable
    private let routes: EntityList<Route>
    private let disabled: Set<EntityID>
    private let flavor: RouterFlavor

    /// Compiles the routes, or takes over what `previous` compiled of the same ones.
    init(
        _ configuration: GatewayConfiguration,
        _ flavor: RouterFlavor,
        reusing previous: CompiledRouter?
    ) throws(RoutingError) {
        let disabled = configuration.services.disabled
        if let previous, previous.flavor == flavor, previous.disabled == disabled,
            previous.routes.isFound(like: configuration.routes)
        {
            self = previous
            return
        }
        self.table = try RoutingTable(
            compiling: configuration.routes,
            services: configuration.services,
            flavor: flavor,
            reusing: previous?.table
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

extension EntityList<Route> {
    /// Whether all routes are found alike.
    fileprivate func isFound(like other: EntityList<Route>) -> Bool {
        self.count == other.count
            && (0..<self.count).allSatisfy {
                self.isSame(at: $0, as: other, at: $0) || self[$0].isFound(like: other[$0])
            }
    }
}
