import MeshReplication
import NIOCore

/// A durable write of this node that waits for the disk.
///
/// Until it ends, the store takes no other step, so that it can be undone as if it never was.
struct LocalWrite {
    /// The store as it was, to return to when saving fails.
    let before: Replication
    /// What was written.
    let records: [Record]
    /// Who waits for it.
    let promise: EventLoopPromise<[Record]>
}
