/// A range of IP addresses with a common beginning, as `10.0.0.0/8`.
public struct AddressBlock: Hashable, Sendable {
    /// The first address.
    public let first: IPAddress
    /// How many leading bits all addresses share: 0 to 32 or 128.
    public let prefixBitCount: Int

    /// Creates a block; bits of `address` behind the prefix are cleared.
    ///
    /// - Returns: `nil` for a prefix longer than the address.
    public init?(_ address: IPAddress, prefixBitCount: Int) {
        guard prefixBitCount >= 0 else { return nil }
        switch address {
        case .v4(let value):
            guard prefixBitCount <= 32 else { return nil }
            self.first = .v4(value & ~(UInt32.max >> UInt32(prefixBitCount)))
        case .v6(let high, let low):
            guard prefixBitCount <= 128 else { return nil }
            let lowBits = UInt64(max(0, prefixBitCount - 64))
            self.first = .v6(
                high: high & ~(UInt64.max >> UInt64(min(64, prefixBitCount))),
                low: low & ~(UInt64.max >> lowBits)
            )
        }
        self.prefixBitCount = prefixBitCount
    }

    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a single address; `nil` for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = Self.address(parts[0]) else { return nil }
        guard parts.count == 2 else {
            let whole = if case .v4 = address { 32 } else { 128 }
            self.init(address, prefixBitCount: whole)
            return
        }
        let digits = parts[1].utf8
        guard (1...3).contains(digits.count), digits.allSatisfy({ $0 &- 0x30 < 10 }),
            digits.count == 1 || digits.first != 0x30, let count = Int(parts[1])
        else { return nil }
        self.init(address, prefixBitCount: count)
    }

    private static func address(_ text: Substring) -> IPAddress? {
        Array(text.utf8).withUnsafeBytes { IPAddress(ascii: $0) }
    }

    /// Whether the address is in the block; one of the other family never is.
    public func contains(_ address: IPAddress) -> Bool {
        switch (self.first, address) {
        case (.v4(let first), .v4(let value)):
            (first ^ value) >> UInt32(32 - self.prefixBitCount) == 0
        case (.v6(let high, let low), .v6(let otherHigh, let otherLow)):
            (high ^ otherHigh) >> UInt64(64 - min(64, self.prefixBitCount)) == 0
                && (low ^ otherLow) >> UInt64(64 - max(0, self.prefixBitCount - 64)) == 0
        case (.v4, .v6), (.v6, .v4): false
        }
    }
}

extension AddressBlock: CustomStringConvertible {
    /// `10.0.0.0/8`, with the length also for single addresses.
    public var description: String {
        let text = String(unsafeUninitializedCapacity: IPAddress.textByteCount) { buffer in
            self.first.write(to: UnsafeMutableRawBufferPointer(buffer)) ?? 0
        }
        return "\(text)/\(self.prefixBitCount)"
    }
}
