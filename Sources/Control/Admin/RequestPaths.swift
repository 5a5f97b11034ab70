import Foundation
import MeshDashboard
import MeshEntities
import MeshReports

/// What nodes remember of requests, and what other nodes show, read through this one.
struct RequestPaths: Sendable {
    let node: any AdminNode

    var all: [AdminPath] {
        [
            .reading("mesh/requests") { exchange in
                do throws(RequestQuery.Mistake) {
                    return .report(await self.node.requests(try RequestQuery(exchange.query)))
                } catch {
                    return .message("\(error)", status: 400)
                }
            },
            .reading("mesh/trace/:request") { exchange in
                .report(await self.node.trace(exchange.parameters[0]))
            },
            .reading("mesh/nodes/:node/requests") { exchange in
                do throws(RequestQuery.Mistake) {
                    let query = try RequestQuery(exchange.query)
                    return await self.ask("/mesh/requests", query.arguments, exchange)
                } catch {
                    return .message("\(error)", status: 400)
                }
            },
            .reading("mesh/nodes/:node/board") { exchange in
                let mark = exchange.query["after"].map { [("after", $0)] } ?? []
                return await self.ask("/mesh/board", mark, exchange)
            },
        ]
    }

    /// Asks the node that the path names, through the mesh.
    private func ask(
        _ path: String,
        _ arguments: [(name: String, value: String)],
        _ exchange: AdminExchange
    ) async -> AdminAnswer {
        var parts = URLComponents()
        parts.path = path
        parts.queryItems = arguments.map { URLQueryItem(name: $0.name, value: $0.value) }
        do throws(AdminError) {
            let (status, body) = try await self.node.ask(
                parts.string ?? path,
                of: exchange.parameters[0]
            )
            guard status == 200 else {
                return .message("\(exchange.parameters[0]) answered with \(status)", status: 502)
            }
            return AdminAnswer(
                status: 200,
                body: .bytes(body, contentType: AdminAnswer.json),
                headers: [("Cache-Control", "no-store")]
            )
        } catch {
            return error.answer
        }
    }
}
