/// The primary key of an entity: a UUID, as Kong's `id` fields hold it.
///
/// Sorts by its bytes, which is also the order of its text; the router's last tie-break uses it.
public struct EntityID: Hashable, Comparable, Sendable {
    /// The first eight bytes, big endian.
    public let high: UInt64
    /// The last eight bytes, big endian.
    public let low: UInt64

    /// Creates an identity from its two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the 36-character form with dashes, in either case; `nil` for anything else.
    public init?(_ text: String) {
        var halves: (high: UInt64, low: UInt64) = (0, 0)
        var digits = 0
        guard text.utf8.count == 36 else { return nil }
        var offset = -1
        for byte in text.utf8 {
            offset += 1
            if offset == 8 || offset == 13 || offset == 18 || offset == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = Self.digit(byte) else { return nil }
            if digits < 16 {
                halves.high = (halves.high << 4) | digit
            } else {
                halves.low = (halves.low << 4) | digit
            }
            digits += 1
        }
        self.init(high: halves.high, low: halves.low)
    }

    /// Orders by bytes.
    public static func < (left: EntityID, right: EntityID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

extension EntityID: CustomStringConvertible {
    /// The identity as a lower-case UUID, 36 characters.
    public var description: String {
        String(unsafeUninitializedCapacity: 36) { text in
            var place = 0
            for half in [self.high, self.low] {
                for shift in stride(from: 60, through: 0, by: -4) {
                    if place == 8 || place == 13 || place == 18 || place == 23 {
                        text[place] = UInt8(ascii: "-")
                        place += 1
                    }
                    let digit = UInt8(truncatingIfNeeded: half >> UInt64(shift)) & 15
                    text[place] = digit < 10 ? digit + 0x30 : digit + 0x57
                    place += 1
                }
            }
            return place
        }
    }
}
