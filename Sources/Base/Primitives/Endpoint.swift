/// An IP address and port; hosts by name are resolved before they become one.
public struct Endpoint: Hashable, Sendable {
    /// The address: 4 bytes for IPv4, 16 for IPv6.
    public let address: IPAddress
    /// The port, 0 to 65,535.
    public let port: UInt16

    /// Creates an endpoint.
    public init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Reads `192.0.2.1:80` or `[2001:db8::1]:80`; `nil` for anything else, names included.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]),
            let address = IPAddress(Self.unbracketed(text[..<colon]))
        else { return nil }
        if case .v6 = address, !text.hasPrefix("[") { return nil }
        self.init(address: address, port: port)
    }

    private static func unbracketed(_ text: Substring) -> String {
        text.hasPrefix("[") && text.hasSuffix("]")
            ? String(text.dropFirst().dropLast()) : String(text)
    }
}

extension Endpoint: CustomStringConvertible {
    /// `192.0.2.1:80` or `[2001:db8::1]:80`.
    public var description: String {
        switch self.address {
        case .v4: "\(self.address):\(self.port)"
        case .v6: "[\(self.address)]:\(self.port)"
        }
    }
}

/// An IP address.
public enum IPAddress: Hashable, Sendable {
    /// IPv4 in host order: `127.0.0.1` is `0x7F00_0001`.
    case v4(UInt32)
    /// IPv6 as two halves in host order.
    case v6(high: UInt64, low: UInt64)

    /// Reads the usual text form of either family; `nil` for anything else.
    ///
    /// As ``init(ascii:)``: IPv6 may end in a dotted quad, a quad has no leading zeros.
    public init?(_ text: String) {
        var text = text
        let address = text.withUTF8 { IPAddress(ascii: UnsafeRawBufferPointer($0)) }
        guard let address else { return nil }
        self = address
    }

    /// Whether packets to it never leave the machine: 127.0.0.0/8 or ::1.
    public var isLoopback: Bool {
        switch self {
        case .v4(let value): value >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }
}

extension IPAddress: CustomStringConvertible {
    /// The usual text form; IPv6 without compressing zeros.
    public var description: String {
        switch self {
        case .v4(let value):
            [24, 16, 8, 0].map { String((value >> UInt32($0)) & 255) }.joined(separator: ".")
        case .v6(let high, let low):
            [high, low]
                .flatMap { half in
                    [48, 32, 16, 0].map { String((half >> UInt64($0)) & 0xFFFF, radix: 16) }
                }
                .joined(separator: ":")
        }
    }
}
