public import MeshEntities

/// All routes of a configuration, compiled for matching; immutable, shared by all workers.
///
/// Precedence is that of Kong's router of the same flavour: ``RoutePriority``, then the greater
/// UUID. Every path of a route competes by itself, but for the flavour `traditional`. A route with
/// `path_handling: v1` is treated as `v0`.
///
/// Expressions are compiled too, and found by the hosts and beginnings of paths that they ask for.
///
/// A table may lie upon the routes of an earlier one: what has changed since then is a small layer of its
/// own, and routes that are gone are passed over. So a change costs what it touches, and a match looks
/// at two layers.
///
/// A match reads flat memory only: no allocation, no lock, no reference count. Its cost grows with
/// the length of host and path and with the number of different prefix lengths, not with the number
/// of routes, as long as hosts and paths tell routes apart.
public final class RoutingTable: Sendable {
    /// Changed routes that are worth a layer of their own; when there are more, all are compiled anew.
    static let layerLimit = 64
    /// Fewer routes are always compiled as a whole: that costs little, and a match that looks at one
    /// layer is the quickest.
    static let layeredRoutes = 1_000

    private let base: RoutingLayer
    /// What has changed since ``base`` was compiled.
    private let changes: RoutingLayer?
    /// By place in what ``base`` was compiled from: the place now, negative when the route is gone or
    /// changed; without elements when all are where they were.
    private let places: ContiguousArray<Int32>
    private let origin: Origin

    /// What queries must show beyond what every query shows.
    public let needs: QueryNeeds

    /// What a base was compiled from.
    private struct Origin: Sendable {
        var routes: EntityList<Route> = []
        var disabled: Set<EntityID> = []
        var flavor = RouterFlavor.traditionalCompatible
    }

    /// Compiles the routes that HTTP requests can match; those of disabled services are left out.
    ///
    /// - Parameters:
    ///   - routes: all of them; only those that are the same ones as in `previous` cost nothing.
    ///   - services: all of them.
    ///   - flavor: how routes are ordered.
    ///   - previous: whose routes it lies upon if few have changed since those were compiled.
    /// - Throws: ``RoutingError`` for the first route that cannot be compiled, in array order.
    public convenience init(
        compiling routes: EntityList<Route>,
        services: EntityList<Service>,
        flavor: RouterFlavor = .traditionalCompatible,
        reusing previous: RoutingTable? = nil
    ) throws(RoutingError) {
        try self.init(
            routes,
            disabled: services.disabled,
            flavor,
            reusing: previous,
            layeredRoutes: Self.layeredRoutes
        )
    }

    /// Compiles routes; fewer than `layeredRoutes` as a whole.
    convenience init(
        _ routes: EntityList<Route>,
        disabled: Set<EntityID>,
        _ flavor: RouterFlavor,
        reusing previous: RoutingTable?,
        layeredRoutes: Int
    ) throws(RoutingError) {
        if let previous, routes.count >= layeredRoutes, previous.origin.flavor == flavor,
            previous.origin.disabled == disabled,
            let difference = RouteDifference(
                from: previous.origin.routes,
                to: routes,
                limit: Self.layerLimit
            ),
            case let changes = try RoutingLayer(
                difference.changed.map { (offset: $0, element: routes[$0]) },
                disabled: disabled,
                flavor: flavor
            ),
            // Only all routes together tell whether they name too many methods.
            previous.base.index.methods.count + changes.index.methods.count
                <= RoutingIndexBuilder.methodLimit
        {
            self.init(previous.base, previous.origin, changes, places: difference.places)
            return
        }
        self.init(
            try RoutingLayer(routes.enumerated(), disabled: disabled, flavor: flavor),
            Origin(routes: routes, disabled: disabled, flavor: flavor)
        )
    }

    /// Compiles what `fill` adds.
    convenience init(
        _ builder: consuming RoutingIndexBuilder,
        _ fill: (inout RoutingIndexBuilder) throws(RoutingError) -> Void
    ) throws(RoutingError) {
        self.init(try RoutingLayer(builder, fill), Origin())
    }

    private init(
        _ base: RoutingLayer,
        _ origin: Origin,
        _ changes: RoutingLayer? = nil,
        places: ContiguousArray<Int32> = []
    ) {
        self.base = base
        self.origin = origin
        self.changes = changes
        self.places = places
        self.needs = changes.map { base.needs.union($0.needs) } ?? base.needs
    }

    /// Whether it lies upon the routes of an earlier one.
    var isLayered: Bool { self.changes != nil }

    /// Finds the route of a request.
    ///
    /// A regex that reaches its limit of steps counts as no match.
    ///
    /// - Parameters:
    ///   - query: the request; its bytes may be hostile.
    ///   - scratch: the calling thread's memory.
    ///   - headers: asked for a header by its lower-case name and a test; answers whether any value
    ///     of that header passes the test.
    /// - Returns: the best match; `nil` when no route fits.
    public func match(
        _ query: borrowing RouteQuery,
        scratch: RoutingScratch,
        headers: (UnsafeRawBufferPointer, (UnsafeRawBufferPointer) -> Bool) -> Bool
    ) -> RouteMatch? {
        let query = copy query
        guard let changes = self.changes else {
            guard let found = self.base.match(query, scratch, nil, headers: headers) else {
                return nil
            }
            return RouteMatch(
                routeIndex: Int(self.base.index.entries[Int(found.rank)].routeIndex),
                prefixLength: found.prefixLength
            )
        }
        return self.places.withUnsafeBufferPointer { places in
            Self.better(
                self.base,
                self.base.match(query, scratch, places.baseAddress, headers: headers),
                changes,
                changes.match(query, scratch, nil, headers: headers),
                places
            )
        }
    }

    /// The better one of the matches of two layers.
    private static func better(
        _ base: RoutingLayer,
        _ old: (rank: Int32, prefixLength: Int)?,
        _ changes: RoutingLayer,
        _ new: (rank: Int32, prefixLength: Int)?,
        _ places: UnsafeBufferPointer<Int32>
    ) -> RouteMatch? {
        if let new,
            old.map({ base.index.ranks[Int($0.rank)] < changes.index.ranks[Int(new.rank)] }) ?? true
        {
            return RouteMatch(
                routeIndex: Int(changes.index.entries[Int(new.rank)].routeIndex),
                prefixLength: new.prefixLength
            )
        }
        return old.map { found in
            let place = Int(base.index.entries[Int(found.rank)].routeIndex)
            return RouteMatch(routeIndex: Int(places[place]), prefixLength: found.prefixLength)
        }
    }
}

extension EntityList<Service> {
    /// Keys of the services that are off.
    public var disabled: Set<EntityID> {
        var ids: Set<EntityID> = []
        for place in 0..<self.count where !self[place].enabled { ids.insert(self[place].id) }
        return ids
    }
}
