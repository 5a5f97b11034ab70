import MeshPrimitives

/// Short hashes of parts of a view, so that two nodes find what differs without telling everything.
///
/// Members are spread over 256 buckets by identity; a bucket's hash is the exclusive or of its members'
/// hashes, so a change costs no more than that. Suspicions are left out: they come and go.
struct ViewDigest: Equatable, Sendable {
    /// Buckets: 256; 1 KiB on the wire.
    static let bucketCount = NodeBucket.count

    /// One hash per bucket.
    private(set) var buckets = [UInt32](repeating: 0, count: Self.bucketCount)

    /// Adds a member, or takes it out when it is there.
    mutating func toggle(_ member: Member) {
        let bucket = NodeBucket.of(member.id)
        self.buckets[bucket] ^= Self.hash(of: member)
    }

    /// Which buckets differ from those of another view.
    func differences(from other: [UInt32]) -> [UInt8] {
        guard other.count == Self.bucketCount else { return [] }
        return (0..<Self.bucketCount).filter { self.buckets[$0] != other[$0] }
            .map { UInt8($0) }
    }

    private static func hash(of member: Member) -> UInt32 {
        let record = member.signed.record
        let standing: UInt64 =
            switch member.state {
            case .alive, .suspect: 1
            case .failed: 2
            case .left: record.hasLeft ? 3 : 4
            }
        var hash = SeededGenerator.mix(member.id.high ^ standing)
        hash = SeededGenerator.mix(hash ^ member.id.low)
        hash = SeededGenerator.mix(hash ^ record.incarnation)
        // Two processes with one identity may be at one incarnation.
        hash = SeededGenerator.mix(hash ^ record.start.token)
        return UInt32(truncatingIfNeeded: hash >> 32)
    }
}
