/// The addresses that share their first bits: `10.0.0.0/8`, `2001:db8::/32`, or one address.
///
/// IPv4 addresses inside IPv6 (`::ffff:192.0.2.1`, as a socket of both families tells them) count
/// as IPv4.
public struct AddressBlock: Hashable, Sendable {
    /// The first address; bits beyond ``prefixLength`` are zero.
    public let base: IPAddress
    /// How many leading bits are shared: 0 to 32, or to 128 for IPv6.
    public let prefixLength: Int

    /// Creates the block of one address.
    public init(_ address: IPAddress) {
        self.init(address.unmapped, leadingBits: address.unmapped.bitWidth)
    }

    private init(_ address: IPAddress, leadingBits: Int) {
        self.base = address.keeping(leadingBits: leadingBits)
        self.prefixLength = leadingBits
    }

    /// Reads an address or a block in CIDR notation; `nil` for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(String(parts[0])) else { return nil }
        guard parts.count == 2 else {
            self.init(address)
            return
        }
        guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy(Self.isDigit),
            parts[1] == "0" || parts[1].utf8.first != UInt8(ascii: "0"),
            let length = Int(parts[1]), length <= address.bitWidth
        else { return nil }
        let isMapped = address.unmapped != address && length >= 96
        self.init(
            isMapped ? address.unmapped : address,
            leadingBits: isMapped ? length - 96 : length
        )
    }

    /// Whether exactly one address is in it.
    public var isSingle: Bool { self.prefixLength == self.base.bitWidth }

    /// Whether an address is in it; one of the other family never is.
    public func contains(_ address: IPAddress) -> Bool {
        switch (self.base, address.unmapped) {
        case (.v4, .v4(let value)):
            IPAddress.v4(value).keeping(leadingBits: self.prefixLength) == self.base
        case (.v6, .v6(let high, let low)):
            IPAddress.v6(high: high, low: low).keeping(leadingBits: self.prefixLength) == self.base
        case (.v4, .v6), (.v6, .v4): false
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

extension AddressBlock: CustomStringConvertible {
    /// `192.0.2.1`, or `10.0.0.0/8`.
    public var description: String {
        self.isSingle ? "\(self.base)" : "\(self.base)/\(self.prefixLength)"
    }
}

extension IPAddress {
    fileprivate var bitWidth: Int {
        switch self {
        case .v4: 32
        case .v6: 128
        }
    }

    fileprivate func keeping(leadingBits count: Int) -> IPAddress {
        switch self {
        case .v4(let value):
            .v4(value & ~(UInt32.max >> UInt32(count)))
        case .v6(let high, let low):
            .v6(
                high: high & ~(UInt64.max >> UInt64(min(count, 64))),
                low: low & ~(UInt64.max >> UInt64(max(0, count - 64)))
            )
        }
    }
}
