import MeshEntities
import Testing

@testable import MeshPlugins

@Suite("A plugin that cannot decide does what its setting says")
struct UndecidedTests {
    private static let guest = Consumer(id: EntityID(high: 1, low: 1), username: "guest")

    /// What a request is answered where nothing outside of the chain can be asked; nil when it passes.
    private func answer(
        _ name: String,
        _ config: [(String, DocumentValue)],
        _ lines: String = "",
        _ change: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws -> UInt16? {
        var entities = GatewayConfiguration()
        entities.consumers = [Self.guest]
        change(&entities)
        var plugin = Plugin.numbered(1, name)
        plugin.config = .object(config.map { DocumentField($0.0, $0.1) })
        return Exchange(
            try PluginChain([plugin]),
            lines: lines,
            consumers: ConsumerDirectory(entities)
        ).answer?.status
    }

    @Test(
        "with a setting for it, either way",
        arguments: [
            ("rate-limiting", "fault_tolerant", [("hour", .integer(1))], 500),
            (
                "response-ratelimiting", "fault_tolerant",
                [("limits", .record(["a": .record(["hour": .integer(1)])]))], 500
            ),
            ("ext-auth", "fail_open", [("url", .string("http://127.0.0.1:9/"))], 503),
        ] as [(String, String, [(String, DocumentValue)], UInt16)]
    )
    func settings(
        name: String,
        field: String,
        config: [(String, DocumentValue)],
        status: UInt16
    ) throws {
        #expect(try self.answer(name, config + [(field, .bool(true))]) == nil)
        #expect(try self.answer(name, config + [(field, .bool(false))]) == status)
    }

    @Test(
        "without one it lets nobody in, not even as the anonymous consumer",
        arguments: [
            ("basic-auth", [], "Authorization: Basic dTpw\r\n"),
            (
                "ldap-auth",
                [
                    ("ldap_host", .string("127.0.0.1")), ("base_dn", .string("dc=a")),
                    ("attribute", .string("uid")),
                ],
                "Authorization: ldap dTpw\r\n"
            ),
        ] as [(String, [(String, DocumentValue)], String)]
    )
    func authentication(
        name: String,
        config: [(String, DocumentValue)],
        lines: String
    ) throws {
        #expect(try self.answer(name, config, lines) == 503)
        let guest = [("anonymous", DocumentValue.string("guest"))]
        #expect(try self.answer(name, config + guest, lines) == 503)
        // Whoever shows nothing is nobody in particular.
        #expect(try self.answer(name, config) == 401)
        #expect(try self.answer(name, config + guest) == nil)
    }

    @Test("a key of a consumer that there is not lets nobody in")
    func orphan() throws {
        for config in [[], [("anonymous", DocumentValue.string("guest"))]] {
            let status = try self.answer("key-auth", config, "apikey: lost\r\n") {
                $0.keyCredentials = [
                    KeyCredential(
                        id: EntityID(high: 2, low: 1),
                        consumer: EntityID(high: 1, low: 9),
                        key: "lost"
                    )
                ]
            }
            #expect(status == 500)
        }
    }

    @Test("a pattern that takes too long to match keeps out, and allows nobody")
    func patterns() throws {
        let slow = DocumentValue.list([.string("^(a+)+$")])
        let agent = "User-Agent: \(String(repeating: "a", count: 64))! Googlebot/2.1\r\n"
        #expect(try self.answer("bot-detection", [("deny", slow)], agent) == 403)
        #expect(try self.answer("bot-detection", [("allow", slow)], agent) == 403)
    }
}
