internal import MeshPrimitives

/// Hashes over all durable records: one root, and one per bucket of keys.
///
/// Combined by exclusive or, so that order plays no part and one change costs the same at any size.
/// Two stores with equal roots hold the same records; where roots differ, unequal buckets say where.
struct DigestTree: Equatable, Sendable {
    /// Buckets of the tree: one summary of 256 × 8 bytes finds one changed record in 65,536.
    static let bucketCount = 256

    /// Over everything.
    private(set) var root = ContentHash.zero
    /// Per bucket, in order.
    private(set) var buckets = [UInt64](repeating: 0, count: DigestTree.bucketCount)

    /// Puts a record's hash in, or takes it out again.
    mutating func toggle(_ hash: ContentHash, in bucket: UInt8) {
        self.root = self.root ^ hash
        self.buckets[Int(bucket)] ^= hash.high
    }

    /// Buckets whose hash differs from a peer's; `others` must have 256 elements.
    func differences(to others: [UInt64]) -> [UInt8] {
        precondition(others.count == Self.bucketCount, "the receiver checks the count")
        return (0..<Self.bucketCount).filter { self.buckets[$0] != others[$0] }.map(UInt8.init)
    }
}
