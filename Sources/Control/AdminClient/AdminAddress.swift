/// Where an Admin API listens, read from `http://host:port`.
public struct AdminAddress: Equatable, Sendable {
    /// Host name or IP address, IPv6 without brackets.
    public let host: String
    /// The port.
    public let port: Int

    /// Reads an address; the scheme may be left out, the port is 8001 unless given.
    ///
    /// - Throws: ``AdminClientError/invalidAddress(_:)`` for anything else, `https` included.
    public init(_ text: String) throws(AdminClientError) {
        var rest = text[...]
        if rest.hasPrefix("http://") { rest = rest.dropFirst(7) }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        guard !rest.isEmpty, !rest.contains("/"), !rest.contains("@"), !rest.contains(" ") else {
            throw .invalidAddress(text)
        }
        var port: Substring?
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { throw .invalidAddress(text) }
            let after = rest[rest.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw .invalidAddress(text) }
            port = after.isEmpty ? nil : after.dropFirst()
            self.host = String(rest[..<end].dropFirst())
        } else if let colon = rest.firstIndex(of: ":") {
            port = rest[rest.index(after: colon)...]
            self.host = String(rest[..<colon])
        } else {
            self.host = String(rest)
        }
        guard !self.host.isEmpty, let number = UInt16(port ?? "8001"), number > 0 else {
            throw .invalidAddress(text)
        }
        self.port = Int(number)
    }

    /// `host:port` for the Host field.
    public var authority: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}
