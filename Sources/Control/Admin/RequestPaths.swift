import MeshReports

/// What nodes remember of requests.
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
        ]
    }
}
