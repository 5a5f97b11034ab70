/// A stretch of a buffer that somebody else owns.
public struct ByteRange: Equatable, Sendable {
    /// Offset of the first byte.
    public var start: Int
    /// How many bytes.
    public var count: Int

    /// Creates a range.
    @inlinable
    public init(start: Int, count: Int) {
        self.start = start
        self.count = count
    }

    /// No bytes.
    @inlinable
    public static var empty: ByteRange { ByteRange(start: 0, count: 0) }

    /// Offset just behind the last byte.
    @inlinable
    public var end: Int { self.start + self.count }

    /// Whether there are no bytes.
    @inlinable
    public var isEmpty: Bool { self.count == 0 }

    /// The bytes themselves; `buffer` must be the one this range was read from.
    @inlinable
    @inline(__always)
    public func bytes(of buffer: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        precondition(
            self.start >= 0 && self.count >= 0 && self.end <= buffer.count,
            "foreign range"
        )
        guard let base = buffer.baseAddress else { return buffer }
        return UnsafeRawBufferPointer(start: base + self.start, count: self.count)
    }
}
