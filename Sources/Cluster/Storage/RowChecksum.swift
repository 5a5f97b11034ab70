internal import MeshPrimitives

/// A 64-bit sum over the content of one row; any change of one byte changes it.
///
/// Against accidents, not against an attacker who can write the file.
///
/// Source: FNV-1a (Fowler, Noll, Vo), then the finalizer of SplitMix64.
enum RowChecksum {
    /// Sums bytes.
    static func of(_ bytes: [UInt8]) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return SeededGenerator.mix(hash)
    }

    /// Sums a named value.
    static func of(name: String, content: [UInt8]) -> UInt64 {
        var writer = ByteWriter(capacity: name.utf8.count + content.count + 6)
        writer.write(name)
        writer.write(sized: content)
        return self.of(writer.bytes)
    }
}
