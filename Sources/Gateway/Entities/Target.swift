/// One address behind an upstream.
public struct Target: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// `host:port`; the port is always there.
    public var target: String
    /// Share of the traffic, 0 to 65,535; 0 takes none.
    public var weight = 100
    /// The upstream it belongs to.
    public var upstream: EntityID
    /// Whether it is used only when no regular target is left.
    public var failover = false
    /// Labels; `region:…` and `zone:…` say where it stands.
    public var tags: [String] = []
    /// Unix seconds of creation, with milliseconds.
    public var createdAt: Double?
    /// Unix seconds of the last change, with milliseconds.
    public var updatedAt: Double?

    /// Creates a target with Kong's defaults.
    ///
    /// - Parameters:
    ///   - id: primary key.
    ///   - target: `host:port`, both present.
    ///   - upstream: the upstream it belongs to.
    ///   - weight: share of the traffic.
    public init(id: EntityID, target: String, upstream: EntityID, weight: Int = 100) {
        self.id = id
        self.target = target
        self.upstream = upstream
        self.weight = weight
    }

    /// The region it stands in, from its tag `region:…`.
    public var region: String? { self.tagged("region:") }

    /// The zone it stands in, from its tag `zone:…`.
    public var zone: String? { self.tagged("zone:") }

    /// The host name or address without port, IPv6 without brackets.
    public var host: String {
        guard let colon = self.target.lastIndex(of: ":") else { return self.target }
        let host = self.target[..<colon]
        return host.hasPrefix("[") && host.hasSuffix("]")
            ? String(host.dropFirst().dropLast()) : String(host)
    }

    /// The port.
    public var port: Int {
        guard let colon = self.target.lastIndex(of: ":") else { return 8_000 }
        return Int(self.target[self.target.index(after: colon)...]) ?? 8_000
    }

    private func tagged(_ prefix: String) -> String? {
        self.tags.first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }
}
