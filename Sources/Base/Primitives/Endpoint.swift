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

    /// Whether the address is of IPv6.
    public var isIPv6: Bool {
        if case .v6 = self.address { true } else { false }
    }

    /// Whether one machine can be reached by it: neither port 0 nor an address of nobody or many.
    public var isDestination: Bool { self.port > 0 && self.address.isUnicast }

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
    /// Takes an embedded dotted quad (`::ffff:192.0.2.1`); no zone, no brackets.
    public init?(_ text: String) {
        var text = text
        let read = text.withUTF8 { IPAddress(ascii: UnsafeRawBufferPointer($0)) }
        guard let read else { return nil }
        self = read
    }

    /// Whether packets to it never leave the machine: 127.0.0.0/8 or ::1.
    public var isLoopback: Bool {
        switch self {
        case .v4(let value): value >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }

    /// The address itself, and of IPv6 its network of 64 bits, where a single machine has countless
    /// addresses.
    package var network: IPAddress {
        switch self.unmapped {
        case .v4(let value): .v4(value)
        case .v6(let high, _): .v6(high: high, low: 0)
        }
    }

    /// Whether it can be one machine's: neither unspecified nor of many.
    ///
    /// The broadcast addresses of subnets cannot be told from others here.
    public var isUnicast: Bool {
        switch self.unmapped {
        // RFC 1122 section 3.2.1.3: 0/8 is no destination; 224/4 is multicast.
        case .v4(let value): value >> 24 != 0 && value >> 28 != 0xE && value != .max
        case .v6(let high, let low): (high, low) != (0, 0) && high >> 56 != 0xFF
        }
    }
}

extension IPAddress: CustomStringConvertible {
    /// The usual text form; IPv6 as RFC 5952 wants it: `2001:db8::1`.
    public var description: String {
        withUnsafeTemporaryAllocation(byteCount: Self.textByteCount, alignment: 1) { text in
            guard let count = self.write(to: text) else {
                preconditionFailure("textByteCount suffices for every address")
            }
            return String(decoding: text[..<count], as: UTF8.self)
        }
    }
}
