import MeshEntities
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("rate-limiting on the wire (Kong 3.9, kong/plugins/rate-limiting)")
struct RateLimitingTests {
    @Test("tells what is left, and refuses what is too much without asking the target")
    func limits() throws {
        let plugin = try PluginGateway(
            "rate-limiting",
            ["hour": .integer(2), "year": .integer(5)]
        )
        let first = try #require(plugin.ask())
        #expect(first.status == 200)
        #expect(first["x-ratelimit-limit-hour"] == "2")
        #expect(first["x-ratelimit-remaining-hour"] == "1")
        #expect(first["x-ratelimit-limit-year"] == "5")
        #expect(first["x-ratelimit-remaining-year"] == "4")
        #expect(first["ratelimit-limit"] == "2")
        #expect(first["ratelimit-remaining"] == "1")
        #expect(first["retry-after"] == nil)
        let reset = try #require(first["ratelimit-reset"].flatMap { Int($0) })
        #expect((1...3_600).contains(reset))
        #expect(plugin.ask()?["x-ratelimit-remaining-hour"] == "0")
        let refused = try #require(plugin.ask())
        #expect(refused.status == 429)
        #expect(refused.text.contains("\"message\":\"API rate limit exceeded\""))
        #expect(refused["x-ratelimit-remaining-hour"] == "0")
        #expect(refused["ratelimit-remaining"] == "0")
        #expect(refused["retry-after"] == refused["ratelimit-reset"])
        // What is refused is not counted.
        #expect(refused["x-ratelimit-remaining-year"] == "3")
        #expect(plugin.ask()?["x-ratelimit-remaining-year"] == "3")
        #expect(plugin.origin.requests.count == 2)
    }

    @Test("counts for the whole mesh with the policy cluster, also alone (§6.3)")
    func cluster() throws {
        let plugin = try PluginGateway(
            "rate-limiting",
            ["hour": .integer(2), "year": .integer(5), "policy": .string("cluster")]
        )
        #expect(plugin.ask()?["x-ratelimit-remaining-hour"] == "1")
        #expect(plugin.ask()?["x-ratelimit-remaining-hour"] == "0")
        let refused = try #require(plugin.ask())
        #expect(refused.status == 429)
        #expect(refused["x-ratelimit-remaining-hour"] == "0")
        #expect(refused["x-ratelimit-remaining-year"] == "3")
    }

    @Test("hides its fields and says what it is told to")
    func hidden() throws {
        let plugin = try PluginGateway(
            "rate-limiting",
            [
                "hour": .integer(1), "hide_client_headers": .bool(true),
                "error_code": .integer(403), "error_message": .string("enough"),
            ]
        )
        let first = try #require(plugin.ask())
        #expect(first["ratelimit-limit"] == nil)
        #expect(first["x-ratelimit-limit-hour"] == nil)
        let refused = try #require(plugin.ask())
        #expect(refused.status == 403)
        #expect(refused.text.contains("enough"))
        #expect(refused["retry-after"] == nil)
    }

    @Test("counts by header, by path, and by address where there is none")
    func subjects() throws {
        let byHeader = try PluginGateway(
            "rate-limiting",
            ["hour": .integer(1), "limit_by": .string("header"), "header_name": .string("X-Key")]
        )
        #expect(byHeader.ask("GET", "/a", ["X-Key: 1"])?.status == 200)
        #expect(byHeader.ask("GET", "/a", ["X-Key: 2"])?.status == 200)
        #expect(byHeader.ask("GET", "/a", ["X-Key: 1"])?.status == 429)
        #expect(byHeader.ask()?.status == 200)
        #expect(byHeader.ask()?.status == 429)
        let byPath = try PluginGateway(
            "rate-limiting",
            ["hour": .integer(1), "limit_by": .string("path"), "path": .string("/one")]
        )
        #expect(byPath.ask("GET", "/one")?.status == 200)
        #expect(byPath.ask("GET", "/one")?.status == 429)
        #expect(byPath.ask("GET", "/two")?.status == 200)
    }

    @Test("lets not one request too many pass when all workers count at once")
    func together() throws {
        let plugin = try PluginGateway("rate-limiting", ["year": .integer(50)], workers: 4)
        let passed = Atomic<Int>(0)
        let threads = (0..<8).map { index in
            startReactorThread(name: "client-\(index)") {
                for _ in 0..<16 where plugin.ask()?.status == 200 {
                    passed.wrappingAdd(1, ordering: .relaxed)
                }
            }
        }
        for thread in threads { thread?.join() }
        #expect(passed.load(ordering: .relaxed) == 50)
    }
}
