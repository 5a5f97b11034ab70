import Foundation
import MeshEntities
import MeshReports

/// The paths for load balancers and orchestrators: readiness, status, metrics, and drain.
struct StatusPaths: Sendable {
    let node: any AdminNode
    /// Whether others than this machine's users can reach the listener, which asks nobody who he is.
    let isReachableFromOutside: Bool

    var all: [AdminPath] {
        let drain = AdminPath.Method(name: "POST") { await self.drain($0) }
        let ready = AdminPath.reading("status/ready", writes: [drain]) { _ in
            await self.readiness()
        }
        return [ready] + KongPaths(node: self.node).status + HealthPaths(node: self.node).reads
            + EntityPaths(node: self.node).targets + NodePaths(node: self.node).status
    }

    private func readiness() async -> AdminAnswer {
        let readiness = await self.node.readiness()
        return .message(readiness.message, status: readiness == .ready ? 200 : 503)
    }

    /// Kong's `kong drain`: `{"status":"draining"}`; ours can be taken back by `meshctl resume`.
    private func drain(_ exchange: AdminExchange) async -> AdminAnswer {
        guard !self.isReachableFromOutside else {
            return .message(
                "drain is refused on a listener beyond loopback; use the Admin API or meshctl drain",
                status: 403
            )
        }
        let body = try? JSONSerialization.jsonObject(with: Data(exchange.body))
        guard let wish = body as? [String: String], wish == ["status": "draining"] else {
            return .message("expected the body {\"status\":\"draining\"}", status: 400)
        }
        do throws(AdminError) {
            let name = self.node.identity.name
            _ = try await self.node.setMode(.draining, of: name, author: exchange.author)
            return .empty(204)
        } catch {
            return .message("An unexpected error occurred", status: 500)
        }
    }
}
