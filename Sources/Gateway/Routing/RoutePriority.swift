internal import MeshEntities

/// Where one path of a route stands among all; the highest that matches wins.
///
///     63–61  how many kinds of criteria are set (methods, hosts, headers, snis, paths)
///     60     hosts are set and none has a wildcard
///     59–52  how many headers, at most 255
///     51     the path is a regex
///     50–19  regex_priority, 0 for prefixes
///     18–0   bytes of the prefix, 0 for regexes
///
/// Source: Kong 3.x, `kong/router/transform.lua`, `get_priority`.
enum RoutePriority {
    /// The priority of a route with one of its paths, or with none.
    static func value(of route: Route, path: String?) -> UInt64 {
        let kinds = [
            !route.methods.isEmpty, !route.hosts.isEmpty, !route.headers.isEmpty,
            !route.snis.isEmpty, !route.paths.isEmpty,
        ]
        var value = UInt64(kinds.count { $0 }) << 61
        if !route.hosts.isEmpty, !route.hosts.contains(where: { $0.utf8.contains(0x2A) }) {
            value |= 1 << 60
        }
        value |= UInt64(min(route.headers.count, 255)) << 52
        guard let path else { return value }
        if path.utf8.first == RoutePattern.regexMark {
            value |= 1 << 51
            value |= UInt64(UInt32(clamping: route.regexPriority)) << 19
        } else {
            value |= UInt64(min(path.utf8.count, (1 << 19) - 1))
        }
        return value
    }
}
