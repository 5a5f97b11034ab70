public import MeshPrimitives

/// Who the client is when the peer is a trusted proxy in front.
///
/// Source: nginx, `ngx_http_realip_module` and `ngx_http_get_forwarded_addr`; Kong 3.x,
/// `real_ip_header` and `real_ip_recursive`.
public struct RealAddress: Sendable {
    /// Where the client's address is said.
    public enum Source: Equatable, Sendable {
        /// In `X-Real-IP`, Kong's default.
        case xRealIP
        /// In `X-Forwarded-For`, whose last address the nearest proxy added.
        case xForwardedFor
        /// In the header of the PROXY protocol.
        case proxyProtocol
    }

    /// Where the client's address is said.
    public var source: Source
    /// Whether trusted addresses in the list are passed over until one that is not.
    public var isRecursive: Bool
    /// Whose word is believed.
    public var trusted: TrustedAddresses

    /// Creates the rule; by default nobody is believed, as in Kong.
    public init(
        source: Source = .xRealIP,
        isRecursive: Bool = false,
        trusted: TrustedAddresses = TrustedAddresses()
    ) {
        self.source = source
        self.isRecursive = isRecursive
        self.trusted = trusted
    }

    /// The client of a request; `nil` when it is the peer itself.
    ///
    /// - Parameters:
    ///   - peer: the other end of the connection.
    ///   - proxied: what a PROXY header on this connection said, if one came.
    ///   - head: the request.
    ///   - fields: the request's fields.
    ///   - bytes: what the head was read from.
    /// - Returns: the address, and a port that is 0 unless one was said.
    public func find(
        peer: IPAddress,
        proxied: Endpoint? = nil,
        _ head: RequestHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer
    ) -> Endpoint? {
        guard self.trusted.contains(peer) else { return nil }
        switch self.source {
        case .proxyProtocol: return proxied
        case .xRealIP:
            guard head.kinds.has(.xRealIP) else { return nil }
            for index in 0..<head.fieldCount where fields[index].kind == .xRealIP {
                var found: Endpoint?
                _ = self.walk(fields[index].value, of: bytes, &found)
                return found
            }
            return nil
        case .xForwardedFor:
            guard head.kinds.has(.xForwardedFor) else { return nil }
            var found: Endpoint?
            for index in stride(from: head.fieldCount - 1, through: 0, by: -1)
            where fields[index].kind == .xForwardedFor {
                guard self.walk(fields[index].value, of: bytes, &found) else { break }
            }
            return found
        }
    }

    /// Takes addresses from the end of a list; `false` when the client is certain.
    private func walk(
        _ value: ByteRange,
        of bytes: UnsafeRawBufferPointer,
        _ found: inout Endpoint?
    ) -> Bool {
        let octets = OctetView(bytes)
        var end = value.end
        while true {
            while end > value.start, Self.isSeparator(octets[end - 1]) { end -= 1 }
            guard end > value.start else { return true }
            var start = end
            while start > value.start, !Self.isSeparator(octets[start - 1]) { start -= 1 }
            let text = ByteRange(start: start, count: end - start)
            guard let client = Self.endpoint(text.bytes(of: bytes)) else { return false }
            found = client
            guard self.isRecursive, self.trusted.contains(client.address) else { return false }
            end = start
        }
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == Octet.space || byte == Octet.comma || byte == Octet.tab
    }

    /// Reads `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
    public static func endpoint(_ text: UnsafeRawBufferPointer) -> Endpoint? {
        if let address = IPAddress(ascii: text) { return Endpoint(address: address, port: 0) }
        let octets = OctetView(text)
        guard octets.count > 2 else { return nil }
        var addressEnd = octets.firstIndex(of: Octet.colon, from: 0, to: octets.count)
        var rest = addressEnd
        var start = 0
        if octets[0] == UInt8(ascii: "[") {
            start = 1
            addressEnd = octets.firstIndex(of: UInt8(ascii: "]"), from: 1, to: octets.count)
            rest = addressEnd + 1
        }
        guard addressEnd < octets.count,
            let address = IPAddress(
                ascii: UnsafeRawBufferPointer(rebasing: text[start..<addressEnd])
            ),
            address.isV4 == (start == 0)
        else { return nil }
        if rest == octets.count, start == 1 { return Endpoint(address: address, port: 0) }
        guard rest < octets.count, octets[rest] == Octet.colon else { return nil }
        let digits = ByteRange(start: rest + 1, count: octets.count - rest - 1)
        guard digits.count <= 5, let port = octets.decimal(digits).flatMap({ UInt16(exactly: $0) })
        else { return nil }
        return Endpoint(address: address, port: port)
    }
}
