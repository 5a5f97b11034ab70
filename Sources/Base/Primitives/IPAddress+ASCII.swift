extension IPAddress {
    /// Longest text that ``write(to:)`` makes: 45 bytes, as `INET6_ADDRSTRLEN` without its NUL.
    public static let textByteCount = 45

    /// Reads the usual text form of either family from bytes, without allocating.
    ///
    /// Takes an embedded dotted quad (`::ffff:192.0.2.1`), no zone, no leading zeros in a quad.
    public init?(ascii text: UnsafeRawBufferPointer) {
        if let quad = Self.quad(text, from: 0) {
            self = .v4(quad)
        } else if let address = Self.v6(text) {
            self = address
        } else {
            return nil
        }
    }

    /// The IPv4 address that `::ffff:0:0/96` carries, or the address itself.
    public var unmapped: IPAddress {
        guard case .v6(let high, let low) = self, high == 0, low >> 32 == 0xFFFF else {
            return self
        }
        return .v4(UInt32(truncatingIfNeeded: low))
    }

    private static func quad(_ text: UnsafeRawBufferPointer, from start: Int) -> UInt32? {
        var value: UInt32 = 0
        var octet: UInt32 = 0
        var digits = 0
        var octets = 0
        guard text.count - start <= 15 else { return nil }
        for byte in text[min(start, text.count)...] {
            if byte == UInt8(ascii: ".") {
                guard digits > 0, octets < 3 else { return nil }
                value = value << 8 | octet
                octets += 1
                octet = 0
                digits = 0
                continue
            }
            let digit = UInt32(byte &- 0x30)
            guard byte &- 0x30 < 10, digits == 0 || octet > 0 else { return nil }
            octet = octet * 10 + digit
            digits += 1
            guard octet <= 255 else { return nil }
        }
        guard digits > 0, octets == 3 else { return nil }
        return value << 8 | octet
    }

    /// The groups of an IPv6 address before and behind `::`, as they are read.
    private struct Groups {
        private var head: UInt128 = 0
        private var tail: UInt128 = 0
        private var headCount = 0
        private var tailCount = 0
        private(set) var hasGap = false

        /// Notes a `::`; `false` for a second one.
        mutating func gap() -> Bool {
            defer { self.hasGap = true }
            return !self.hasGap
        }

        mutating func append(_ group: UInt64) -> Bool {
            guard self.headCount + self.tailCount < 8 else { return false }
            if self.hasGap {
                self.tail = self.tail << 16 | UInt128(group)
                self.tailCount += 1
            } else {
                self.head = self.head << 16 | UInt128(group)
                self.headCount += 1
            }
            return true
        }

        /// The address; `nil` unless there are eight groups, or fewer around a gap.
        var address: IPAddress? {
            let count = self.headCount + self.tailCount
            guard self.hasGap ? count < 8 : count == 8 else { return nil }
            let whole = self.head << UInt128((8 - self.headCount) * 16) | self.tail
            return .v6(
                high: UInt64(truncatingIfNeeded: whole >> 64),
                low: UInt64(truncatingIfNeeded: whole)
            )
        }
    }

    private static func v6(_ text: UnsafeRawBufferPointer) -> IPAddress? {
        guard text.count >= 2, text.count <= Self.textByteCount else { return nil }
        let colon = UInt8(ascii: ":")
        var groups = Groups()
        var index = 0
        if text[0] == colon {
            guard text[1] == colon else { return nil }
            _ = groups.gap()
            index = 2
        }
        while index < text.count {
            var end = index
            while end < text.count, text[end] != colon { end += 1 }
            if end == text.count, let quad = Self.quad(text, from: index) {
                let isTaken =
                    groups.append(UInt64(quad >> 16)) && groups.append(UInt64(quad & 0xFFFF))
                return isTaken ? groups.address : nil
            }
            guard let group = Self.group(text[index..<end]), groups.append(group) else {
                return nil
            }
            guard end < text.count else { break }
            index = end + 1
            guard index < text.count else { return nil }
            if text[index] == colon {
                guard groups.gap() else { return nil }
                index += 1
            }
        }
        return groups.address
    }

    private static func group(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt64? {
        guard (1...4).contains(digits.count) else { return nil }
        var value: UInt64 = 0
        for byte in digits {
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt64(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt64(byte - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt64(byte - 0x61 + 10)
            default: return nil
            }
        }
        return value
    }

    /// Writes the text form, IPv6 as RFC 5952 wants it, and returns its length.
    ///
    /// - Parameter output: where to write.
    /// - Returns: `nil` when there is too little room; ``textByteCount`` always suffices.
    public func write(to output: UnsafeMutableRawBufferPointer) -> Int? {
        var text = AddressText(output)
        switch self {
        case .v4(let quad): text.write(quad: quad)
        case .v6(let high, let low): text.write(high, low)
        }
        return text.isWhole ? text.count : nil
    }
}

/// The text of an address as it is written.
private struct AddressText {
    private let output: UnsafeMutableRawBufferPointer
    private(set) var count = 0
    private(set) var isWhole = true

    init(_ output: UnsafeMutableRawBufferPointer) { self.output = output }

    private mutating func write(_ byte: UInt8) {
        guard self.count < self.output.count else {
            self.isWhole = false
            return
        }
        self.output[self.count] = byte
        self.count += 1
    }

    mutating func write(quad: UInt32) {
        for index in 0..<4 {
            let octet = UInt8(truncatingIfNeeded: quad >> UInt32(24 - index * 8))
            if octet >= 100 { self.write(0x30 + octet / 100) }
            if octet >= 10 { self.write(0x30 + octet / 10 % 10) }
            self.write(0x30 + octet % 10)
            if index < 3 { self.write(UInt8(ascii: ".")) }
        }
    }

    /// RFC 5952 section 4: lower case, no leading zeros, the first longest run of zeros left out.
    mutating func write(_ high: UInt64, _ low: UInt64) {
        if high == 0, low >> 32 == 0xFFFF {
            for byte in "::ffff:".utf8 { self.write(byte) }
            return self.write(quad: UInt32(truncatingIfNeeded: low))
        }
        let group = { (index: Int) in
            UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> UInt64((3 - index & 3) * 16))
        }
        var run = 0..<0
        var start = 0
        for index in 0..<8 {
            if group(index) != 0 {
                start = index + 1
            } else if index + 1 - start > run.count {
                run = start..<(index + 1)
            }
        }
        let gap = run.count > 1 ? run : 8..<8
        var index = 0
        while index < 8 {
            if index == gap.lowerBound {
                self.write(UInt8(ascii: ":"))
                if gap.lowerBound == 0 { self.write(UInt8(ascii: ":")) }
                index = gap.upperBound
                if index == 8, gap.lowerBound > 0 { return }
                continue
            }
            self.write(group: group(index))
            index += 1
            if index < 8 { self.write(UInt8(ascii: ":")) }
        }
    }

    private mutating func write(group: UInt16) {
        var shift = group == 0 ? 0 : UInt16((15 - group.leadingZeroBitCount) / 4 * 4)
        while true {
            let digit = UInt8(truncatingIfNeeded: group >> shift & 15)
            self.write(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
            guard shift > 0 else { return }
            shift -= 4
        }
    }
}
