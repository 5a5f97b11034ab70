public import MeshPrimitives

/// The header by which a proxy in front says whose connection it passes on.
///
/// Source: HAProxy, "The PROXY protocol, versions 1 & 2" (proxy-protocol.txt, 2020/03/05).
public enum ProxyProtocol {
    /// What the first bytes of a connection are.
    public enum Parse: Equatable, Sendable {
        /// Too few bytes to tell; call again with more, from the first byte.
        case incomplete
        /// No header, or a broken one: close the connection without an answer (section 2.2).
        case invalid
        /// A whole header.
        case found(Header)
    }

    /// What a header says.
    public struct Header: Equatable, Sendable {
        /// Who opened the connection; `nil` when ``isLocal``.
        public let source: Endpoint?
        /// Whom it was opened to; `nil` when ``isLocal``.
        public let destination: Endpoint?
        /// How many bytes belong to the header.
        public let consumed: Int
        /// Whether the connection is the sender's own (a health check), or from something without
        /// an IP address: the real endpoints of the connection count.
        public var isLocal: Bool { self.source == nil }
    }

    /// Longest header of version 1 with its CRLF (section 2.1).
    public static let textByteCount = 107
    /// Longest header of version 2 that is taken: 4 KiB, as nginx; a larger one is invalid.
    public static let binaryByteCount = 4_096

    /// `CR LF CR LF NUL CR LF Q U I T LF`, then version 2 in the high bits (section 2.2).
    static let signature: StaticString = "\r\n\r\n\0\r\nQUIT\n"

    /// Reads a header of either version at the start of `bytes`.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> Parse {
        let octets = OctetView(bytes)
        if Self.begins(octets, with: "PROXY ") {
            return octets.count < 6 ? .incomplete : Self.parseText(octets, bytes)
        }
        guard Self.begins(octets, with: Self.signature) else { return .invalid }
        return ProxyBinaryHeader.parse(octets)
    }

    /// Whether there is nothing yet that differs from `text`.
    private static func begins(_ octets: OctetView, with text: StaticString) -> Bool {
        for index in 0..<min(octets.count, text.utf8CodeUnitCount)
        where octets[index] != text.utf8Start[index] {
            return false
        }
        return true
    }

    /// `PROXY TCP4 192.0.2.1 192.0.2.2 1234 80 CRLF` (section 2.1).
    private static func parseText(_ octets: OctetView, _ bytes: UnsafeRawBufferPointer) -> Parse {
        let limit = min(octets.count, Self.textByteCount)
        let end = octets.firstIndex(of: Octet.lineFeed, from: 6, to: limit)
        guard end < limit else {
            return octets.count < Self.textByteCount ? .incomplete : .invalid
        }
        guard end >= 7, octets[end - 1] == Octet.carriageReturn else { return .invalid }
        var words = TextWords(octets: octets, at: 6, end: end - 1)
        guard let family = words.next() else { return .invalid }
        if octets.equals(family, "unknown"), octets[family.start] == UInt8(ascii: "U") {
            let header = Header(source: nil, destination: nil, consumed: end + 1)
            return .found(header)
        }
        let isV4 = family.count == 4 && octets[family.end - 1] == UInt8(ascii: "4")
        let isV6 = family.count == 4 && octets[family.end - 1] == UInt8(ascii: "6")
        guard isV4 || isV6, Self.isTCP(family, octets),
            let source = words.next(), let destination = words.next(),
            let from = IPAddress(ascii: source.bytes(of: bytes)), from.isV4 == isV4,
            let to = IPAddress(ascii: destination.bytes(of: bytes)), to.isV4 == isV4,
            let fromPort = words.nextPort(), let toPort = words.nextPort(), words.isAtEnd
        else { return .invalid }
        return .found(
            Header(
                source: Endpoint(address: from, port: fromPort),
                destination: Endpoint(address: to, port: toPort),
                consumed: end + 1
            )
        )
    }

    private static func isTCP(_ family: ByteRange, _ octets: OctetView) -> Bool {
        octets[family.start] == UInt8(ascii: "T") && octets[family.start + 1] == UInt8(ascii: "C")
            && octets[family.start + 2] == UInt8(ascii: "P")
    }
}

/// The words of a header of version 1, one space between each two.
private struct TextWords {
    let octets: OctetView
    var at: Int
    let end: Int

    var isAtEnd: Bool { self.at == self.end + 1 }

    mutating func next() -> ByteRange? {
        guard self.at < self.end else { return nil }
        let stop = self.octets.firstIndex(of: Octet.space, from: self.at, to: self.end)
        guard stop > self.at else { return nil }
        defer { self.at = stop + 1 }
        return ByteRange(start: self.at, count: stop - self.at)
    }

    /// 0 to 65,535 without leading zeros.
    mutating func nextPort() -> UInt16? {
        guard let word = self.next(), word.count <= 5,
            word.count == 1 || self.octets[word.start] != 0x30
        else { return nil }
        return self.octets.decimal(word).flatMap { UInt16(exactly: $0) }
    }
}

extension IPAddress {
    var isV4: Bool { if case .v4 = self { true } else { false } }
}
