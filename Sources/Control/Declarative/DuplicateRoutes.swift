internal import MeshEntities

/// Routes that match the same requests, of which only one gets them.
enum DuplicateRoutes {
    /// What a route matches by, in one form for equal meanings.
    private struct Matchers: Hashable {
        let fields: [String]

        init(_ route: Route) {
            let peers = { (peers: [Route.Peer]) in
                peers.map { "\($0.ip ?? "") \($0.port.map(String.init) ?? "")" }
            }
            let sets = [
                route.protocols.filter(\.isStream).map(\.rawValue), route.methods,
                route.hosts.map { $0.lowercased() }, route.paths,
                route.headers.map { "\($0.name): \($0.values.sorted())" },
                route.snis.map { $0.lowercased() }, peers(route.sources),
                peers(route.destinations), [String(route.regexPriority)],
                [route.expression ?? "", String(route.priority ?? 0)],
            ]
            self.fields = sets.map { Set($0).sorted().joined(separator: "\n") }
        }
    }

    /// One warning for each route that never gets a request because another matches the same.
    static func warnings(_ routes: EntityList<Route>, _ places: EntityPlaces) -> [Finding] {
        var best: [Matchers: Int] = [:]
        let matchers = routes.map(Matchers.init)
        for index in routes.indices {
            guard let other = best[matchers[index]], routes[other].id > routes[index].id else {
                best[matchers[index]] = index
                continue
            }
        }
        return routes.indices.compactMap { index in
            guard let winner = best[matchers[index]], winner != index,
                routes[winner].service != routes[index].service
            else { return nil }
            let name = routes[winner].name ?? routes[winner].id.description
            return places.finding(
                .routes,
                index,
                FieldPath.entityField,
                "matches the same requests as route '\(name)', which gets them all: "
                    + "of equal routes the one with the greater id wins"
            )
        }
    }
}
