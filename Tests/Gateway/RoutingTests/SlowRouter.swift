import MeshEntities
import MeshRouting

/// Kong's rules word by word, as slow and obvious as they can be written.
struct SlowRouter {
    /// One path of one route.
    struct Candidate {
        let routeIndex: Int
        let route: Route
        let path: String?
        let order: Int
        let regex: Regex<AnyRegexOutput>?
    }

    let candidates: [Candidate]

    init(_ routes: [Route], services: [Service]) throws {
        let disabled = services.filter { !$0.enabled }.map(\.id)
        var candidates: [Candidate] = []
        for (index, route) in routes.enumerated() {
            if let service = route.service, disabled.contains(service) { continue }
            for path in route.paths.isEmpty ? [nil] : route.paths.map(Optional.some) {
                let regex = try path.flatMap { path in
                    path.hasPrefix("~") ? try Regex(String(path.dropFirst())) : nil
                }
                candidates.append(
                    Candidate(
                        routeIndex: index,
                        route: route,
                        path: path,
                        order: candidates.count,
                        regex: regex
                    )
                )
            }
        }
        self.candidates = candidates.sorted { Self.precedes($0, $1) }
    }

    func match(_ probe: RoutingProbe) -> RouteMatch? {
        for candidate in self.candidates {
            guard let length = Self.length(candidate, probe) else { continue }
            return RouteMatch(routeIndex: candidate.routeIndex, prefixLength: length)
        }
        return nil
    }

    private static func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
        let keys: [(Candidate) -> Int] = [
            { candidate in
                let route = candidate.route
                return (route.methods.isEmpty ? 0 : 1) + (route.hosts.isEmpty ? 0 : 1)
                    + (route.headers.isEmpty ? 0 : 1) + (route.snis.isEmpty ? 0 : 1)
                    + (route.paths.isEmpty ? 0 : 1)
            },
            { candidate in
                let hosts = candidate.route.hosts
                return !hosts.isEmpty && hosts.allSatisfy { !$0.contains("*") } ? 1 : 0
            },
            { $0.route.headers.count },
            { $0.regex == nil ? 0 : 1 },
            { $0.regex == nil ? 0 : $0.route.regexPriority },
            { $0.regex == nil ? $0.path?.utf8.count ?? 0 : 0 },
        ]
        for key in keys where key(left) != key(right) { return key(left) > key(right) }
        if left.route.id != right.route.id { return left.route.id > right.route.id }
        return left.order < right.order
    }

    private static func length(_ candidate: Candidate, _ probe: RoutingProbe) -> Int? {
        let route = candidate.route
        guard route.methods.isEmpty || route.methods.contains(probe.method),
            route.hosts.isEmpty || route.hosts.contains(where: { Self.fits($0, probe) }),
            route.headers.allSatisfy({ header in
                probe.headers.contains { given in
                    given.name == header.name
                        && header.values.contains { $0.lowercased() == given.value.lowercased() }
                }
            }),
            route.snis.isEmpty || probe.serverName.map({ route.snis.contains($0) }) ?? true
        else { return nil }
        guard let path = candidate.path else { return 0 }
        if let regex = candidate.regex {
            return (try? regex.prefixMatch(in: probe.path)).flatMap { match in
                match.map { probe.path[$0.range].utf8.count }
            }
        }
        return probe.path.hasPrefix(path) ? path.utf8.count : nil
    }

    private static func fits(_ host: String, _ probe: RoutingProbe) -> Bool {
        let parts = host.split(separator: ":").map(String.init)
        if parts.count == 2, UInt16(parts[1]) != probe.port { return false }
        let name = parts[0]
        if name.hasPrefix("*") { return probe.host.hasSuffix(String(name.dropFirst())) }
        if name.hasSuffix("*") { return probe.host.hasPrefix(String(name.dropLast())) }
        return probe.host == name
    }
}
