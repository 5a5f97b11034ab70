internal import MeshEntities

/// Where one path of a route stands among all; the highest that matches wins.
///
/// Of the default flavour, all in ``major``:
///
///     63–61  how many kinds of criteria are set (methods, hosts, headers, snis, paths)
///     60     hosts are set and none has a wildcard
///     59–52  how many headers, at most 255
///     51     the path is a regex
///     50–19  regex_priority, 0 for prefixes
///     18–0   bytes of the prefix, 0 for regexes
///
/// Of an expression: all of 63–56 set, and the route's own priority below.
///
/// Source: Kong 3.x, `kong/router/transform.lua`, `get_priority`.
struct RoutePriority: Comparable {
    let major: UInt64
    let minor: UInt64

    private init(_ major: UInt64, _ minor: UInt64 = 0) {
        self.major = major
        self.minor = minor
    }

    static func < (left: RoutePriority, right: RoutePriority) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }

    /// The priority of a route with one of its paths, or with none.
    static func value(of route: Route, path: String?) -> RoutePriority {
        let kinds = [
            !route.methods.isEmpty, !route.hosts.isEmpty, !route.headers.isEmpty,
            !route.snis.isEmpty, !route.paths.isEmpty,
        ]
        var value = UInt64(kinds.count { $0 }) << 61
        if !route.hosts.isEmpty, !route.hosts.contains(where: { $0.utf8.contains(0x2A) }) {
            value |= 1 << 60
        }
        value |= UInt64(min(route.headers.count, 255)) << 52
        guard let path else { return RoutePriority(value) }
        if path.utf8.first == RoutePattern.regexMark {
            value |= 1 << 51
            value |= UInt64(UInt32(clamping: route.regexPriority)) << 19
        } else {
            value |= UInt64(min(path.utf8.count, (1 << 19) - 1))
        }
        return RoutePriority(value)
    }

    /// The priority of a route that is written as an expression: above all that are not.
    static func value(ofExpression route: Route) -> RoutePriority {
        RoutePriority(0xFF << 56 | UInt64(clamping: route.priority ?? 0))
    }

    /// The priority of a whole route in the flavour `traditional`.
    ///
    ///     major  63–61  how many kinds of criteria are set
    ///            60–54  which: hosts, headers, paths, methods, snis, sources, destinations
    ///            53–51  a wildcard host with a port, plain hosts only, a regex path
    ///            50–43  how many headers, at most 255
    ///            42–11  regex_priority when there is a regex path
    ///     minor  63–48  bytes of the longest prefix
    ///            47–0   seconds of creation, the older the higher
    ///
    /// Source: Kong 3.x, `kong/router/traditional.lua`.
    static func traditional(of route: Route) -> RoutePriority {
        let isWild = { (host: String) in host.utf8.contains(0x2A) }
        let kinds = [
            !route.hosts.isEmpty, !route.headers.isEmpty, !route.paths.isEmpty,
            !route.methods.isEmpty, !route.snis.isEmpty, !route.sources.isEmpty,
            !route.destinations.isEmpty,
        ]
        let hasRegex = route.paths.contains { $0.utf8.first == RoutePattern.regexMark }
        let hosts = [
            route.hosts.contains { isWild($0) && NamePattern($0).port != nil },
            !route.hosts.isEmpty && !route.hosts.contains(where: isWild), hasRegex,
        ]
        var major = UInt64(kinds.count { $0 }) << 61 | Self.bits(kinds) << 54
        major |= Self.bits(hosts) << 51 | UInt64(min(route.headers.count, 255)) << 43
        if hasRegex { major |= UInt64(UInt32(clamping: route.regexPriority)) << 11 }
        let lengths = route.paths.filter { $0.utf8.first != RoutePattern.regexMark }
            .map(\.utf8.count)
        let age = (1 << 48) - 1 - min(max(route.createdAt ?? 0, 0), (1 << 48) - 1)
        return RoutePriority(major, UInt64(min(lengths.max() ?? 0, 65_535)) << 48 | UInt64(age))
    }

    private static func bits(_ flags: [Bool]) -> UInt64 {
        flags.reduce(0) { $0 << 1 | ($1 ? 1 : 0) }
    }
}
