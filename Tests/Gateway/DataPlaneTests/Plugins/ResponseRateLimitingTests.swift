import MeshEntities
import Testing

@Suite("response-ratelimiting on the wire (Kong 3.9, kong/plugins/response-ratelimiting)")
struct ResponseRateLimitingTests {
    private static func gateway(
        _ config: KeyValuePairs<String, DocumentValue> = [:]
    ) throws -> PluginGateway {
        let limits = DocumentValue.record([
            "limits": .record(["video": .record(["hour": .integer(3)])])
        ])
        let fields = (limits.fields ?? []) + config.map { DocumentField($0.key, $0.value) }
        return try PluginGateway(
            [("response-ratelimiting", .object(fields))],
            answer: { request in
                let left = request["x-ratelimit-remaining-video"] ?? "?"
                let cost = request["x-cost"].map { "X-Kong-Limit: video=\($0), other=9\r\n" } ?? ""
                return "HTTP/1.1 200 OK\r\n\(cost)Content-Length: \(left.utf8.count)\r\n\r\n\(left)"
            }
        )
    }

    @Test("counts what answers cost, tells both sides, and refuses what nothing is left for")
    func limits() throws {
        let plugin = try Self.gateway()
        let first = try #require(plugin.ask("GET", "/a", ["X-Cost: 2"]))
        #expect(first.status == 200)
        #expect(first.text == "3")
        #expect(first["x-ratelimit-limit-video-hour"] == "3")
        #expect(first["x-ratelimit-remaining-video-hour"] == "1")
        #expect(first["x-kong-limit"] == nil)
        let free = try #require(plugin.ask())
        #expect(free.text == "1")
        #expect(free["x-ratelimit-remaining-video-hour"] == "1")
        #expect(plugin.ask("GET", "/a", ["X-Cost: 2"])?.status == 200)
        let refused = try #require(plugin.ask("GET", "/a", ["X-Cost: 1"]))
        #expect(refused.status == 429)
        #expect(refused.text.isEmpty)
        #expect(refused["x-ratelimit-remaining-video-hour"] == "0")
        // What costs nothing still passes.
        #expect(plugin.ask()?.status == 200)
    }

    @Test("refuses at once when it shall, and hides its fields when it shall")
    func blocking() throws {
        let plugin = try Self.gateway([
            "block_on_first_violation": .bool(true), "hide_client_headers": .bool(true),
        ])
        let first = try #require(plugin.ask("GET", "/a", ["X-Cost: 3"]))
        #expect(first["x-ratelimit-limit-video-hour"] == nil)
        let refused = try #require(plugin.ask())
        #expect(refused.status == 429)
        #expect(refused.text == #"{"message":"API rate limit exceeded for 'video'"}"#)
        #expect(plugin.origin.requests.count == 1)
    }
}
