import Logging
import MeshDataPlane
import ServiceLifecycle
import UnixSignals

/// Opens the access log anew at SIGHUP and SIGUSR1, which log rotation sends; neither ends the node.
///
/// SIGHUP looks at the OCSP responses of `proxy.ocsp_dir` again, too, and at the certificates and
/// tokens of the Admin API; what cannot be used is told, and what was in use stays.
struct LogRotationService: Service {
    private let signals: UnixSignalsSequence
    private let dataPlane: DataPlane
    private let logger: Logger
    private let renewAdmin: @Sendable () throws -> Void

    /// Catches the signals from now on.
    init(
        dataPlane: DataPlane,
        logger: Logger,
        renewAdmin: @escaping @Sendable () throws -> Void
    ) async {
        self.signals = await UnixSignalsSequence(trapping: .sighup, .sigusr1)
        self.dataPlane = dataPlane
        self.logger = logger
        self.renewAdmin = renewAdmin
    }

    /// Runs until the node shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await signal in self.signals {
                if signal == .sighup { self.readAdminAgain() }
                if signal == .sighup, self.dataPlane.refreshStaples() {
                    self.logger.info("OCSP responses renewed")
                }
                do {
                    try self.dataPlane.reopenLog()
                    self.logger.info("access log reopened", metadata: ["signal": "\(signal)"])
                } catch {
                    self.logger.error("access log kept", metadata: ["reason": "\(error)"])
                }
            }
        }
    }

    private func readAdminAgain() {
        do {
            try self.renewAdmin()
            self.logger.info("certificates and tokens of the Admin API read again")
        } catch {
            self.logger.error(
                "certificates and tokens of the Admin API kept",
                metadata: ["reason": "\(error)"]
            )
        }
    }
}
