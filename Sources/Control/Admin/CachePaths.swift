import MeshEntities

/// Kong's paths of the plugin `proxy-cache`: what the nodes keep of targets' answers.
///
/// Each node keeps its own. What is shown is the asked node's answer, or else that of the first other
/// node that has one; what is to be forgotten, every node forgets: 504 names those that may not have,
/// which are those that do not answer, and members that failed within the last 72 h.
///
/// Source: Kong's `kong/plugins/proxy-cache/api.lua`, version 3.9.
struct CachePaths: Sendable {
    let node: any AdminNode

    var all: [AdminPath] {
        [
            AdminPath(
                "proxy-cache",
                [
                    .deleting("Forget all answers that are kept, on every node") { _ in
                        await self.node.forgetCachedAnswers().refusal ?? .empty(204)
                    }
                ]
            ),
            self.path("proxy-cache/:key") { _ in true },
            self.path("proxy-cache/:plugin/caches/:key") { exchange in
                let catalogue = await self.node.held().catalogue
                guard let id = catalogue.id(of: .plugins, named: exchange.parameters[0]),
                    let plugin = catalogue.row(.plugins, id)
                else { return false }
                return plugin.document["name"]?.text == "proxy-cache"
            },
        ]
    }

    /// A path whose last part is a key, as the response's `X-Cache-Key` tells it.
    private func path(
        _ pattern: String,
        _ isThere: @escaping @Sendable (AdminExchange) async -> Bool
    ) -> AdminPath {
        AdminPath(
            pattern,
            [
                // Answers may hold what only one consumer may see.
                AdminPath.Method.reading("Show an answer that is kept", .plain) { exchange in
                    guard await isThere(exchange),
                        let answer = await self.node.cachedAnswer(exchange.parameters.last ?? "")
                    else { return .notFound }
                    return .document(answer)
                }
                .requiring(.write),
                .deleting("Forget an answer that is kept, on every node") { exchange in
                    guard await isThere(exchange) else { return .notFound }
                    let key = exchange.parameters.last ?? ""
                    let purge = await self.node.forgetCachedAnswer(key)
                    return purge.refusal ?? (purge.isFound ? .empty(204) : .notFound)
                },
            ]
        )
    }
}
