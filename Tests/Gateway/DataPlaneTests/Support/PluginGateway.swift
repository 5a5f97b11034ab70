import MeshEntities

@testable import MeshDataPlane

/// A gateway with plugins on its one route, and the target behind it.
struct PluginGateway {
    let gateway: Gateway
    let origin: Origin

    /// Starts both; the target answers with the request it got unless `answer` says otherwise.
    init(
        _ plugins: [(name: String, config: DocumentValue)],
        workers: Int = 1,
        protected: Bool = true,
        answer: @escaping @Sendable (TestMessage) -> String? = PluginGateway.echo,
        change: (inout Service, inout Route) -> Void = { _, _ in }
    ) throws {
        self.origin = Origin.answering(answer)
        var entities = TestEntities.proxying([self.origin.port], change: change)
        entities.plugins = EntityList(
            plugins.enumerated().map { index, plugin in
                var entity = Plugin(
                    id: EntityID(high: 9, low: UInt64(index)),
                    name: plugin.name,
                    config: plugin.config
                )
                if protected { entity.route = TestEntities.routeID }
                return entity
            }
        )
        self.gateway = try Gateway(entities, workers: workers)
    }

    /// One plugin.
    init(
        _ name: String,
        _ config: KeyValuePairs<String, DocumentValue> = [:],
        workers: Int = 1,
        answer: @escaping @Sendable (TestMessage) -> String? = PluginGateway.echo,
        change: (inout Service, inout Route) -> Void = { _, _ in }
    ) throws {
        try self.init(
            [(name, .record(config))],
            workers: workers,
            answer: answer,
            change: change
        )
    }

    /// Answers with what the target got: start line, fields, body.
    static func echo(_ request: TestMessage) -> String? {
        let fields = request.fields.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
        let text = "\(request.startLine)\n\(fields)\n\n\(request.text)"
        return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
            + "Content-Length: \(text.utf8.count)\r\n\r\n" + text
    }

    /// Sends one request on a connection of its own.
    func ask(
        _ method: String = "GET",
        _ target: String = "/a",
        _ lines: [String] = [],
        body: String = ""
    ) -> TestMessage? {
        let head = ["\(method) \(target) HTTP/1.1", "Host: a"] + lines
        return self.gateway.ask(
            head.map { $0 + "\r\n" }.joined() + "\r\n" + body,
            hasBody: method != "HEAD"
        )
    }
}

extension DocumentValue {
    /// An array of texts.
    static func strings(_ texts: String...) -> DocumentValue {
        .list(texts.map { .string($0) })
    }
}
