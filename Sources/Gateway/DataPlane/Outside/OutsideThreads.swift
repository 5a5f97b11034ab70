internal import Glibc
internal import MeshPlugins
internal import Synchronization

/// Threads for what plugins do outside of the workers; started when they are first needed.
final class OutsideThreads: PluginOutside {
    /// Most pieces of work that wait: more would not have their turn before requests give up.
    private static let limit = 256

    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var threads: [ReactorThread] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    private let count: Int
    /// Counts what waits, for threads to wait on; freed with the object.
    private nonisolated(unsafe) let semaphore: UnsafeMutablePointer<sem_t>

    /// Creates a pool of so many threads that run when there is work.
    init(count: Int) {
        self.count = count
        self.semaphore = .allocate(capacity: 1)
        sem_init(self.semaphore, 0, 0)
    }

    deinit {
        sem_destroy(self.semaphore)
        self.semaphore.deallocate()
    }

    /// From any thread; false when too much waits, or everything ends.
    func run(_ work: @escaping @Sendable () -> Void) -> Bool {
        let isTaken = self.state.withLock { state in
            guard !state.isStopped, state.waiting.count < Self.limit else { return false }
            if state.threads.count < self.count {
                let thread = startReactorThread(name: "mesh-plugins") { self.work() }
                if let thread { state.threads.append(thread) }
            }
            guard !state.threads.isEmpty else { return false }
            state.waiting.append(work)
            return true
        }
        if isTaken { sem_post(self.semaphore) }
        return isTaken
    }

    /// Ends the threads after what they are at; what waits is not done.
    func stop() {
        let threads = self.state.withLock { state in
            state.isStopped = true
            state.waiting = []
            defer { state.threads = [] }
            return state.threads
        }
        for _ in threads { sem_post(self.semaphore) }
        for thread in threads { thread.join() }
    }

    private func work() {
        while true {
            guard sem_wait(self.semaphore) == 0 else { continue }
            let (work, isStopped) = self.state.withLock { state in
                (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.isStopped)
            }
            if isStopped { return }
            work?()
        }
    }
}
