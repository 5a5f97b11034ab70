import Synchronization

/// What the nodes of a mesh seal sessions with that have no secret of their own; it changes while
/// requests run.
final class SessionKeys: Sendable {
    private let current = Mutex<[[UInt8]]>([])

    /// The first makes new cookies, the others are taken too.
    var all: [[UInt8]] {
        get { self.current.withLock { $0 } }
        set { self.current.withLock { $0 = newValue } }
    }
}
