internal import CMeshSystem
internal import Glibc
internal import Synchronization

/// Messages from other threads to one reactor: a bounded queue and an eventfd that wakes it.
final class Mailbox<Message: Sendable>: Sendable {
    private let queue = Mutex<[Message]>([])
    private let limit: Int
    /// Readable while there are messages.
    let descriptor: Int32

    /// Creates an empty mailbox; `nil` when the system has no descriptor left.
    init?(limit: Int = 65_536) {
        let descriptor = mesh_eventfd()
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
        self.limit = limit
    }

    deinit { close(self.descriptor) }

    /// Adds a message and wakes the reactor; `false` when the mailbox is full.
    @discardableResult
    func post(_ message: Message) -> Bool { self.post(message) { _, _ in false } }

    /// Adds a message and wakes the reactor, unless `join` has put it into the last one that waits.
    ///
    /// `false` when the mailbox is full.
    @discardableResult
    func post(_ message: Message, join: (inout Message, Message) -> Bool) -> Bool {
        let (isTaken, isFirst) = self.queue.withLock { queue in
            guard !queue.isEmpty else {
                queue.append(message)
                return (true, true)
            }
            if join(&queue[queue.count - 1], message) { return (true, false) }
            guard queue.count < self.limit else { return (false, false) }
            queue.append(message)
            return (true, false)
        }
        // Whoever put the first one in has woken the reactor, and it takes all at once.
        if isFirst { mesh_eventfd_signal(self.descriptor) }
        return isTaken
    }

    /// Takes all messages, oldest first.
    func take() -> [Message] {
        mesh_eventfd_clear(self.descriptor)
        return self.queue.withLock { queue in
            let messages = queue
            queue = []
            return messages
        }
    }
}
