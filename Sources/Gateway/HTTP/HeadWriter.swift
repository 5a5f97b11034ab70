internal import CMeshSystem
internal import MeshPrimitives

/// Appends to a buffer that somebody else owns; never grows it.
///
/// What does not fit is left out whole and ``overflowed`` is set, so callers check once at the end.
///
/// Whoever writes much works on a copy in a local variable that no call takes the address of: what
/// is small is inlined, what is rare goes through ``detour(_:)``. Then its three words stay in
/// registers, which halves what a literal costs.
public struct HeadWriter {
    private let base: UnsafeMutableRawPointer
    /// How many bytes fit; -1 after an overflow, so that one comparison tells both.
    private var limit: Int
    /// How many bytes have been written; never above a limit of 0 or more.
    public private(set) var count = 0

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

    /// Whether something did not fit; what was written is then of no use.
    public var overflowed: Bool {
        @inline(__always)
        get { self.limit < 0 }
    }

    /// What has been written; nil after an overflow.
    public var written: UnsafeRawBufferPointer? {
        self.overflowed ? nil : UnsafeRawBufferPointer(start: self.base, count: self.count)
    }

    /// How many more bytes fit.
    public var room: Int { max(0, self.free) }

    /// As ``room``, but below 0 after an overflow.
    private var free: Int {
        @inline(__always)
        get { self.limit &- self.count }
    }

    /// Appends a literal.
    ///
    /// Inlined, so that the copy of a known few bytes becomes a few stores.
    @inline(__always)
    public mutating func write(_ text: StaticString) {
        let byteCount = text.utf8CodeUnitCount
        guard byteCount <= self.free else { return self.overflow() }
        (self.base + self.count).copyMemory(from: text.utf8Start, byteCount: byteCount)
        self.count &+= byteCount
    }

    /// Appends bytes.
    @inline(__always)
    public mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        guard bytes.count <= self.free else { return self.overflow() }
        mesh_copy_short(self.base + self.count, source, bytes.count)
        self.count &+= bytes.count
    }

    /// Appends a literal, bytes and a literal, all or none of them: room is looked for once.
    @inline(__always)
    mutating func write(
        _ before: StaticString,
        _ bytes: UnsafeRawBufferPointer,
        _ after: StaticString
    ) {
        let (first, last) = (before.utf8CodeUnitCount, after.utf8CodeUnitCount)
        guard first &+ bytes.count &+ last <= self.free else { return self.overflow() }
        var place = self.base + self.count
        place.copyMemory(from: before.utf8Start, byteCount: first)
        place += first
        if let source = bytes.baseAddress { mesh_copy_short(place, source, bytes.count) }
        (place + bytes.count).copyMemory(from: after.utf8Start, byteCount: last)
        self.count &+= first &+ bytes.count &+ last
    }

    /// Appends a literal, a number in decimal and a literal; room is looked for once.
    @inline(__always)
    mutating func write(_ before: StaticString, decimal value: UInt64, _ after: StaticString = "") {
        let (first, last) = (before.utf8CodeUnitCount, after.utf8CodeUnitCount)
        guard value < 10_000, first &+ last &+ 8 <= self.free else {
            self.write(before)
            self.write(decimal: value)
            return self.write(after)
        }
        var place = self.base + self.count
        place.copyMemory(from: before.utf8Start, byteCount: first)
        place += first
        // One digit stays of a 0, and of the others all behind their leading zeros.
        let digits = Self.fourDigits(value)
        let zeros = min((digits | 1 &<< 24).trailingZeroBitCount &>> 3, 3)
        let text = (digits &>> UInt64(zeros &* 8) | 0x3030_3030).littleEndian
        place.storeBytes(of: UInt32(truncatingIfNeeded: text), as: UInt32.self)
        place += 4 &- zeros
        place.copyMemory(from: after.utf8Start, byteCount: last)
        self.count &+= first &+ 4 &- zeros &+ last
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
        self.count &+= 1
    }

    /// Appends bytes with ASCII letters in lower case.
    @inline(__always)
    public mutating func write(lowercased bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= self.free else { return self.overflow() }
        guard let source = bytes.baseAddress else { return }
        mesh_copy_lowercased(self.base + self.count, source, bytes.count)
        self.count &+= bytes.count
    }

    /// Appends what precedes the first byte of `bytes` that a quoted text of a log has to escape: a
    /// control, quote, backslash, DEL or non-ASCII byte; returns how many bytes those are.
    @inline(__always)
    mutating func write(plainPrefixOf bytes: UnsafeRawBufferPointer) -> Int {
        guard let source = bytes.baseAddress else { return 0 }
        guard bytes.count <= self.free else {
            self.overflow()
            return bytes.count
        }
        let copied = mesh_copy_plain(self.base + self.count, source, bytes.count)
        self.count &+= copied
        return copied
    }

    /// Appends a path in decoded form, escaped where a request line or field needs it.
    @inline(__always)
    public mutating func write(escapingPath path: UnsafeRawBufferPointer) {
        self.append { PathEscape.write(path, into: $0) }
    }

    /// Appends bytes, those above 0x7F escaped: a part of a target as it was received.
    ///
    /// Servers take such bytes in a target, yet strict parsers refuse them (RFC 3986 section 2).
    @inline(__always)
    public mutating func write(escapingNonASCII bytes: UnsafeRawBufferPointer) {
        if Self.isASCII(bytes) { return self.write(bytes) }
        self.detour { $0.escapeNonASCII(bytes) }
    }

    @inline(never)
    private mutating func escapeNonASCII(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes {
            if byte < 0x80 { self.write(byte: byte) } else { self.write(escaped: byte) }
        }
    }

    /// Lets code that is not inlined write, without the writer itself having an address: it goes and
    /// comes back by value.
    @inline(__always)
    mutating func detour(_ body: (inout HeadWriter) -> Void) { self = self.changed(by: body) }

    @inline(never)
    private func changed(by body: (inout HeadWriter) -> Void) -> HeadWriter {
        var copy = self
        body(&copy)
        return copy
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
    private mutating func overflow() { self.limit = -1 }

    /// Appends a number in decimal.
    @inline(__always)
    public mutating func write(decimal value: UInt64) {
        if value < 10 { return self.write(byte: UInt8(truncatingIfNeeded: value) | 0x30) }
        guard value < 10_000 else {
            self = self.appending(long: value)
            return
        }
        let digits = Self.fourDigits(value)
        // The value is not 0, so that one of the four bytes is not, either.
        let zeros = digits.trailingZeroBitCount &>> 3
        self.write(digits: digits &>> UInt64(zeros &* 8), 4 &- zeros)
    }

    /// Itself with a number above 0 appended; as ``detour(_:)``, by value.
    @inline(never)
    private func appending(long value: UInt64) -> HeadWriter {
        var copy = self
        guard value >= 100_000_000 else {
            copy.write(digitsOf: UInt32(truncatingIfNeeded: value))
            return copy
        }
        let high = value / 100_000_000
        if high < 100_000_000 {
            copy.write(digitsOf: UInt32(truncatingIfNeeded: high))
        } else {
            copy = copy.appending(long: high)
        }
        let low = UInt32(truncatingIfNeeded: value &- high &* 100_000_000)
        copy.write(digits: Self.eightDigits(low), 8)
        return copy
    }

    /// Appends a number above 0 and below 100,000,000.
    @inline(__always)
    private mutating func write(digitsOf value: UInt32) {
        let digits = Self.eightDigits(value)
        let zeros = digits.trailingZeroBitCount &>> 3
        self.write(digits: digits &>> UInt64(zeros &* 8), 8 &- zeros)
    }

    /// The decimal digits of a number below 10,000, the first in the lowest byte; as
    /// ``eightDigits(_:)``.
    @inline(__always)
    private static func fourDigits(_ value: UInt64) -> UInt64 {
        let hundreds = (value &* 10_486) >> 20
        let twos = hundreds | (value &- hundreds &* 100) << 16
        let tens = (twos &* 103) >> 10 & 0x000F_000F
        return tens | (twos &- tens &* 10) << 8
    }

    /// The decimal digits of a number below 100,000,000, the first in the lowest byte.
    ///
    /// Halves, pairs and digits are each parted at once in one word, which costs a third of a
    /// division per pair. The factors divide numbers of four and of two digits exactly.
    ///
    /// Source: Khuong, "How to print integers really fast", 2017.
    @inline(__always)
    private static func eightDigits(_ value: UInt32) -> UInt64 {
        let fours = UInt64(value / 10_000) | UInt64(value % 10_000) << 32
        let hundreds = (fours &* 10_486) >> 20 & 0x0000_007F_0000_007F
        let twos = hundreds | (fours &- hundreds &* 100) << 16
        let tens = (twos &* 103) >> 10 & 0x000F_000F_000F_000F
        return tens | (twos &- tens &* 10) << 8
    }

    /// Appends the first `digitCount` bytes of a word of digits.
    @inline(__always)
    private mutating func write(digits: UInt64, _ digitCount: Int) {
        let text = (digits | 0x3030_3030_3030_3030).littleEndian
        guard self.free >= 8 else { return self.detour { $0.write(few: text, digitCount) } }
        // One store; what it leaves behind the digits is overwritten or never shown.
        self.base.storeBytes(of: text, toByteOffset: self.count, as: UInt64.self)
        self.count &+= digitCount
    }

    @inline(never)
    private mutating func write(few digits: UInt64, _ digitCount: Int) {
        withUnsafeBytes(of: digits) { bytes in
            self.write(UnsafeRawBufferPointer(rebasing: bytes[..<digitCount]))
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
        self.count &+= written
    }

    /// Copies the fields of a head that are not of the kinds in `dropping`.
    ///
    /// Lines that follow each other are copied together; without any to drop that is one copy.
    @inline(__always)
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
    public mutating func removeLines(named name: UnsafeRawBufferPointer) {
        self.removeLines { $0.isLine($1, named: name) }
    }

    /// The same for several names, each behind a byte of its length.
    public mutating func removeLines(namedIn names: UnsafeRawBufferPointer) {
        self.removeLines { writer, line in
            var at = 0
            while at < names.count {
                let end = min(at + 1 + Int(names[at]), names.count)
                let name = UnsafeRawBufferPointer(rebasing: names[(at + 1)..<end])
                if writer.isLine(line, named: name) { return true }
                at = end
            }
            return false
        }
    }

    @inline(__always)
    private mutating func removeLines(where isRemoved: (HeadWriter, Range<Int>) -> Bool) {
        guard !self.overflowed else { return }
        var start = 0
        while start < self.count {
            let end = min(mesh_find_byte(self.base, start, self.count, 0x0A) + 1, self.count)
            if isRemoved(self, start..<end) {
                (self.base + start).copyMemory(from: self.base + end, byteCount: self.count - end)
                self.count -= end - start
            } else {
                start = end
            }
        }
    }

    /// Forgets what was written.
    public mutating func removeAll() {
        if !self.overflowed { self.count = 0 }
    }

    private func isLine(_ line: Range<Int>, named name: UnsafeRawBufferPointer) -> Bool {
        let count = name.count
        guard line.count > count,
            self.base.load(fromByteOffset: line.lowerBound + count, as: UInt8.self) == 0x3A
        else { return false }
        return (0..<count).allSatisfy { index in
            let byte = self.base.load(fromByteOffset: line.lowerBound + index, as: UInt8.self)
            return OctetView.lowercased(byte) == name[index]
        }
    }
}
