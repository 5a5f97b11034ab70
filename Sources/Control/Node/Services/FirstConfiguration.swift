import Foundation
import Logging
import MeshAdmin
import MeshPrimitives
import MeshReplication
import MeshReports
import MeshTransport
import ServiceLifecycle

/// Applies the configured file once, when neither the node nor the mesh has a configuration.
struct FirstConfiguration: Service {
    let file: (name: String, text: String)
    let cluster: ClusterService
    let configuration: ConfigurationService
    let hasSeeds: Bool
    let logger: Logger

    /// Ends as soon as there is a configuration.
    func run() async throws {
        // Peers may hold one already: give joining and the first exchange their time.
        let patience = self.hasSeeds ? 50 : 0
        for _ in 0..<patience {
            if await self.cluster.status().configurationHash != .zero { return }
            try? await Task.sleep(for: .milliseconds(100))
            if Task.isShuttingDownGracefully { return }
        }
        guard await self.cluster.records(of: .entity).isEmpty else { return }
        var submission = Submission(text: self.file.text, name: self.file.name)
        submission.message = "first configuration"
        do {
            let report = try await self.configuration.apply(submission)
            self.logger.info("configuration applied", metadata: ["hash": "\(report.config.hash)"])
        } catch {
            if case .invalidConfiguration(let invalid) = error {
                // As `meshctl config validate` prints them.
                let lines = invalid.findings.map { $0.text(in: self.file.name) + "\n" }.joined()
                try? FileHandle.standardError.write(contentsOf: Data(lines.utf8))
            }
            self.logger.error(
                "configuration file not applied",
                metadata: ["file": "\(self.file.name)", "reason": "\(error)"]
            )
        }
    }
}
