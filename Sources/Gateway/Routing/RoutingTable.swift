internal import CPCRE2
public import MeshEntities

/// All routes of a configuration, compiled for matching; immutable, shared by all workers.
///
/// Precedence is that of Kong's `traditional_compatible` router: ``RoutePriority``, then the
/// greater UUID. Every path of a route competes by itself. A route with `path_handling: v1` is
/// treated as `v0`, as that router does.
///
/// A match reads flat memory only: no allocation, no lock, no reference count. Its cost grows with
/// the length of host and path and with the number of different prefix lengths, not with the number
/// of routes, as long as hosts and paths tell routes apart.
public final class RoutingTable: Sendable {
    nonisolated(unsafe) private let index: RoutingIndex

    /// Compiles the routes that HTTP requests can match; those of disabled services are left out.
    ///
    /// - Throws: ``RoutingError`` for the first route that cannot be compiled, in array order.
    public init(compiling routes: [Route], services: [Service]) throws(RoutingError) {
        let disabled = Set(services.filter { !$0.enabled }.map(\.id))
        var builder = RoutingIndexBuilder()
        do {
            for place in routes.indices {
                let route = routes[place]
                if let service = route.service, disabled.contains(service) { continue }
                guard route.protocols.contains(where: { !$0.isStream }) else { continue }
                try builder.add(route, at: place)
            }
        } catch {
            for code in builder.regexes { pcre2_code_free_8(code) }
            throw error
        }
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
