import MeshEntities

/// Kong's paths of the plugin `proxy-cache`: what the asked node keeps of targets' answers.
///
/// Source: Kong's `kong/plugins/proxy-cache/api.lua`, version 3.9.
struct CachePaths: Sendable {
    let node: any AdminNode

    var all: [AdminPath] {
        [
            AdminPath(
                "proxy-cache",
                [
                    .deleting("Forget all answers that are kept") { _ in
                        await self.node.forgetCachedAnswers()
                        return .empty(204)
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
                .deleting("Forget an answer that is kept") { exchange in
                    guard await isThere(exchange),
                        await self.node.forgetCachedAnswer(exchange.parameters.last ?? "")
                    else { return .notFound }
                    return .empty(204)
                },
            ]
        )
    }
}
