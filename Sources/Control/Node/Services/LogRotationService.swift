import Logging
import MeshDataPlane
import ServiceLifecycle
import UnixSignals

/// Opens the access log anew at SIGHUP and SIGUSR1, which log rotation sends; neither ends the node.
///
/// SIGHUP looks at the OCSP responses of `proxy.ocsp_dir` again, too.
struct LogRotationService: Service {
    private let signals: UnixSignalsSequence
    private let dataPlane: DataPlane
    private let logger: Logger

    /// Catches the signals from now on.
    init(dataPlane: DataPlane, logger: Logger) async {
        self.signals = await UnixSignalsSequence(trapping: .sighup, .sigusr1)
        self.dataPlane = dataPlane
        self.logger = logger
    }

    /// Runs until the node shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await signal in self.signals {
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
}
