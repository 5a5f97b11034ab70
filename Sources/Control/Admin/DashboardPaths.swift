import MeshDashboard
import MeshEntities

/// The dashboard, `/mesh/ui`, and what it is fed with.
///
/// The page's files are the same at every node and hold no secrets, so that a browser may load them
/// before it has a token to ask for the rest with.
struct DashboardPaths: Sendable {
    let node: any AdminNode

    var all: [AdminPath] {
        [
            Self.page("mesh/ui") { _ in .index },
            Self.page("mesh/ui/:file") { .file($0.parameters[0]) },
            .reading("mesh/session") { Self.session($0) },
            .reading("mesh/board") { exchange in
                let change = await self.node.board(after: exchange.query["after"])
                var answer = AdminAnswer.text(change.json, contentType: AdminAnswer.json)
                answer.headers = [("Cache-Control", "no-store")]
                return answer
            },
            .reading("mesh/board/changes") { exchange in
                let mark = exchange.headers["last-event-id"] ?? exchange.query["after"]
                return AdminAnswer(
                    status: 200,
                    body: .board(await self.node.boardChanges(after: mark))
                )
            },
        ]
    }

    private static func page(
        _ pattern: String,
        _ find: @escaping @Sendable (AdminExchange) -> DashboardPage?
    ) -> AdminPath {
        var path = AdminPath.reading(pattern) { exchange in
            guard let page = find(exchange) else { return .notFound }
            return AdminAnswer(
                status: 200,
                body: .bytes(page.bytes, contentType: page.contentType),
                headers: [
                    ("Content-Security-Policy", DashboardPage.policy),
                    ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
                    // Another version may run after the next restart.
                    ("Cache-Control", "no-cache"),
                ]
            )
        }
        path.isOpen = true
        return path
    }

    /// Who asks, and whether he may write.
    private static func session(_ exchange: AdminExchange) -> AdminAnswer {
        .document(
            .record(["name": .string(exchange.author), "role": .string(exchange.role.rawValue)])
        )
    }
}
