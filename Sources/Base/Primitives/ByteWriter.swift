/// Appends integers (big endian) and length-prefixed strings to a growing buffer.
public struct ByteWriter: Sendable {
    /// What has been written.
    public private(set) var bytes: [UInt8]

    /// Creates an empty writer with room for `capacity` bytes.
    public init(capacity: Int = 256) {
        self.bytes = []
        self.bytes.reserveCapacity(capacity)
    }

    /// Appends a fixed-width integer, most significant byte first.
    @inlinable
    public mutating func write<Value: FixedWidthInteger>(_ value: Value) {
        for shift in stride(from: Value.bitWidth - 8, through: 0, by: -8) {
            self.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }

    /// Appends one byte.
    public mutating func append(_ byte: UInt8) { self.bytes.append(byte) }

    /// Appends bytes as they are.
    public mutating func append(contentsOf more: some Sequence<UInt8>) {
        self.bytes.append(contentsOf: more)
    }

    /// Appends a 16-bit length and the UTF-8 bytes; longer text is cut at 65,535 bytes.
    public mutating func write(_ text: String) {
        let encoded = text.utf8.prefix(Int(UInt16.max))
        self.write(UInt16(encoded.count))
        self.bytes.append(contentsOf: encoded)
    }

    /// Appends a 32-bit length and the bytes.
    public mutating func write(sized content: [UInt8]) {
        self.write(UInt32(clamping: content.count))
        self.bytes.append(contentsOf: content)
    }

    /// Appends an identity, 16 bytes.
    public mutating func write(_ node: NodeID) {
        self.write(node.high)
        self.write(node.low)
    }

    /// Appends a hash, 16 bytes.
    public mutating func write(_ hash: ContentHash) {
        self.write(hash.high)
        self.write(hash.low)
    }

    /// Overwrites a 16-bit integer written before, for lengths known only afterwards.
    public mutating func overwrite(_ value: UInt16, at offset: Int) {
        self.bytes[offset] = UInt8(truncatingIfNeeded: value >> 8)
        self.bytes[offset + 1] = UInt8(truncatingIfNeeded: value)
    }
}
