import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("correlation-id and request-termination on the wire (§6.6, §6.7)")
struct IdentityPluginTests {
    private func values(_ answer: TestMessage?, _ name: String) -> [String] {
        (answer?.text ?? "").split(separator: "\n").filter { $0.hasPrefix("\(name): ") }
            .map { String($0.dropFirst(name.count + 2)) }
    }

    @Test("correlation-id gives every request an identity of the form that is wished")
    func generators() throws {
        let uuid = try PluginGateway("correlation-id", ["generator": .string("uuid")])
        let ids = (0..<3).flatMap { _ in self.values(uuid.ask(), "kong-request-id") }
        #expect(Set(ids).count == 3)
        let form = #/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/#
        for id in ids { #expect(id.wholeMatch(of: form) != nil, "\(id)") }

        let counter = try PluginGateway("correlation-id")
        let counted = try (0..<2).map { _ in
            try #require(self.values(counter.ask(), "kong-request-id").first)
                .split(separator: "#")
        }
        #expect(counted.allSatisfy { $0.count == 2 })
        #expect(counted[0][0] == counted[1][0])
        #expect(Int(counted[1][1]) == Int(counted[0][1]).map { $0 + 1 })

        let tracker = try PluginGateway("correlation-id", ["generator": .string("tracker")])
        let told = try #require(self.values(tracker.ask(), "kong-request-id").first)
        #expect(told.hasPrefix("127.0.0.1-\(tracker.gateway.port)-"), "\(told)")
        #expect(told.split(separator: "-").count == 6)
    }

    @Test("correlation-id keeps what a client sent, and tells the client where it shall")
    func kept() throws {
        let silent = try PluginGateway("correlation-id", ["header_name": .string("X-Id")])
        let first = try #require(silent.ask("GET", "/a", ["X-Id: mine"]))
        #expect(self.values(first, "x-id") == ["mine"])
        #expect(first["x-id"] == nil)
        let telling = try PluginGateway(
            "correlation-id",
            ["header_name": .string("X-Id"), "echo_downstream": .bool(true)]
        )
        #expect(telling.ask("GET", "/a", ["X-Id: mine"])?["x-id"] == "mine")
        let made = try #require(telling.ask())
        #expect(self.values(made, "x-id") == [made["x-id"]])
    }

    @Test(
        "request-termination answers in Kong's words, without the target",
        arguments: [
            (401, "Unauthorized"), (404, "Not found"), (405, "Method not allowed"),
            (500, "An unexpected error occurred"), (502, "Bad Gateway"),
            (503, "Service unavailable"), (418, nil),
        ] as [(Int64, String?)]
    )
    func terminated(status: Int64, message: String?) throws {
        let plugin = try PluginGateway("request-termination", ["status_code": .integer(status)])
        let answer = try #require(plugin.ask())
        #expect(Int64(answer.status) == status)
        #expect(answer.text == (message.map { "{\"message\":\"\($0)\"}" } ?? ""))
        #expect(plugin.origin.requests.isEmpty)
    }

    @Test("request-termination says what it is told to, to requests with its trigger alone")
    func triggered() throws {
        let plugin = try PluginGateway(
            "request-termination",
            [
                "status_code": .integer(200), "body": .string("<b>closed</b>"),
                "content_type": .string("text/html"), "trigger": .string("closed"),
            ]
        )
        #expect(plugin.ask()?.text.hasPrefix("GET /a") == true)
        for answer in [plugin.ask("GET", "/a?closed=1"), plugin.ask("GET", "/a", ["Closed: 1"])] {
            #expect(answer?.text == "<b>closed</b>")
            #expect(answer?["content-type"] == "text/html")
        }
        let message = try PluginGateway("request-termination", ["message": .string("so \"sorry\"")])
        #expect(message.ask()?.text == #"{"message":"so \"sorry\""}"#)
    }

    @Test(
        "rate-limiting counts by who asks, by his credential, by service",
        arguments: [
            ("consumer", [200, 429, 200]), ("credential", [200, 200, 200]),
            ("service", [200, 429, 429]),
        ]
    )
    func subjects(limitBy: String, statuses: [Int]) throws {
        let plugins: [Plugin] = [
            .named("key-auth"),
            .named("rate-limiting", ["hour": .integer(1), "limit_by": .string(limitBy)]),
        ]
        let gateway = try ProtectedGateway(plugins) { entities in
            entities.keyCredentials.append(
                KeyCredential(
                    id: EntityID(high: 9, low: 4),
                    consumer: ProtectedGateway.annID,
                    key: "ann-other"
                )
            )
        }
        let keys = ["ann-key", "ann-other", "bob-key"]
        #expect(keys.map { gateway.ask(key: $0)?.status ?? 0 } == statuses)
    }
}
