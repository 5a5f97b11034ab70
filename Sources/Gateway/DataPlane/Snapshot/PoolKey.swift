internal import MeshEntities
internal import MeshPrimitives

/// Which kept connections may serve a request: those to the same address, with the same TLS, that
/// speak the same protocol.
struct PoolKey: Hashable, Sendable {
    let endpoint: Endpoint
    /// `nil` in the clear.
    let tls: TargetTLS?
    let `protocol`: HopProtocol
    /// The PROXY header that connections begin with; such ones serve one request each.
    var proxyHeader: ProxyHeaderVersion?

    /// The same with another server name; `nil` when that is its own, or none that can be sent.
    func named(_ name: String) -> PoolKey? {
        guard let tls = self.tls, tls.serverName != name, name.utf8.count <= 253,
            name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        return PoolKey(
            endpoint: self.endpoint,
            tls: TargetTLS(serverName: name, policy: tls.policy),
            protocol: self.protocol,
            proxyHeader: self.proxyHeader
        )
    }
}

/// What is spoken to a target.
enum HopProtocol: Hashable, Sendable {
    case http1
    /// By ALPN over TLS, by prior knowledge in the clear.
    case http2
}

/// Everything that makes one TLS connection to a target as good as another.
struct TargetTLS: Hashable, Sendable {
    /// Sent as SNI and checked against the certificate: `Host` without its port.
    let serverName: String
    let policy: TargetTLSPolicy
}

/// What a service asks of TLS to its targets.
struct TargetTLSPolicy: Hashable, Sendable {
    /// Certificate that is shown; the service's, else the upstream's.
    let clientCertificate: EntityID?
    /// Whether the target's certificate is checked; `nil` leaves it to the node.
    let verifies: Bool?
    /// Longest chain of certificates.
    let depth: Int?
    /// Authorities, sorted, without repetition.
    let authorities: [EntityID]
}

/// How a service speaks to the targets of its upstream; most upstreams are spoken to in one way.
struct HopIdentity: Hashable, Sendable {
    /// `nil` in the clear.
    let tls: TargetTLSPolicy?
    let `protocol`: HopProtocol
    /// The PROXY header that connections begin with.
    let proxyHeader: ProxyHeaderVersion?

    /// HTTP/1 in the clear.
    static let plain = HopIdentity(tls: nil, protocol: .http1)

    init(tls: TargetTLSPolicy?, protocol: HopProtocol) {
        self.tls = tls
        self.protocol = `protocol`
        self.proxyHeader = nil
    }

    init(_ service: Service, upstream: Upstream?) {
        switch service.protocol {
        case .https, .grpcs, .tls, .wss:
            self.tls = TargetTLSPolicy(
                clientCertificate: service.clientCertificate ?? upstream?.clientCertificate,
                verifies: service.tlsVerify,
                depth: service.tlsVerifyDepth,
                authorities: Set(service.caCertificates).sorted()
            )
        case .http, .grpc, .ws, .tcp, .tlsPassthrough, .udp: self.tls = nil
        }
        switch service.protocol {
        case .grpc, .grpcs: self.protocol = .http2
        case .http, .https, .ws, .wss, .tcp, .tls, .tlsPassthrough, .udp: self.protocol = .http1
        }
        self.proxyHeader = service.proxyHeader ?? upstream?.proxyHeader
    }

    /// `Host` of requests to a target, unless the route preserves the client's.
    func hostHeader(of target: SnapshotTarget) -> String {
        self.tls == nil ? target.hostHeader : target.secureHostHeader
    }

    /// The pool of one target.
    func pool(of target: SnapshotTarget) -> PoolKey {
        PoolKey(
            endpoint: target.endpoint,
            tls: self.tls.map {
                TargetTLS(serverName: Self.name(in: self.hostHeader(of: target)), policy: $0)
            },
            protocol: self.protocol,
            proxyHeader: self.proxyHeader
        )
    }

    /// A `Host` without its port.
    static func name(in host: String) -> String {
        guard let colon = host.lastIndex(of: ":"), !host[colon...].contains("]") else {
            return host
        }
        return String(host[..<colon])
    }
}
