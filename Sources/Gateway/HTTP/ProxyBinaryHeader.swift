internal import MeshPrimitives

/// Version 2 of the PROXY protocol: 16 fixed bytes, addresses, then type-length-values.
///
///     signature (12) | version, command | family, transport | length (2) | addresses | TLVs
enum ProxyBinaryHeader {
    private static let fixedByteCount = 16
    /// `PP2_TYPE_CRC32C`.
    private static let checksumType: UInt8 = 0x03

    static func parse(_ octets: OctetView) -> ProxyProtocol.Parse {
        guard octets.count > 12 else { return .incomplete }
        let command = octets[12]
        guard command == 0x20 || command == 0x21 else { return .invalid }
        guard octets.count >= Self.fixedByteCount else { return .incomplete }
        let end = Self.fixedByteCount + Self.number(octets, at: 14)
        guard end <= ProxyProtocol.binaryByteCount else { return .invalid }
        guard octets.count >= end else { return .incomplete }
        // Section 2.2: LOCAL is taken whatever else it says.
        let local = ProxyProtocol.Header(source: nil, destination: nil, consumed: end)
        if command == 0x20 { return .found(local) }
        guard let count = Self.addressByteCount(octets[13]), Self.fixedByteCount + count <= end,
            Self.hasSoundValues(octets, from: Self.fixedByteCount + count, to: end)
        else { return .invalid }
        guard count == 12 || count == 36 else { return .found(local) }
        let size = count == 12 ? 4 : 16
        let ports = Self.fixedByteCount + 2 * size
        return .found(
            ProxyProtocol.Header(
                source: Endpoint(
                    address: Self.address(octets, at: Self.fixedByteCount, size),
                    port: UInt16(Self.number(octets, at: ports))
                ),
                destination: Endpoint(
                    address: Self.address(octets, at: Self.fixedByteCount + size, size),
                    port: UInt16(Self.number(octets, at: ports + 2))
                ),
                consumed: end
            )
        )
    }

    /// How many bytes the addresses of a family and transport take; `nil` for unknown ones.
    private static func addressByteCount(_ family: UInt8) -> Int? {
        guard family & 15 <= 2 else { return nil }
        return switch family >> 4 {
        case 0: 0
        case 1: 12
        case 2: 36
        case 3: 216
        default: nil
        }
    }

    /// Whether the TLVs fill their place, and a checksum among them is right (section 2.2.3).
    private static func hasSoundValues(_ octets: OctetView, from start: Int, to end: Int) -> Bool {
        var at = start
        var hasChecksum = false
        while at < end {
            guard end - at >= 3 else { return false }
            let value = at + 3
            let count = Self.number(octets, at: at + 1)
            guard count <= end - value else { return false }
            if octets[at] == Self.checksumType {
                guard count == 4, !hasChecksum, Self.isSound(octets, end, checksumAt: value) else {
                    return false
                }
                hasChecksum = true
            }
            at = value + count
        }
        return true
    }

    private static func isSound(_ octets: OctetView, _ end: Int, checksumAt place: Int) -> Bool {
        var checksum = CRC32C()
        for index in 0..<end {
            let isOwn = index >= place && index < place + 4
            checksum.add(isOwn ? 0 : octets[index])
        }
        let high = UInt32(Self.number(octets, at: place))
        return checksum.value == high << 16 | UInt32(Self.number(octets, at: place + 2))
    }

    /// Two bytes in network order.
    private static func number(_ octets: OctetView, at index: Int) -> Int {
        Int(octets[index]) << 8 | Int(octets[index + 1])
    }

    private static func address(_ octets: OctetView, at start: Int, _ count: Int) -> IPAddress {
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in start..<(start + count) {
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(octets[index])
        }
        return count == 4 ? .v4(UInt32(truncatingIfNeeded: low)) : .v6(high: high, low: low)
    }
}

/// The Castagnoli checksum, a byte at a time (RFC 3720 section 12.1).
struct CRC32C {
    private var state = UInt32.max

    var value: UInt32 { ~self.state }

    mutating func add(_ byte: UInt8) {
        self.state ^= UInt32(byte)
        for _ in 0..<8 {
            self.state = self.state >> 1 ^ (self.state & 1 != 0 ? 0x82F6_3B78 : 0)
        }
    }
}
