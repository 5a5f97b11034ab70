/// Version of the PROXY protocol whose header connections to targets begin with.
///
/// Kong has no field for it; the tag `proxy_protocol:v1` or `proxy_protocol:v2` of a service says so,
/// or else that of its upstream, whose health checks then begin with it, too.
public enum ProxyHeaderVersion: String, CaseIterable, Hashable, Sendable {
    /// A line of text.
    case v1
    /// Binary.
    case v2

    /// Finds the tag among a service's or an upstream's; `nil` without one.
    init?(tags: [String]) {
        let found = Self.allCases.first { tags.contains("proxy_protocol:\($0.rawValue)") }
        guard let found else { return nil }
        self = found
    }
}

extension Service {
    /// The PROXY header that connections to its targets begin with.
    public var proxyHeader: ProxyHeaderVersion? { ProxyHeaderVersion(tags: self.tags) }
}

extension Upstream {
    /// The PROXY header that connections to its targets begin with, unless a service says otherwise.
    public var proxyHeader: ProxyHeaderVersion? { ProxyHeaderVersion(tags: self.tags) }
}
