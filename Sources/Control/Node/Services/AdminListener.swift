import Logging
import MeshAdmin
import MeshListening
import MeshPrimitives
import MeshReports
import ServiceLifecycle
import Synchronization

/// One listener of the Admin side, whose failure to bind names the setting to change.
///
/// A listener that breaks later, as when descriptors run out, never ends the node: it is opened
/// again, ever more slowly.
struct AdminListener: Service {
    /// Time before a broken listener is opened again: 100 ms, doubled up to ``pauseMaximum``.
    private static let pause = Duration.milliseconds(100)
    /// The longest time between two tries.
    private static let pauseMaximum = Duration.seconds(5)

    let setting: String
    let place: AdminServerConfiguration.Place
    let listeners: ListenerSet
    let logger: Logger
    /// Makes a server that calls back when it is bound; a server runs once.
    let makeServer: @Sendable (_ onBound: @escaping @Sendable (Endpoint?) -> Void) -> AdminServer

    /// Runs until the node shuts down.
    ///
    /// - Throws: ``Failure`` when the first try cannot bind.
    func run() async throws {
        let hasBound = Atomic(false)
        var pause = Self.pause
        while true {
            let opened = ContinuousClock.now
            var reason = "the system closed it"
            do {
                try await self.makeServer { _ in hasBound.store(true, ordering: .relaxed) }.run()
            } catch {
                reason = "\(error)"
                guard hasBound.load(ordering: .relaxed) || Task.isCancelled else {
                    throw Failure.cannotListen(self.setting, self.shown, reason: reason)
                }
            }
            guard !Task.isCancelled, !Task.isShuttingDownGracefully else { return }
            guard !self.listeners.isHandedOver else {
                // The node ends with its last requests, not with a listener.
                try? await gracefulShutdown()
                return
            }
            if opened.duration(to: .now) > .seconds(30) { pause = Self.pause }
            self.logger.tell(
                .listenerLost,
                "listener lost, opening it again",
                ["setting": "\(self.setting)", "reason": "\(reason)"]
            )
            let delay = pause
            await cancelWhenGracefulShutdown { try? await Task.sleep(for: delay) }
            pause = min(pause * 2, Self.pauseMaximum)
            guard !Task.isCancelled, !Task.isShuttingDownGracefully else { return }
        }
    }

    private var shown: String {
        switch self.place {
        case .address(let endpoint): "\(endpoint)"
        case .socket(let path): path
        }
    }

    /// Why a listener did not run.
    indirect enum Failure: Error, CustomStringConvertible {
        /// The address could not be listened on, or the listener broke.
        case cannotListen(String, String, reason: String)

        /// One line for the operator.
        var description: String {
            switch self {
            case .cannotListen(let setting, let place, let reason):
                "\(setting) \(place) cannot be listened on (\(reason)): "
                    + "stop what uses it, or choose another address or port"
            }
        }
    }
}
