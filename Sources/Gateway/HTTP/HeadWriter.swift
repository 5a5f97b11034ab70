/// Appends to a buffer that somebody else owns; never grows it.
///
/// What does not fit is left out whole and ``overflowed`` is set, so callers check once at the end.
public struct HeadWriter {
    private let buffer: UnsafeMutableRawBufferPointer
    /// How many bytes have been written.
    public private(set) var count = 0
    /// Whether something did not fit; what was written is then of no use.
    public private(set) var overflowed = false

    /// Creates a writer at the start of `buffer`.
    @inlinable
    public init(_ buffer: UnsafeMutableRawBufferPointer) { self.init(unchecked: buffer) }

    @usableFromInline
    init(unchecked buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }

    /// What has been written; nil after an overflow.
    public var written: UnsafeRawBufferPointer? {
        self.overflowed ? nil : UnsafeRawBufferPointer(rebasing: self.buffer[0..<self.count])
    }

    /// How many more bytes fit.
    public var room: Int { self.buffer.count - self.count }

    /// Appends a literal.
    public mutating func write(_ text: StaticString) {
        self.write(
            UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        )
    }

    /// Appends bytes.
    public mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= self.room, !self.overflowed else {
            self.overflowed = true
            return
        }
        guard let source = bytes.baseAddress, let target = self.buffer.baseAddress else { return }
        (target + self.count).copyMemory(from: source, byteCount: bytes.count)
        self.count += bytes.count
    }

    /// Appends a part of `bytes`.
    public mutating func write(_ range: ByteRange, of bytes: UnsafeRawBufferPointer) {
        self.write(range.bytes(of: bytes))
    }

    /// Appends one byte.
    public mutating func write(byte: UInt8) {
        guard self.room > 0, !self.overflowed else {
            self.overflowed = true
            return
        }
        self.buffer[self.count] = byte
        self.count += 1
    }

    /// Appends a number in decimal.
    public mutating func write(decimal value: UInt64) {
        var divisor: UInt64 = 1
        while value / divisor >= 10 { divisor *= 10 }
        var rest = value
        while divisor > 0 {
            self.write(byte: UInt8(truncatingIfNeeded: 0x30 + rest / divisor))
            rest %= divisor
            divisor /= 10
        }
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

    private static func hexadecimalDigit(_ value: UInt64) -> UInt8 {
        let digit = UInt8(truncatingIfNeeded: value & 15)
        return digit < 10 ? 0x30 + digit : 0x61 + digit - 10
    }

    /// Lets `body` write into the room that is left.
    ///
    /// `body` returns how many bytes it wrote, or nil if they did not fit or could not be made.
    public mutating func append(_ body: (UnsafeMutableRawBufferPointer) -> Int?) {
        let rest = UnsafeMutableRawBufferPointer(rebasing: self.buffer[self.count...])
        guard !self.overflowed, let written = body(rest), written >= 0, written <= rest.count
        else {
            self.overflowed = true
            return
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
        var runStart = -1
        for index in 0..<count {
            let field = fields[index]
            if dropping.has(field.kind) {
                if runStart >= 0 { self.write(run: runStart, field.name.start, bytes) }
                runStart = -1
            } else if runStart < 0 {
                runStart = field.name.start
            }
        }
        if runStart >= 0 { self.write(run: runStart, fields[count - 1].lineEnd, bytes) }
    }

    private mutating func write(run start: Int, _ end: Int, _ bytes: UnsafeRawBufferPointer) {
        self.write(ByteRange(start: start, count: end - start), of: bytes)
    }
}
