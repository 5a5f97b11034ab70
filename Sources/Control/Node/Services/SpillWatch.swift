import Logging
import MeshDataPlane
import MeshReports
import ServiceLifecycle

/// Tells when bodies that are too long for memory find no room on disk, at most every ten seconds.
struct SpillWatch: Service {
    private static let interval = Duration.seconds(10)

    let dataPlane: DataPlane
    let logger: Logger

    /// Runs until the node shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            var known: UInt64 = 0
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.interval)
                let count = self.dataPlane.spillFailures
                if count > known {
                    self.logger.tell(
                        .bodiesUnbuffered,
                        "bodies stream on: no room on disk; see proxy.body_buffer_dir and _disk",
                        ["count": "\(count - known)"]
                    )
                }
                known = count
            }
        }
    }
}
