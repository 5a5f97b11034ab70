import MeshPrimitives
import Synchronization

/// Wakes one waiting task: rung often while nobody waits, it wakes once.
final class Doorbell: Sendable {
    private struct State {
        var isRung = false
        var isOver = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Wakes who waits, or will wait next.
    func ring() { self.change { $0.isRung = true } }

    /// Wakes who waits, and everybody who waits later.
    func end() { self.change { $0.isOver = true } }

    /// Waits until somebody rings or the moment comes; `nil` is never.
    ///
    /// At most one timer runs, and none is left when it returns.
    ///
    /// - Returns: `false` when it is over, or the task was cancelled.
    func wait(until moment: MonotonicInstant?) async -> Bool {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait() }
            if let moment {
                group.addTask { try? await Task.sleep(for: NodeClock.now.duration(to: moment)) }
            }
            await group.next()
            group.cancelAll()
        }
        return self.state.withLock { state in
            state.isRung = false
            return !state.isOver
        } && !Task.isCancelled
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isNow = self.state.withLock { state in
                    guard !state.isRung, !state.isOver, !Task.isCancelled else { return true }
                    state.waiter = continuation
                    return false
                }
                if isNow { continuation.resume() }
            }
        } onCancel: {
            self.change { _ in }
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let waiter = self.state.withLock { state in
            body(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}
