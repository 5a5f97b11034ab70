internal import CMeshSystem
internal import MeshPrimitives

/// Appends to a buffer that somebody else owns; never grows it.
///
/// What does not fit is left out whole and ``overflowed`` is set, so callers check once at the end.
public struct HeadWriter {
    private let base: UnsafeMutableRawPointer
    /// How many bytes fit; 0 after an overflow, so that one comparison tells both.
    private var limit: Int
    /// How many bytes have been written.
    public private(set) var count = 0
    /// Whether something did not fit; what was written is then of no use.
    public private(set) var overflowed = false

    /// Creates a writer at the start of `buffer`.
    public init(_ buffer: UnsafeMutableRawBufferPointer) {
        if let base = buffer.baseAddress {
            self.base = base
            self.limit = buffer.count
        } else {
            self.base = Self.nothing
            self.limit = 0
        }
    }

    /// Where a writer without room points; nothing is ever written through it.
    private static var nothing: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(mutating: ("" as StaticString).utf8Start)
    }

    /// What has been written; nil after an overflow.
    public var written: UnsafeRawBufferPointer? {
        self.overflowed ? nil : UnsafeRawBufferPointer(start: self.base, count: self.count)
    }

    /// How many more bytes fit.
    public var room: Int { max(0, self.limit - self.count) }

    /// Appends a literal.
    ///
    /// Inlined, so that the copy of a known few bytes becomes a few stores.
    @inline(__always)
    public mutating func write(_ text: StaticString) {
        self.write(text.utf8Start, text.utf8CodeUnitCount)
    }

    /// Appends bytes.
    @inline(__always)
    public mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        self.write(source, bytes.count)
    }

    /// Appends a part of `bytes`.
    @inline(__always)
    public mutating func write(_ range: ByteRange, of bytes: UnsafeRawBufferPointer) {
        self.write(range.bytes(of: bytes))
    }

    /// Appends one byte.
    @inline(__always)
    public mutating func write(byte: UInt8) {
        guard self.count < self.limit else { return self.overflow() }
        self.base.storeBytes(of: byte, toByteOffset: self.count, as: UInt8.self)
        self.count += 1
    }

    /// Appends bytes with ASCII letters in lower case.
    @inline(__always)
    public mutating func write(lowercased bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= self.limit - self.count else { return self.overflow() }
        guard let source = bytes.baseAddress else { return }
        mesh_copy_lowercased(self.base + self.count, source, bytes.count)
        self.count += bytes.count
    }

    /// Appends a path in decoded form, escaped where a request line or field needs it.
    @inline(__always)
    public mutating func write(escapingPath path: UnsafeRawBufferPointer) {
        self.append { PathEscape.write(path, into: $0) }
    }

    /// Appends bytes, those above 0x7F escaped: a part of a target as it was received.
    ///
    /// Servers take such bytes in a target, yet strict parsers refuse them (RFC 3986 section 2).
    public mutating func write(escapingNonASCII bytes: UnsafeRawBufferPointer) {
        if Self.isASCII(bytes) { return self.write(bytes) }
        for byte in bytes {
            if byte < 0x80 { self.write(byte: byte) } else { self.write(escaped: byte) }
        }
    }

    private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 8 else { return bytes.allSatisfy { $0 < 0x80 } }
        // The last word overlaps the one before.
        var all = bytes.loadUnaligned(fromByteOffset: bytes.count &- 8, as: UInt64.self)
        var index = 0
        while bytes.count &- index >= 8 {
            all |= bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            index &+= 8
        }
        return all & 0x8080_8080_8080_8080 == 0
    }

    @inline(__always)
    private mutating func write(_ source: UnsafeRawPointer, _ byteCount: Int) {
        guard byteCount <= self.limit - self.count else { return self.overflow() }
        (self.base + self.count).copyMemory(from: source, byteCount: byteCount)
        self.count += byteCount
    }

    @inline(never)
    private mutating func overflow() {
        self.limit = 0
        self.overflowed = true
    }

    /// Appends a number in decimal.
    public mutating func write(decimal value: UInt64) {
        if value < 10 { return self.write(byte: UInt8(truncatingIfNeeded: value) | 0x30) }
        let digits = Self.digitCount(value)
        guard digits <= self.limit - self.count else { return self.overflow() }
        var rest = value
        var place = self.count + digits
        self.count = place
        while rest >= 10 {
            place -= 2
            (self.base + place).copyMemory(from: Self.pair(rest % 100), byteCount: 2)
            rest /= 100
        }
        guard digits & 1 == 1 else { return }
        let first = UInt8(truncatingIfNeeded: rest) | 0x30
        self.base.storeBytes(of: first, toByteOffset: place - 1, as: UInt8.self)
    }

    private static func digitCount(_ value: UInt64) -> Int {
        var count = 1
        var rest = value
        while rest >= 10_000 {
            count += 4
            rest /= 10_000
        }
        return count + (rest >= 10 ? 1 : 0) + (rest >= 100 ? 1 : 0) + (rest >= 1_000 ? 1 : 0)
    }

    /// The two digits of a number below 100.
    @inline(__always)
    private static func pair(_ value: UInt64) -> UnsafePointer<UInt8> {
        let pairs: StaticString = """
            0001020304050607080910111213141516171819\
            2021222324252627282930313233343536373839\
            4041424344454647484950515253545556575859\
            6061626364656667686970717273747576777879\
            8081828384858687888990919293949596979899
            """
        return pairs.utf8Start + Int(truncatingIfNeeded: value * 2)
    }

    /// Appends a number in lower-case hexadecimal, without leading zeros.
    public mutating func write(hexadecimal value: UInt64) {
        var shift = value == 0 ? 0 : (63 - value.leadingZeroBitCount) / 4 * 4
        while shift >= 0 {
            self.write(byte: Self.hexadecimalDigit(value >> UInt64(shift)))
            shift -= 4
        }
    }

    /// Appends the low `digitCount` hexadecimal digits of a number, zeros included.
    public mutating func write(hexadecimal value: UInt64, digitCount: Int) {
        for digit in 0..<digitCount {
            let shift = UInt64(max(0, digitCount - 1 - digit) * 4)
            self.write(byte: shift < 64 ? Self.hexadecimalDigit(value >> shift) : 0x30)
        }
    }

    /// Appends `%` and two upper-case hexadecimal digits (RFC 3986 section 2.1).
    mutating func write(escaped byte: UInt8) {
        self.write(byte: UInt8(ascii: "%"))
        self.write(byte: PathEscape.digit(byte >> 4))
        self.write(byte: PathEscape.digit(byte & 15))
    }

    private static func hexadecimalDigit(_ value: UInt64) -> UInt8 {
        let digit = UInt8(truncatingIfNeeded: value & 15)
        return digit < 10 ? 0x30 + digit : 0x61 + digit - 10
    }

    /// Lets `body` write into the room that is left.
    ///
    /// `body` returns how many bytes it wrote, or nil if they did not fit or could not be made.
    @inline(__always)
    public mutating func append(_ body: (UnsafeMutableRawBufferPointer) -> Int?) {
        guard !self.overflowed else { return }
        let rest = UnsafeMutableRawBufferPointer(start: self.base + self.count, count: self.room)
        guard let written = body(rest), written >= 0, written <= rest.count else {
            return self.overflow()
        }
        self.count += written
    }

    /// Copies the fields of a head that are not of the kinds in `dropping`.
    ///
    /// Lines that follow each other are copied together; without any to drop that is one copy.
    public mutating func write(
        fields: HeaderFieldBuffer,
        count: Int,
        from bytes: UnsafeRawBufferPointer,
        kinds: HeaderKindSet,
        dropping: HeaderKindSet
    ) {
        guard count > 0 else { return }
        if kinds.isDisjoint(with: dropping) {
            self.write(run: fields[0].name.start, fields[count - 1].lineEnd, bytes)
            return
        }
        var runStart = fields[0].name.start
        for index in 0..<count where dropping.has(fields[index].kind) {
            let start = fields[index].name.start
            if start > runStart { self.write(run: runStart, start, bytes) }
            runStart = fields[index].lineEnd
        }
        let end = fields[count - 1].lineEnd
        if end > runStart { self.write(run: runStart, end, bytes) }
    }

    @inline(__always)
    private mutating func write(run start: Int, _ end: Int, _ bytes: UnsafeRawBufferPointer) {
        self.write(ByteRange(start: start, count: end - start), of: bytes)
    }
}

extension HeadWriter {
    /// Takes whole lines of a name, which is in lower case, out of what was written.
    public mutating func removeLines(named name: StaticString) {
        guard !self.overflowed else { return }
        var start = 0
        while start < self.count {
            let end = min(mesh_find_byte(self.base, start, self.count, 0x0A) + 1, self.count)
            if self.isLine(start..<end, named: name) {
                (self.base + start).copyMemory(from: self.base + end, byteCount: self.count - end)
                self.count -= end - start
            } else {
                start = end
            }
        }
    }

    private func isLine(_ line: Range<Int>, named name: StaticString) -> Bool {
        let count = name.utf8CodeUnitCount
        guard line.count > count,
            self.base.load(fromByteOffset: line.lowerBound + count, as: UInt8.self) == 0x3A
        else { return false }
        return (0..<count).allSatisfy { index in
            let byte = self.base.load(fromByteOffset: line.lowerBound + index, as: UInt8.self)
            return OctetView.lowercased(byte) == name.utf8Start[index]
        }
    }
}
