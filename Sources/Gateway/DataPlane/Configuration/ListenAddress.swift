public import MeshPrimitives

/// An address to listen on, as `0.0.0.0:8000` or `0.0.0.0:8000 proxy_protocol`.
///
/// Kong's `reuseport` is taken and changes nothing: every worker has its own socket anyway.
public struct ListenAddress: Hashable, Sendable {
    /// Address and port.
    public var endpoint: Endpoint
    /// Whether every connection begins with a PROXY protocol head, version 1 or 2.
    ///
    /// Without one the connection is closed; only `realAddress.trusted` peers are believed.
    public var isProxyProtocol: Bool

    /// Creates an address.
    public init(_ endpoint: Endpoint, isProxyProtocol: Bool = false) {
        self.endpoint = endpoint
        self.isProxyProtocol = isProxyProtocol
    }

    /// Reads an address with its flags; `nil` for anything else.
    public init?(_ text: String) {
        guard let entry = ListenEntry(text), entry.flags.isSubset(of: ["proxy_protocol"]) else {
            return nil
        }
        self.init(entry.endpoint, isProxyProtocol: entry.flags.contains("proxy_protocol"))
    }
}

extension ListenAddress: CustomStringConvertible {
    /// The form it is read from.
    public var description: String {
        "\(self.endpoint)" + (self.isProxyProtocol ? " proxy_protocol" : "")
    }
}

/// An address for stream routes, in the form of Kong's `stream_listen`.
///
///     0.0.0.0:9000                   TCP; routes of tcp
///     0.0.0.0:9443 ssl               TLS; routes of tls, and of tls_passthrough by server name
///     0.0.0.0:9053 udp               datagrams; routes of udp
///     0.0.0.0:9000 proxy_protocol    TCP or TLS with a PROXY protocol head
public struct StreamListener: Hashable, Sendable {
    /// What arrives at it.
    public enum Kind: Hashable, Sendable {
        /// Bytes.
        case tcp
        /// TLS that ends here or is passed through, as the route says.
        case tls
        /// Datagrams.
        case udp
    }

    /// Address, port, and whether a PROXY protocol head comes first; never with datagrams.
    public var address: ListenAddress
    /// What arrives at it.
    public var kind: Kind

    /// Creates a listener.
    public init(_ address: ListenAddress, kind: Kind) {
        self.address = address
        self.kind = kind
    }

    /// Reads a listener with its flags; `nil` for anything else.
    public init?(_ text: String) {
        guard let entry = ListenEntry(text),
            entry.flags.isSubset(of: ["proxy_protocol", "ssl", "udp"])
        else { return nil }
        let isDatagram = entry.flags.contains("udp")
        guard !isDatagram || entry.flags.count == 1 else { return nil }
        self.address = ListenAddress(
            entry.endpoint,
            isProxyProtocol: entry.flags.contains("proxy_protocol")
        )
        self.kind = isDatagram ? .udp : entry.flags.contains("ssl") ? .tls : .tcp
    }
}

extension StreamListener: CustomStringConvertible {
    /// The form it is read from.
    public var description: String {
        switch self.kind {
        case .tcp: "\(self.address)"
        case .tls:
            "\(self.address.endpoint) ssl"
                + (self.address.isProxyProtocol ? " proxy_protocol" : "")
        case .udp: "\(self.address) udp"
        }
    }
}

/// An address and the words after it, apart.
private struct ListenEntry {
    let endpoint: Endpoint
    /// The words, each once, without `reuseport`.
    let flags: Set<String>

    init?(_ text: String) {
        let words = text.split(separator: " ")
        guard let first = words.first, let endpoint = Endpoint(String(first)) else { return nil }
        let flags = Set(words.dropFirst().map(String.init))
        guard flags.count == words.count - 1 else { return nil }
        self.endpoint = endpoint
        self.flags = flags.subtracting(["reuseport"])
    }
}
