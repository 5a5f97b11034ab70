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
            previous.routes == configuration.routes
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
