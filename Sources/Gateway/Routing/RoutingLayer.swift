internal import CPCRE2
internal import MeshEntities

/// Routes laid out for matching; shared by all tables that have them.
final class RoutingLayer: Sendable {
    nonisolated(unsafe) let index: RoutingIndex
    let needs: QueryNeeds

    /// A route and its place among all routes.
    typealias PlacedRoute = (offset: Int, element: Route)

    /// Compiles the routes that HTTP requests can match; those of disabled services are left out.
    ///
    /// - Throws: ``RoutingError`` for the first route that cannot be compiled.
    convenience init(
        _ routes: some Sequence<PlacedRoute>,
        disabled: Set<EntityID>,
        flavor: RouterFlavor
    ) throws(RoutingError) {
        try self.init(RoutingIndexBuilder(flavor: flavor)) { builder throws(RoutingError) in
            for (place, route) in routes {
                if let service = route.service, disabled.contains(service) { continue }
                guard route.protocols.contains(where: { !$0.isStream }) else { continue }
                guard let expression = route.expression else {
                    try builder.add(route, at: place)
                    continue
                }
                guard flavor == .expressions else {
                    let label = route.name ?? route.id.description
                    throw .expressionNotRead(route: label, flavor: flavor)
                }
                try builder.add(expression: expression, of: route, at: place)
            }
        }
    }

    /// Compiles what `fill` adds.
    init(
        _ builder: consuming RoutingIndexBuilder,
        _ fill: (inout RoutingIndexBuilder) throws(RoutingError) -> Void
    ) throws(RoutingError) {
        do {
            try fill(&builder)
        } catch {
            builder.free()
            throw error
        }
        self.needs = builder.needs
        self.index = builder.build()
    }

    deinit {
        for code in self.index.regexes { pcre2_code_free_8(code) }
        self.index.deallocate()
    }

    /// The best match; `places` are those of ``RoutingIndex/Search``.
    ///
    /// - Returns: the rank of an entry, and the bytes of the path that it matched.
    func match(
        _ query: RouteQuery,
        _ scratch: RoutingScratch,
        _ places: UnsafePointer<Int32>?,
        headers: HeaderTest
    ) -> (rank: Int32, prefixLength: Int)? {
        let index = self.index
        scratch.reserve(index.longestPrefix + 1)
        var search = RoutingIndex.Search(
            prefixHashes: scratch.prefixHashes,
            regexMemory: scratch.regexMemory,
            expressionMemory: scratch.expressionMemory,
            places: places,
            method: index.bit(ofMethod: query.method)
        )
        index.hashPrefixes(of: query.path, into: search.prefixHashes)
        index.find(query, in: &search, headers: headers)
        return search.rank == .max ? nil : (search.rank, search.prefixLength)
    }
}
