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
        guard text.utf8.count == Self.textByteCount else { return nil }
        let read = text.utf8.withContiguousStorageIfAvailable { EntityID(reading: $0) }
        guard let id = read ?? Array(text.utf8).withUnsafeBufferPointer({ EntityID(reading: $0) })
        else { return nil }
        self = id
    }

    /// Reads as many bytes as an identity's text has.
    private init?(reading text: UnsafeBufferPointer<UInt8>) {
        let dash = UInt8(ascii: "-")
        guard text[8] == dash, text[13] == dash, text[18] == dash, text[23] == dash else {
            return nil
        }
        var all: UInt8 = 0
        func number(_ range: Range<Int>) -> UInt64 {
            var number: UInt64 = 0
            for place in range {
                let digit = Self.digit(text[place])
                all |= digit
                number = number << 4 | UInt64(digit & 15)
            }
            return number
        }
        let high = number(0..<8) << 32 | number(9..<13) << 16 | number(14..<18)
        let low = number(19..<23) << 48 | number(24..<36)
        guard all < Self.noDigit else { return nil }
        self.init(high: high, low: low)
    }

    /// Orders by bytes.
    public static func < (left: EntityID, right: EntityID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    private static let noDigit: UInt8 = 16

    private static func digit(_ byte: UInt8) -> UInt8 {
        let number = byte &- UInt8(ascii: "0")
        if number < 10 { return number }
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? letter + 10 : Self.noDigit
    }
}

extension EntityID {
    /// How many bytes the text has.
    public static let textByteCount = 36

    /// Writes the identity as a lower-case UUID; `room` has ``textByteCount`` bytes.
    public func writeText(to room: UnsafeMutableRawBufferPointer) {
        precondition(room.count >= Self.textByteCount)
        let second = Self.digits(UInt32(truncatingIfNeeded: self.high))
        let third = Self.digits(UInt32(truncatingIfNeeded: self.low >> 32))
        let dash = UInt8(ascii: "-")
        Self.store(Self.digits(UInt32(truncatingIfNeeded: self.high >> 32)), room, at: 0)
        room[8] = dash
        Self.store(UInt32(truncatingIfNeeded: second >> 32), room, at: 9)
        room[13] = dash
        Self.store(UInt32(truncatingIfNeeded: second), room, at: 14)
        room[18] = dash
        Self.store(UInt32(truncatingIfNeeded: third >> 32), room, at: 19)
        room[23] = dash
        Self.store(UInt32(truncatingIfNeeded: third), room, at: 24)
        Self.store(Self.digits(UInt32(truncatingIfNeeded: self.low)), room, at: 28)
    }

    private static func store(
        _ text: some FixedWidthInteger,
        _ room: UnsafeMutableRawBufferPointer,
        at place: Int
    ) {
        room.storeBytes(of: text.bigEndian, toByteOffset: place, as: type(of: text))
    }

    /// Eight lower-case hexadecimal digits at once, the first in the highest byte.
    private static func digits(_ number: UInt32) -> UInt64 {
        var halves = UInt64(number)
        halves = (halves | halves << 16) & 0x0000_FFFF_0000_FFFF
        halves = (halves | halves << 8) & 0x00FF_00FF_00FF_00FF
        halves = (halves | halves << 4) & 0x0F0F_0F0F_0F0F_0F0F
        // 1 in each byte that is 10 or more.
        let letters = ((halves &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return halves &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
    }
}

extension EntityID: CustomStringConvertible {
    /// The identity as a lower-case UUID, 36 characters.
    public var description: String {
        String(unsafeUninitializedCapacity: Self.textByteCount) { text in
            self.writeText(to: UnsafeMutableRawBufferPointer(text))
            return Self.textByteCount
        }
    }
}
