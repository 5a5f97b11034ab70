public import MeshPrimitives

/// Which write of a record this is; the higher one wins.
///
/// Stamps of one writer never repeat, so a version names one write in the whole mesh.
public struct RecordVersion: Hashable, Comparable, Sendable {
    /// When it was written, by the writer's hybrid clock.
    public let stamp: HybridTimestamp
    /// Who wrote it; decides between equal stamps.
    public let writer: NodeID

    /// Creates a version.
    public init(stamp: HybridTimestamp, writer: NodeID) {
        self.stamp = stamp
        self.writer = writer
    }

    /// Orders by stamp, then by writer.
    public static func < (left: RecordVersion, right: RecordVersion) -> Bool {
        if left.stamp != right.stamp { return left.stamp < right.stamp }
        return left.writer < right.writer
    }
}
