internal import CPCRE2
public import MeshEntities

/// All routes of a configuration, compiled for matching; immutable, shared by all workers.
///
/// Precedence is that of Kong's router of the same flavour: ``RoutePriority``, then the greater
/// UUID. Every path of a route competes by itself, but for the flavour `traditional`. A route with
/// `path_handling: v1` is treated as `v0`.
///
/// Expressions are compiled too, and found by the hosts and beginnings of paths that they ask for.
///
/// A match reads flat memory only: no allocation, no lock, no reference count. Its cost grows with
/// the length of host and path and with the number of different prefix lengths, not with the number
/// of routes, as long as hosts and paths tell routes apart.
public final class RoutingTable: Sendable {
    nonisolated(unsafe) private let index: RoutingIndex

    /// What queries must show beyond what every query shows.
    public let needs: QueryNeeds

    /// Compiles the routes that HTTP requests can match; those of disabled services are left out.
    ///
    /// - Throws: ``RoutingError`` for the first route that cannot be compiled, in array order.
    public convenience init(
        compiling routes: [Route],
        services: [Service],
        flavor: RouterFlavor = .traditionalCompatible
    ) throws(RoutingError) {
        let disabled = Set(services.filter { !$0.enabled }.map(\.id))
        try self.init(RoutingIndexBuilder(flavor: flavor)) { builder throws(RoutingError) in
            for place in routes.indices {
                let route = routes[place]
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
        let index = self.index
        let query = copy query
        scratch.reserve(index.longestPrefix + 1)
        var search = RoutingIndex.Search(
            prefixHashes: scratch.prefixHashes,
            regexMemory: scratch.regexMemory,
            expressionMemory: scratch.expressionMemory,
            method: index.bit(ofMethod: query.method)
        )
        index.hashPrefixes(of: query.path, into: search.prefixHashes)
        index.find(query, in: &search, headers: headers)
        guard search.rank != .max else { return nil }
        return RouteMatch(
            routeIndex: Int(index.entries[Int(search.rank)].routeIndex),
            prefixLength: search.prefixLength
        )
    }
}
