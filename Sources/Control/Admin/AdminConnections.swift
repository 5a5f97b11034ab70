import NIOCore
import Synchronization

/// The connections of one listener, which end with it: each when it has answered what it was asked.
final class AdminConnections: Sendable {
    private struct State {
        var listener: (any Channel)?
        var open: [ObjectIdentifier: any Channel] = [:]
        var isEnding = false
    }

    private let state = Mutex(State())

    /// Takes the listener, which closes at ``end()``.
    func listens(_ listener: any Channel) {
        let isEnding = self.state.withLock { state in
            state.listener = listener
            return state.isEnding
        }
        if isEnding { listener.close(promise: nil) }
    }

    /// Takes a connection that was accepted and set up.
    func add(_ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        let isEnding = self.state.withLock { state in
            state.open[key] = channel
            return state.isEnding
        }
        channel.closeFuture.whenComplete { [weak self] _ in
            self?.state.withLock { _ = $0.open.removeValue(forKey: key) }
        }
        if isEnding { Self.quiesce(channel) }
    }

    /// Closes the listener and the connections that are idle; the others after their answer.
    func end() {
        let (listener, open) = self.state.withLock { state in
            state.isEnding = true
            return (state.listener, Array(state.open.values))
        }
        listener?.close(promise: nil)
        for channel in open { Self.quiesce(channel) }
    }

    /// The same for a successor of the same sockets; blocks until the listener takes nobody any more,
    /// so that two processes never run for one connection.
    func endForSuccessor() {
        try? self.state.withLock { $0.listener }?.close().wait()
        self.end()
    }

    private static func quiesce(_ channel: any Channel) {
        channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }
}
