import MeshHTTP

/// Directives of `Cache-Control` (RFC 9111 section 5.2).
struct CacheControl {
    private var names: Set<String> = []
    private var seconds: [String: Int64] = [:]

    /// Reads a field's value.
    init(_ value: [UInt8]) {
        for part in String(decoding: value, as: UTF8.self).lowercased().split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1)
                .map { $0.filter { $0 != " " && $0 != "\"" } }
            guard let name = sides.first else { continue }
            self.names.insert(name)
            if sides.count > 1, let number = Int64(sides[1]) { self.seconds[name] = number }
        }
    }

    /// Reads a request's; nothing where it is not obeyed.
    init(_ request: PluginRequest, obeyed: Bool) {
        var bytes: [UInt8] = []
        if obeyed { request.eachValue("cache-control") { bytes += Array($0) + [0x2C] } }
        self.init(bytes)
    }

    /// Whether nothing may be kept or given.
    var forbids: Bool { !self.names.isDisjoint(with: ["no-store", "no-cache", "private"]) }

    var isPublic: Bool { self.names.contains("public") }

    var onlyIfCached: Bool { self.names.contains("only-if-cached") }

    /// For how many seconds an answer is fresh.
    var lifetime: Int64? { self.seconds["s-maxage"] ?? self.seconds["max-age"] }

    /// Whether a client takes an answer of an age.
    func accepts(age: Int64, of freshness: Int64) -> Bool {
        if let most = self.seconds["max-age"], age > most { return false }
        if let spare = self.seconds["min-fresh"], freshness - age < spare { return false }
        return age - freshness <= (self.seconds["max-stale"] ?? 0)
    }
}
