public import MeshPrimitives

/// Hashes replicated content with BLAKE2b, 16 bytes.
///
/// Passed into the changelog, which imports no cryptography itself.
public func contentHash(of content: [UInt8]) -> ContentHash {
    let digest = Sodium.hash(content, byteCount: 16)
    let half = { (range: Range<Int>) in
        digest[range].reduce(UInt64(0)) { ($0 << 8) | UInt64($1) }
    }
    return ContentHash(high: half(0..<8), low: half(8..<16))
}
