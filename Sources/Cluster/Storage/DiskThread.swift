internal import Dispatch

/// Runs what may block on the disk, one after the other, on a thread that nothing else waits for.
///
/// The threads of Swift's tasks are as few as processors; two slow disks' worth of waiting there
/// would hold up every task of the node.
public final class DiskThread: Sendable {
    private let queue = DispatchQueue(label: "mesh.disk")

    /// Creates a thread that sleeps until it is given something.
    public init() {}

    /// Runs `work` after all that was given before; returns at once.
    public func enqueue(_ work: @escaping @Sendable () -> Void) {
        self.queue.async(execute: work)
    }

    /// Runs `work` and gives its result; does not end early when the task is cancelled.
    ///
    /// - Throws: what `work` throws.
    public func run<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            self.queue.async { continuation.resume(with: Swift.Result(catching: work)) }
        }
    }
}
