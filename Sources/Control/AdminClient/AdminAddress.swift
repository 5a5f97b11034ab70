/// Where an Admin API listens, read from `http://host:port`, `https://host:port` or `unix:/path`.
public struct AdminAddress: Equatable, Sendable {
    /// How it is reached.
    public enum Place: Equatable, Sendable {
        /// Host name or IP address, IPv6 without brackets, and a port.
        case host(String, port: Int)
        /// A unix socket's path.
        case socket(String)
    }

    /// How it is reached.
    public let place: Place
    /// Whether by TLS.
    public let isSecure: Bool

    /// Reads an address; without a scheme it is `http`, the port is 8001 unless given.
    ///
    /// - Throws: ``AdminClientError/invalidAddress(_:)`` for anything else.
    public init(_ text: String) throws(AdminClientError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard path.hasPrefix("/"), path.utf8.count < 108 else { throw .invalidAddress(text) }
            self.place = .socket(path)
            self.isSecure = false
            return
        }
        var rest = text[...]
        self.isSecure = rest.hasPrefix("https://")
        if rest.hasPrefix("http://") { rest = rest.dropFirst(7) }
        if self.isSecure { rest = rest.dropFirst(8) }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        guard !rest.isEmpty, !rest.contains("/"), !rest.contains("@"), !rest.contains(" ") else {
            throw .invalidAddress(text)
        }
        var port: Substring?
        let host: Substring
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { throw .invalidAddress(text) }
            let after = rest[rest.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw .invalidAddress(text) }
            port = after.isEmpty ? nil : after.dropFirst()
            host = rest[..<end].dropFirst()
        } else if let colon = rest.firstIndex(of: ":") {
            port = rest[rest.index(after: colon)...]
            host = rest[..<colon]
        } else {
            host = rest
        }
        guard !host.isEmpty, let number = UInt16(port ?? "8001"), number > 0 else {
            throw .invalidAddress(text)
        }
        self.place = .host(String(host), port: Int(number))
    }

    /// `host:port` for the Host field, and for people; of a unix socket its path.
    public var authority: String {
        switch self.place {
        case .host(let host, let port):
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .socket(let path): path
        }
    }

    /// Whether what is sent stays on this machine.
    public var isLocal: Bool {
        switch self.place {
        case .socket: true
        case .host(let host, _):
            host == "localhost" || host == "::1"
                || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." })
        }
    }
}
