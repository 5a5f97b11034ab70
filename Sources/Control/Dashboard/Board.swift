import Synchronization

/// A ledger that is watched: who is slow gets several changes as one, never a part of them.
public final class Board: Sendable {
    /// Watchers at once; further ones get an ended stream: 64.
    public static let watcherLimit = 64

    private struct State {
        var ledger: BoardLedger
        var watchers: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var nextWatcher: UInt64 = 0
        var isEnded = false
    }

    private let state: Mutex<State>

    /// Creates an empty board.
    ///
    /// - Parameter epoch: see ``BoardLedger/init(epoch:)``.
    public init(epoch: String) {
        self.state = Mutex(State(ledger: BoardLedger(epoch: epoch)))
    }

    /// Whether somebody watches now.
    public var isWatched: Bool { self.state.withLock { !$0.watchers.isEmpty } }

    /// Takes all facts as they are now and wakes who watches.
    public func replace(with facts: [String: String]) {
        let watchers = self.state.withLock { state in
            state.ledger.replace(with: facts) ? Array(state.watchers.values) : []
        }
        for watcher in watchers { watcher.yield() }
    }

    /// See ``BoardLedger/change(after:)``.
    public func change(after mark: String?) -> BoardChange {
        self.state.withLock { $0.ledger.change(after: mark) }
    }

    /// What has changed after a mark, at once, and then whatever changes, until ``end()``.
    public func changes(after mark: String?) -> AsyncStream<BoardChange> {
        let (wakes, waker) = AsyncStream.makeStream(
            of: Void.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let number: UInt64? = self.state.withLock { state in
            guard !state.isEnded, state.watchers.count < Self.watcherLimit else { return nil }
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = waker
            return state.nextWatcher
        }
        guard let number else {
            return AsyncStream { $0.finish() }
        }
        waker.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.watchers.removeValue(forKey: number) }
        }
        waker.yield()
        let seen = Mutex(mark)
        return AsyncStream { [weak self] in
            for await _ in wakes {
                guard let board = self else { return nil }
                let change = board.change(after: seen.withLock { $0 })
                seen.withLock { $0 = change.mark }
                if !change.isEmpty { return change }
            }
            return nil
        }
    }

    /// Ends every stream, and those to come.
    public func end() {
        let watchers = self.state.withLock { state in
            state.isEnded = true
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.finish() }
    }
}
