internal import CMeshSystem
internal import Glibc

/// One epoll instance and room for a batch of its events.
struct Poller {
    /// What happened to one descriptor.
    struct Event {
        /// What was given when it was added.
        let token: UInt64
        /// Input, or the end of it.
        let isReadable: Bool
        /// Room for output.
        let isWritable: Bool
        /// The peer has finished writing.
        let isPeerClosed: Bool
        /// The connection is broken in both directions.
        let hasFailed: Bool

        /// What an event that was put off said, as far as it can still be acted on.
        static let readyAgain = Event(
            token: 0,
            isReadable: true,
            isWritable: true,
            isPeerClosed: false,
            hasFailed: false
        )
    }

    private static let batch: Int32 = 256
    let descriptor: Int32
    private let events: UnsafeMutableRawPointer

    /// Creates an epoll instance; `nil` when the system refuses.
    init?() {
        let descriptor = mesh_epoll_create()
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
        self.events = .allocate(byteCount: Int(Self.batch) * mesh_event_stride(), alignment: 8)
    }

    func deallocate() {
        close(self.descriptor)
        self.events.deallocate()
    }

    /// Waits for events; returns how many.
    @inline(__always)
    func wait(milliseconds: Int64) -> Int32 {
        let limit = Int32(truncatingIfNeeded: min(milliseconds, 60_000))
        return max(0, mesh_epoll_wait(self.descriptor, self.events, Self.batch, limit))
    }

    /// One event of the last batch.
    @inline(__always)
    func event(_ index: Int32) -> Event {
        let flags = mesh_event_flags(self.events, index)
        return Event(
            token: mesh_event_token(self.events, index),
            isReadable: flags & (mesh_event_in | mesh_event_peer_closed) != 0,
            isWritable: flags & mesh_event_out != 0,
            isPeerClosed: flags & mesh_event_peer_closed != 0,
            hasFailed: flags & mesh_event_failed != 0
        )
    }
}
