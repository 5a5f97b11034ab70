internal import CMeshSystem

/// Received bytes, read with bounds checks that stay on in release builds.
///
/// `UnsafeRawBufferPointer` checks its subscript in debug builds only; everything here that reads
/// hostile bytes goes through this view instead. The checks cost about 15 ns per head.
struct OctetView {
    private let base: UnsafeRawPointer
    let count: Int

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        if let base = bytes.baseAddress {
            self.base = base
            self.count = bytes.count
        } else {
            self.base = Self.nothing
            self.count = 0
        }
    }

    /// Where an empty view points; nothing is ever read through it.
    private static var nothing: UnsafeRawPointer {
        UnsafeRawPointer(("" as StaticString).utf8Start)
    }

    @inline(__always)
    subscript(index: Int) -> UInt8 {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: self.count), "read past the bytes")
        return self.base.load(fromByteOffset: index, as: UInt8.self)
    }

    /// Index of the first byte at or after `index` that may not stand in a field value.
    @inline(__always)
    func endOfFieldValue(from index: Int) -> Int {
        mesh_scan_field_value(self.base, index, self.count)
    }

    /// Whether there is a byte at `index`; as unsigned as the subscript's check, which it spares.
    @inline(__always)
    func has(_ index: Int) -> Bool {
        UInt(bitPattern: index) < UInt(bitPattern: self.count)
    }

    /// Whether there are CR and LF at `index`.
    @inline(__always)
    func isLineEnd(_ index: Int) -> Bool {
        // One comparison: no index is so large that the next one is negative.
        guard self.has(index &+ 1) else { return false }
        let pair = self.base.loadUnaligned(fromByteOffset: index, as: UInt16.self)
        return UInt16(littleEndian: pair) == 0x0A0D
    }

    /// Reads ordinary field lines from `index` on, at most `limit` bytes each; see `lines.h`.
    @inline(__always)
    func readLines(
        from index: Int,
        limit: Int,
        into room: UnsafeMutableRawBufferPointer
    ) -> mesh_lines_end {
        precondition(index >= 0 && index <= self.count, "read past the bytes")
        let places = room.count / MemoryLayout<mesh_field_line>.stride
        return mesh_read_lines(self.base, index, self.count, limit, room.baseAddress, places)
    }

    /// Index of the first byte at or after `index` that is not a token character.
    @inline(__always)
    func endOfToken(from index: Int) -> Int {
        mesh_scan_token(self.base, index, self.count)
    }

    /// Index of the first byte at or after `index` that may not stand in a request target.
    @inline(__always)
    func endOfTarget(from index: Int) -> Int {
        mesh_scan_target(self.base, index, self.count)
    }

    /// Index of the first byte at or after `index` that may not stand in a host's name.
    @inline(__always)
    func endOfHostName(from index: Int, to end: Int) -> Int {
        precondition(index >= 0 && end <= self.count, "read past the bytes")
        return mesh_scan_host_name(self.base, index, end)
    }

    /// Index of the first `byte` in `index..<end`, or `end`.
    @inline(__always)
    func firstIndex(of byte: UInt8, from index: Int, to end: Int) -> Int {
        precondition(index >= 0 && index <= end && end <= self.count, "read past the bytes")
        return mesh_find_byte(self.base, index, end, byte)
    }

    /// Eight bytes as a number whose lowest byte is the first.
    @inline(__always)
    func word(at index: Int) -> UInt64 {
        precondition(index >= 0 && 8 <= self.count - index, "read past the bytes")
        return UInt64(littleEndian: mesh_load_word(self.base, index))
    }

    /// Whether the bytes of `range` equal `text`, ignoring ASCII case.
    ///
    /// `text` has lower-case letters and bytes from 0x20 to 0x3F without `)` only, and the range
    /// no controls but HTAB; those of a field value, target or token never do.
    @inline(__always)
    func equals(_ range: ByteRange, _ text: StaticString) -> Bool {
        range.count == text.utf8CodeUnitCount && self.tokenMatches(range.start, text)
    }

    /// Whether what starts at `start` begins with `name`; as ``equals(_:_:)`` otherwise.
    @inline(__always)
    func tokenMatches(_ start: Int, _ name: StaticString) -> Bool {
        let count = name.utf8CodeUnitCount
        precondition(start >= 0 && count <= self.count - start, "read past the bytes")
        return mesh_token_equals(self.base, start, name.utf8Start, count) != 0
    }

    /// Whether the bytes of `range` equal `name`, which must be lower case, ignoring ASCII case.
    func equals(_ range: ByteRange, lowercased name: UnsafeRawBufferPointer) -> Bool {
        let other = OctetView(name)
        guard range.count == other.count else { return false }
        for offset in 0..<range.count
        where Self.lowercased(self[range.start + offset]) != other[offset] {
            return false
        }
        return true
    }

    /// Whether both ranges hold the same bytes, ignoring ASCII case.
    func equals(_ left: ByteRange, _ right: ByteRange) -> Bool {
        guard left.count == right.count else { return false }
        for offset in 0..<left.count
        where Self.lowercased(self[left.start + offset])
            != Self.lowercased(self[right.start + offset])
        {
            return false
        }
        return true
    }

    /// ASCII letters in lower case, everything else as it is.
    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    /// Whether the byte may stand in a token (RFC 9110 section 5.6.2).
    @inline(__always)
    static func isTokenByte(_ byte: UInt8) -> Bool { mesh_is_token_byte(byte) != 0 }

    /// Reads a non-empty run of decimal digits; `nil` for anything else and on overflow.
    func decimal(_ range: ByteRange) -> UInt64? {
        guard range.count > 0 else { return nil }
        var value: UInt64 = 0
        for index in range.start..<range.end {
            let digit = self[index] &- 0x30
            guard digit < 10 else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// Cuts spaces and tabs off both ends of `start..<end`.
    @inline(__always)
    func trimmed(_ start: Int, _ end: Int) -> ByteRange {
        precondition(start >= 0 && end <= self.count, "read past the bytes")
        var first = start
        var last = end
        // What nearly every field has: one space before its value.
        if last &- first > 1, self.isSpace(first), self.isText(first &+ 1), self.isText(last &- 1) {
            return ByteRange(start: first &+ 1, count: last &- first &- 1)
        }
        while first < last, self.isBlank(first) { first &+= 1 }
        while last > first, self.isBlank(last &- 1) { last &-= 1 }
        return ByteRange(start: first, count: last - first)
    }

    /// The index must have been checked.
    @inline(__always)
    private func isSpace(_ index: Int) -> Bool {
        self.base.load(fromByteOffset: index, as: UInt8.self) == Octet.space
    }

    /// The index must have been checked.
    @inline(__always)
    private func isText(_ index: Int) -> Bool {
        self.base.load(fromByteOffset: index, as: UInt8.self) > Octet.space
    }

    /// The index must have been checked.
    @inline(__always)
    private func isBlank(_ index: Int) -> Bool {
        let byte = self.base.load(fromByteOffset: index, as: UInt8.self)
        return byte == Octet.space || byte == Octet.tab
    }
}
