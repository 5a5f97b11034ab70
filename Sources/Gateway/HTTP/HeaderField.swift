/// One field line of a head, as offsets into the bytes it was read from; 12 bytes, laid out as
/// `mesh_field_line`.
public struct HeaderField: Equatable, Sendable {
    private var nameOffset: UInt16
    private var nameByteCount: UInt16
    private var valueOffset: UInt16
    private var valueByteCount: UInt16
    private var lineEndOffset: UInt16
    /// What the name means.
    public internal(set) var kind: HeaderKind

    /// Name and value must lie before `lineEnd`, which a head's limit keeps within 16 bits.
    @inline(__always)
    init(name: ByteRange, value: ByteRange, lineEnd: Int, kind: HeaderKind) {
        self.lineEndOffset = UInt16(lineEnd)
        assert(name.end <= lineEnd && value.end <= lineEnd, "a field ends with its line")
        self.nameOffset = UInt16(truncatingIfNeeded: name.start)
        self.nameByteCount = UInt16(truncatingIfNeeded: name.count)
        self.valueOffset = UInt16(truncatingIfNeeded: value.start)
        self.valueByteCount = UInt16(truncatingIfNeeded: value.count)
        self.kind = kind
    }

    /// The name as it was spelled.
    public var name: ByteRange {
        ByteRange(start: Int(self.nameOffset), count: Int(self.nameByteCount))
    }

    /// The value without the white space around it.
    public var value: ByteRange {
        ByteRange(start: Int(self.valueOffset), count: Int(self.valueByteCount))
    }

    /// Offset just behind the line's CRLF.
    public var lineEnd: Int { Int(self.lineEndOffset) }
}

/// Room for the fields of one head; one per worker, reused for every head.
///
/// Whoever allocates it deallocates it. Indexes are checked in release builds, too.
public struct HeaderFieldBuffer {
    private let base: UnsafeMutablePointer<HeaderField>
    /// How many fields fit.
    public let capacity: Int

    /// Takes memory for `capacity` fields, by default the limit of ``HeadLimits``.
    public static func allocate(capacity: Int = HeadLimits().fieldCount) -> HeaderFieldBuffer {
        HeaderFieldBuffer(base: .allocate(capacity: max(1, capacity)), capacity: capacity)
    }

    /// Gives the memory back.
    public func deallocate() { self.base.deallocate() }

    /// The field at `index`; the index must be below the head's field count.
    public subscript(index: Int) -> HeaderField {
        @inline(__always)
        get {
            precondition(
                UInt(bitPattern: index) < UInt(bitPattern: self.capacity),
                "no such field"
            )
            return self.base[index]
        }
        @inline(__always)
        nonmutating set {
            precondition(
                UInt(bitPattern: index) < UInt(bitPattern: self.capacity),
                "no such field"
            )
            (self.base + index).initialize(to: newValue)
        }
    }

    /// The memory of the fields from `index` up to the one at `end`.
    @inline(__always)
    func room(from index: Int, to end: Int) -> UnsafeMutableRawBufferPointer {
        precondition(index >= 0 && index <= end && end <= self.capacity, "no such field")
        let stride = MemoryLayout<HeaderField>.stride
        return UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(self.base) + index &* stride,
            count: (end &- index) &* stride
        )
    }

    /// Marks a field so that it is not forwarded.
    public func drop(_ index: Int) { self.mark(index, as: .dropped) }

    /// Says what a field's name means.
    @inline(__always)
    func mark(_ index: Int, as kind: HeaderKind) {
        precondition(
            UInt(bitPattern: index) < UInt(bitPattern: self.capacity),
            "no such field"
        )
        self.base[index].kind = kind
    }

    /// The value of the first field of a kind.
    @inline(never)
    func firstValue(
        of kind: HeaderKind,
        count: Int,
        of bytes: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        for index in 0..<count where self[index].kind == kind {
            return self[index].value.bytes(of: bytes)
        }
        return nil
    }

    /// Whether any field with this name has a value that passes `test`.
    ///
    /// - Parameters:
    ///   - name: The name in lower case.
    ///   - count: How many fields the head has.
    ///   - bytes: What the head was read from.
    ///   - test: Called with each value in order until it returns true.
    /// - Returns: Whether a call of `test` returned true.
    public func anyValue(
        named name: UnsafeRawBufferPointer,
        count: Int,
        of bytes: UnsafeRawBufferPointer,
        where test: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        let octets = OctetView(bytes)
        for index in 0..<count {
            let field = self[index]
            if octets.equals(field.name, lowercased: name), test(field.value.bytes(of: bytes)) {
                return true
            }
        }
        return false
    }
}
