import Dispatch

/// Where everything in this target runs: one thread of its own, which may block.
///
/// The other tests of the process keep the shared pool busy; waiting there would measure them, not
/// the mesh.
@globalActor
actor LoopbackActor {
    static let shared = LoopbackActor()

    private let executor = BlockingExecutor()

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        self.executor.asUnownedSerialExecutor()
    }
}

private final class BlockingExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "meshgate.end-to-end")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
