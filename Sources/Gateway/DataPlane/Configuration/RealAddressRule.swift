public import MeshPrimitives

/// Which peers may say who the client is, and where they say it.
public struct RealAddressRule: Equatable, Sendable {
    /// Where a trusted peer tells the client's address.
    public enum Source: String, CaseIterable, Sendable {
        /// The field `X-Real-IP`.
        case realIP = "X-Real-IP"
        /// The field `X-Forwarded-For`.
        case forwardedFor = "X-Forwarded-For"
        /// The PROXY protocol head, on listeners that have it.
        case proxyProtocol = "proxy_protocol"
    }

    /// Peers that are believed.
    ///
    /// `proxy.trusted_ips`; default none: forwarding fields of clients are replaced.
    public var trusted: [AddressBlock] = []

    /// Where they tell the client's address.
    ///
    /// `proxy.real_ip_header`; default `X-Real-IP`, as Kong.
    public var source = Source.realIP

    /// Whether the last address in ``source`` that is not trusted counts, instead of the last.
    ///
    /// `proxy.real_ip_recursive`; default off, as Kong.
    public var isRecursive = false

    /// Creates Kong's defaults.
    public init() {}

    /// Whether a peer is believed.
    public func trusts(_ address: IPAddress) -> Bool {
        self.trusted.contains { $0.contains(address) }
    }
}
