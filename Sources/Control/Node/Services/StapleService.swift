import Logging
import MeshDataPlane
import MeshReports
import ServiceLifecycle

/// Looks at the OCSP responses of `proxy.ocsp_dir` again once a minute, so that new ones are stapled
/// and those that are too old are not.
struct StapleService: Service {
    private static let interval = Duration.seconds(60)

    let dataPlane: DataPlane
    let logger: Logger

    /// Runs until the node shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.interval)
                if self.dataPlane.refreshStaples() {
                    self.logger.tell(.staplesRenewed, "OCSP responses renewed")
                }
            }
        }
    }
}
