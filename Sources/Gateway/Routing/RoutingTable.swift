public import MeshEntities

/// All routes of a configuration, compiled for matching.
public final class RoutingTable: Sendable {
    /// Compiles the routes; those of disabled services are left out.
    public init(compiling routes: [Route], services: [Service]) throws(RoutingError) {}

    /// Finds the route of a request.
    public func match(
        _ query: borrowing RouteQuery,
        scratch: RoutingScratch,
        headers: (UnsafeRawBufferPointer, (UnsafeRawBufferPointer) -> Bool) -> Bool
    ) -> RouteMatch? { nil }
}
