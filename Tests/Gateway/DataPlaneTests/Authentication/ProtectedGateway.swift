import MeshEntities
import MeshPlugins

@testable import MeshDataPlane

/// A gateway whose one route has plugins, and a target that tells what it got.
final class ProtectedGateway {
    static let annID = EntityID(high: 7, low: 1)
    static let bobID = EntityID(high: 7, low: 2)
    static let guestID = EntityID(high: 7, low: 3)
    static let goldID = EntityID(high: 8, low: 1)
    static let keyID = EntityID(high: 9, low: 1)
    static let passwordID = EntityID(high: 9, low: 3)

    let gateway: Gateway
    let origin: Origin

    init(
        _ plugins: [Plugin],
        change: (inout GatewayConfiguration) -> Void = { _ in },
        configure: (inout DataPlaneConfiguration) -> Void = { _ in }
    ) throws {
        let origin = Origin.answering { request in
            let lines = request.fields.map { "\($0.name): \($0.value)" }
            let text = ([request.startLine] + lines).joined(separator: "\n") + "\n"
            return "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n" + text
        }
        var entities = TestEntities.proxying([origin.port])
        entities.consumers = [
            Consumer(id: Self.annID, username: "ann", customID: "42"),
            Consumer(id: Self.bobID, username: "bob"),
            Consumer(id: Self.guestID, username: "guest"),
        ]
        entities.keyCredentials = [
            KeyCredential(id: Self.keyID, consumer: Self.annID, key: "ann-key"),
            KeyCredential(id: EntityID(high: 9, low: 2), consumer: Self.bobID, key: "bob-key"),
        ]
        entities.aclGroups = [
            ACLGroup(id: EntityID(high: 10, low: 1), consumer: Self.annID, group: "admins"),
            ACLGroup(id: EntityID(high: 10, low: 2), consumer: Self.annID, group: "staff"),
            ACLGroup(id: EntityID(high: 10, low: 3), consumer: Self.bobID, group: "staff"),
        ]
        entities.plugins = EntityList(plugins)
        change(&entities)
        self.origin = origin
        self.gateway = try Gateway(entities, change: configure)
    }

    /// Asks with lines added to the head.
    func ask(
        _ lines: String = "",
        target: String = "/",
        method: String = "GET"
    ) -> TestMessage? {
        self.gateway.ask(
            "\(method) \(target) HTTP/1.1\r\nHost: a\r\n\(lines)\r\n",
            hasBody: method != "HEAD"
        )
    }

    /// Asks with a key.
    func ask(key: String) -> TestMessage? { self.ask("apikey: \(key)\r\n") }
}

extension Plugin {
    /// A global plugin.
    static func named(
        _ name: String,
        _ config: KeyValuePairs<String, DocumentValue> = [:],
        number: UInt64 = 1,
        change: (inout Plugin) -> Void = { _ in }
    ) -> Plugin {
        var plugin = Plugin(
            id: EntityID(high: 20, low: UInt64(name.utf8.count) << 32 | number),
            name: name,
            config: .record(config)
        )
        change(&plugin)
        return plugin
    }
}
