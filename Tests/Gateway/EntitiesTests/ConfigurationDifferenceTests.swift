import MeshEntities
import Testing

@Suite("The difference of two configurations")
struct ConfigurationDifferenceTests {
    @Test("is empty between equals, whenever they were made")
    func none() {
        var old = GatewayConfiguration()
        old.services = [Service(id: someID, host: "a")]
        var new = old
        new.services[0].updatedAt = 7

        #expect(ConfigurationDifference(from: old, to: new).isEmpty)
    }

    @Test("creates what is referred to first and deletes it last")
    func order() {
        var old = GatewayConfiguration()
        old.services = [Service(id: EntityID(high: 1, low: 0), name: "old", host: "a")]
        old.routes = [
            Route(id: EntityID(high: 1, low: 1), service: old.services[0].id, paths: ["/"])
        ]
        var new = GatewayConfiguration()
        new.services = [Service(id: EntityID(high: 2, low: 0), name: "new", host: "a")]
        new.routes = [
            Route(id: EntityID(high: 2, low: 1), service: new.services[0].id, paths: ["/"])
        ]

        let difference = ConfigurationDifference(from: old, to: new)

        #expect(
            difference.changes.map { "\($0.action.rawValue) \($0.kind.rawValue)" } == [
                "create services", "create routes", "delete routes", "delete services",
            ]
        )
        #expect(difference.document["summary"]?.json == #"{"create":2,"update":0,"delete":2}"#)
    }

    @Test("names changed fields with old and new value, deep ones by dotted path")
    func fields() {
        var old = GatewayConfiguration()
        old.upstreams = [Upstream(id: someID, name: "u")]
        var new = old
        new.upstreams[0].healthchecks.active.healthy.interval = 2.5
        new.upstreams[0].hostHeader = "a"

        let change = ConfigurationDifference(from: old, to: new).changes.first

        #expect(change?.action == .update)
        #expect(change?.name == "u")
        let changes = change?.fields.map { field in
            "\(field.field): \(field.old?.json ?? "-") to \(field.new?.json ?? "-")"
        }
        #expect(
            changes == [
                "healthchecks.active.healthy.interval: 0 to 2.5", "host_header: - to \"a\"",
            ]
        )
    }

    @Test("masks secrets")
    func secrets() {
        var new = GatewayConfiguration()
        var plugin = Plugin(id: someID, name: "x")
        plugin.config = .record([
            "redis": .record(["password": .string("hunter2"), "host": .string("h")]),
            "headers": .record(["Authorization": .string("Bearer hunter2")]),
            "http_endpoint": .string("http://ann:hunter2@logs.example:80/a@b?c"),
            "add": .list([.string("authorization:Basic hunter2"), .string("x:ann@example")]),
        ])
        new.plugins = [plugin]
        new.keyCredentials = [KeyCredential(id: someID, consumer: otherID, key: "hunter2")]
        new.certificates = [Certificate(id: otherID, cert: "C", key: "K")]

        let text = ConfigurationDifference(from: .empty, to: new).document.json

        #expect(!text.contains("hunter2") && !text.contains("\"K\""))
        #expect(text.contains("******"))
        #expect(text.contains("@logs.example:80/a@b?c") && text.contains("x:ann@example"))
    }
}
