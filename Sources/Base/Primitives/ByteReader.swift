/// Reads what ``ByteWriter`` wrote from bytes that may be hostile; never traps.
public struct ByteReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    /// Creates a reader at the start of `bytes`.
    public init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        self.position = bytes.startIndex
    }

    /// Creates a reader at the start of `bytes`.
    public init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Bytes not read yet.
    public var remaining: Int { self.bytes.endIndex - self.position }

    /// Reads `count` bytes.
    ///
    /// - Throws: ``ByteReaderError/truncated(needed:remaining:)``; nothing is consumed then.
    public mutating func read(count: Int) throws(ByteReaderError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= self.remaining else {
            throw .truncated(needed: count, remaining: self.remaining)
        }
        defer { self.position += count }
        return self.bytes[self.position..<(self.position + count)]
    }

    /// Reads a fixed-width integer, most significant byte first.
    ///
    /// - Throws: ``ByteReaderError/truncated(needed:remaining:)``.
    @inlinable
    public mutating func read<Value: FixedWidthInteger>(
        _ type: Value.Type = Value.self
    ) throws(ByteReaderError) -> Value {
        var value: Value = 0
        for byte in try self.read(count: Value.bitWidth / 8) {
            value = (value << 8) | Value(truncatingIfNeeded: byte)
        }
        return value
    }

    /// Reads a string with its 16-bit length.
    ///
    /// - Throws: ``ByteReaderError`` when it is cut short or not UTF-8.
    public mutating func readString() throws(ByteReaderError) -> String {
        let count: UInt16 = try self.read()
        let encoded = try self.read(count: Int(count))
        guard let text = String(validating: encoded, as: UTF8.self) else { throw .invalidText }
        return text
    }

    /// Reads bytes with their 32-bit length.
    ///
    /// - Parameter limit: refuse more bytes than this before allocating.
    /// - Returns: the bytes, copied.
    /// - Throws: ``ByteReaderError`` when cut short or over the limit.
    public mutating func readSized(limit: Int) throws(ByteReaderError) -> [UInt8] {
        let count: UInt32 = try self.read()
        guard Int(count) <= limit else { throw .tooLarge(found: Int(count), limit: limit) }
        return Array(try self.read(count: Int(count)))
    }

    /// Reads an identity.
    ///
    /// - Throws: ``ByteReaderError/truncated(needed:remaining:)``.
    public mutating func readNodeID() throws(ByteReaderError) -> NodeID {
        NodeID(high: try self.read(), low: try self.read())
    }

    /// Reads a hash.
    ///
    /// - Throws: ``ByteReaderError/truncated(needed:remaining:)``.
    public mutating func readHash() throws(ByteReaderError) -> ContentHash {
        ContentHash(high: try self.read(), low: try self.read())
    }
}

/// Why bytes could not be read; always the sender's fault, never a reason to trap.
public enum ByteReaderError: Error, Equatable, Sendable {
    /// Fewer bytes remain than the next field needs.
    case truncated(needed: Int, remaining: Int)
    /// A declared length exceeds the limit of its field.
    case tooLarge(found: Int, limit: Int)
    /// A text field is not UTF-8.
    case invalidText
    /// A field holds a value that its type does not know.
    case invalidValue(field: String, found: UInt64)
}
