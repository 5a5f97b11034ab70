import Foundation
import MeshReports

/// Our own paths `/mesh/backup` and `/mesh/restore`.
struct BackupPaths: Sendable {
    let node: any AdminNode

    var all: [AdminPath] {
        // A backup holds private keys of certificates.
        let read = AdminPath.Method(name: "GET", summary: "Back the mesh up") { exchange in
            do throws(AdminError) {
                return .report(try await self.node.backup(withKeys: exchange.flag("with_keys")))
            } catch {
                return error.answer
            }
        }.requiring(.write)
        var write = AdminPath.Method(name: "POST", summary: "Restore a backup") { exchange in
            await self.restore(exchange)
        }
        write.bodyLimit = AdminServerConfiguration.backupByteCount
        return [AdminPath("mesh/backup", [read]), AdminPath("mesh/restore", [write])]
    }

    private func restore(_ exchange: AdminExchange) async -> AdminAnswer {
        guard
            let backup = try? ReportJSON.decode(BackupReport.self, from: Data(exchange.body))
        else {
            let report = FailureReport(code: "MESH101", message: "the body is no backup")
            return .report(report, status: 400)
        }
        do throws(AdminError) {
            let report = try await self.node.restore(
                backup,
                replacing: exchange.flag("replace"),
                Restoration(exchange)
            )
            return .report(report, status: report.confirmed ? 201 : 202)
        } catch {
            return error.answer
        }
    }
}
