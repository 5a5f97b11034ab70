internal import MeshEntities

/// What loads but never works, or works until the first target dies.
struct ConfigurationLint {
    private let configuration: GatewayConfiguration
    private let places: EntityPlaces
    private(set) var hints: [Finding] = []

    init(_ configuration: GatewayConfiguration, _ places: EntityPlaces) {
        self.configuration = configuration
        self.places = places
    }

    /// Everything worth a hint, services first.
    static func hints(
        _ configuration: GatewayConfiguration,
        _ places: EntityPlaces
    ) -> [Finding] {
        var lint = ConfigurationLint(configuration, places)
        lint.checkServices()
        lint.checkUpstreams()
        return lint.hints + ShadowedRoutes.hints(configuration, places)
    }

    private mutating func checkServices() {
        let attached = self.configuration.routes.filter { $0.service != nil }
        let routes = Dictionary(grouping: attached) { $0.service ?? $0.id }
        for (index, service) in self.configuration.services.enumerated() {
            guard let own = routes[service.id] else {
                self.hint(.services, index, FieldPath.entityField, "no route leads to this service")
                continue
            }
            if !service.enabled {
                let message = "the service is off: requests for its routes get 404"
                self.hint(.services, index, "enabled", message)
            }
            self.checkRetries(of: service, index, own)
        }
    }

    private mutating func checkRetries(of service: Service, _ index: Int, _ routes: [Route]) {
        let methods = Set(routes.flatMap(\.methods))
        guard service.retries > 0, routes.allSatisfy({ !$0.methods.isEmpty }),
            methods.isSubset(of: ["POST", "PATCH"])
        else { return }
        self.hint(
            .services,
            index,
            "retries",
            "'retries' helps \(methods.sorted().joined(separator: " and ")) only where no connection "
                + "comes about: what a target may have done is not asked of another"
        )
    }

    private mutating func checkUpstreams() {
        let hosts = Set(self.configuration.services.map(\.host))
        let targets = Dictionary(grouping: self.configuration.targets, by: \.upstream)
        for (index, upstream) in self.configuration.upstreams.enumerated() {
            let own = targets[upstream.id] ?? []
            if !hosts.contains(upstream.name) {
                let message = "no service has '\(upstream.name)' for its host"
                self.hint(.upstreams, index, "name", message)
            }
            if own.isEmpty {
                let message = "without targets every request gets 503"
                self.hint(.upstreams, index, FieldPath.entityField, message)
            } else if own.allSatisfy({ $0.weight == 0 }) {
                let message = "all targets have weight 0: every request gets 503"
                self.hint(.upstreams, index, FieldPath.entityField, message)
            }
            self.checkHealth(of: upstream, index, hasChoice: own.count > 1)
        }
    }

    private mutating func checkHealth(of upstream: Upstream, _ index: Int, hasChoice: Bool) {
        let active = upstream.healthchecks.active
        let passive = upstream.healthchecks.passive
        let probes = active.healthy.interval > 0 || active.unhealthy.interval > 0
        let counts = [
            active.healthy.successes, active.unhealthy.httpFailures,
            active.unhealthy.tcpFailures, active.unhealthy.timeouts,
        ]
        let passiveCounts = [
            passive.unhealthy.httpFailures, passive.unhealthy.tcpFailures,
            passive.unhealthy.timeouts,
        ]
        if !probes, counts.contains(where: { $0 > 0 }) {
            let message = "no probe is ever sent: 'interval' is 0 for healthy and unhealthy targets"
            self.hint(.upstreams, index, "healthchecks.active", message)
        } else if hasChoice, !probes, passiveCounts.allSatisfy({ $0 == 0 }) {
            let message = "no health check: a target that is down keeps its share of the requests"
            self.hint(.upstreams, index, "healthchecks", message)
        }
    }

    private mutating func hint(
        _ kind: EntityKind,
        _ index: Int,
        _ field: String,
        _ message: String
    ) {
        let path = field.split(separator: ".")
        self.hints.append(self.places.finding(kind, index, path: path, message))
    }
}

/// Paths of routes that never get a request, since another route takes all of them.
enum ShadowedRoutes {
    /// Most regexes of equal criteria that are held against prefixes.
    private static let limit = 100

    /// What routes have in common that only their paths tell apart.
    private struct Criteria: Hashable {
        let fields: [String]

        init(_ route: Route) {
            let headers = route.headers.map { "\($0.name): \($0.values.sorted())" }
            self.fields = [route.methods, route.hosts, headers, route.snis].map {
                $0.sorted().joined(separator: "\n")
            }
        }
    }

    /// One hint for each path that never gets a request.
    static func hints(_ configuration: GatewayConfiguration, _ places: EntityPlaces) -> [Finding] {
        let routes = configuration.routes
        let off = Set(configuration.services.filter { !$0.enabled }.map(\.id))
        let indexes = routes.indices.filter { index in
            let route = routes[index]
            let isOff = route.service.map { off.contains($0) } ?? false
            return !route.paths.isEmpty && route.expression == nil && !isOff
        }
        let groups = Dictionary(grouping: indexes) { Criteria(routes[$0]) }
        return groups.values.flatMap {
            Self.hints(in: $0, routes, places) + Self.repeats(in: $0, routes, places)
        }
        .sorted { ($0.line ?? 0, $0.column ?? 0) < ($1.line ?? 0, $1.column ?? 0) }
    }

    /// Paths that another route of the same criteria has, too.
    private static func repeats(
        in group: [Int],
        _ routes: EntityList<Route>,
        _ places: EntityPlaces
    ) -> [Finding] {
        var winners: [String: Int] = [:]
        for index in group {
            for path in Set(routes[index].paths) {
                guard let other = winners[path],
                    Self.rank(routes[other], path) > Self.rank(routes[index], path)
                else {
                    winners[path] = index
                    continue
                }
            }
        }
        return group.flatMap { index in
            routes[index].paths.compactMap { path -> Finding? in
                guard let place = winners[path], place != index else { return nil }
                let winner = routes[place]
                // Whole routes are told of when they are read.
                let isTold =
                    Set(winner.paths) == Set(routes[index].paths)
                    && winner.service != routes[index].service
                guard !isTold else { return nil }
                let name = winner.name ?? winner.id.description
                let isPrior =
                    Self.rank(winner, path).priority > Self.rank(routes[index], path).priority
                let reason =
                    isPrior
                    ? "its regex_priority is higher"
                    : "of equal routes the one with the greater id wins"
                return places.finding(
                    .routes,
                    index,
                    "paths",
                    "'\(path)' never gets a request: route '\(name)' has it, too, and \(reason)"
                )
            }
        }
    }

    /// What decides between routes of the same criteria and path.
    private static func rank(_ route: Route, _ path: String) -> (priority: Int, id: EntityID) {
        (path.hasPrefix("~") ? route.regexPriority : 0, route.id)
    }

    private static func hints(
        in group: [Int],
        _ routes: EntityList<Route>,
        _ places: EntityPlaces
    ) -> [Finding] {
        var greedy: [(index: Int, prefix: String)] = []
        for index in group {
            for path in routes[index].paths {
                if let prefix = Self.taken(by: path) { greedy.append((index, prefix)) }
            }
        }
        guard !greedy.isEmpty, greedy.count <= Self.limit else { return [] }
        return group.flatMap { index in
            routes[index].paths.filter { !$0.hasPrefix("~") }.compactMap { path -> Finding? in
                let winner = greedy.first { $0.index != index && path.hasPrefix($0.prefix) }
                guard let winner else { return nil }
                let name = routes[winner.index].name ?? routes[winner.index].id.description
                return places.finding(
                    .routes,
                    index,
                    "paths",
                    "'\(path)' never gets a request: a regex of route '\(name)' takes them all, "
                        + "since regexes go before prefixes"
                )
            }
        }
    }

    /// The beginning of which a regex takes every path; `nil` for one that is choosier.
    private static func taken(by path: String) -> String? {
        guard path.hasPrefix("~") else { return nil }
        var pattern = path.dropFirst()
        if pattern.hasPrefix("^") { pattern = pattern.dropFirst() }
        if pattern.hasSuffix("$") { pattern = pattern.dropLast() }
        for rest in ["(.*)", ".*"] where pattern.hasSuffix(rest) {
            let prefix = pattern.dropLast(rest.count)
            let isPlain = !prefix.utf8.contains { "\\^$.|?*+()[]{}".utf8.contains($0) }
            return isPlain ? String(prefix) : nil
        }
        return nil
    }
}
