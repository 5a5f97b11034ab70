/// What the regexes of a route capture of a path: `$(uri_captures.name)`, `$(uri_captures[1])`.
public final class RouteCaptures: Sendable {
    private let patterns: [PluginPattern]

    /// Compiles the regexes among a route's paths, in order.
    public init(paths: [String]) {
        self.patterns = paths.filter { $0.hasPrefix("~") }.compactMap { path in
            PluginPattern(String(path.dropFirst()), anchored: .start)
        }
    }

    /// What the first regex that matches captures under a name or number.
    public func value(_ key: String, of path: UnsafeRawBufferPointer) -> [UInt8]? {
        for pattern in self.patterns {
            guard let captures = pattern.captures(key, of: path) else { continue }
            return captures.value
        }
        return nil
    }
}
