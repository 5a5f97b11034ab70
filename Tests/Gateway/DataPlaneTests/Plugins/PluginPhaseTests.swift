import CMeshSystem
import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("What a node remembers of a request's plugins, in every phase")
struct PluginPhaseTests {
    /// The one request that a gateway remembers.
    private func remembered(_ gateway: PluginGateway) async throws -> RecentRequest {
        let plane = gateway.gateway.plane
        let all = { plane.recentRequests(after: "0", limit: 10) { _ in true }.requests }
        #expect(await gateway.gateway.eventually { all().count == 1 })
        return try #require(all().first)
    }

    @Test("names who answered for a service outside, and who gave it up")
    func outside() async throws {
        let service = Origin.answering { _ in
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
        }
        for port in [service.port, Origin.deadPort()] {
            let gateway = try PluginGateway([
                (name: "cors", config: .record([:])),
                (
                    name: "ext-auth",
                    config: .record(["url": .string("http://127.0.0.1:\(port)/check")])
                ),
            ])
            let status = gateway.ask()?.status
            let request = try await self.remembered(gateway)
            #expect(request.status == status && request.status >= 400)
            #expect(request.plugin == "ext-auth")
            #expect(request.attempts == 0)
        }
    }

    @Test("names who refused the target's answer")
    func response() async throws {
        let limits = DocumentValue.record(["video": .record(["hour": .integer(1)])])
        let gateway = try PluginGateway(
            [
                (name: "cors", config: .record([:])),
                (name: "response-ratelimiting", config: .record(["limits": limits])),
            ],
            answer: { _ in "HTTP/1.1 200 OK\r\nX-Kong-Limit: video=2\r\nContent-Length: 0\r\n\r\n" }
        )
        #expect(gateway.ask()?.status == 200)
        #expect(gateway.ask()?.status == 429)
        let plane = gateway.gateway.plane
        let all = { plane.recentRequests(after: "0", limit: 10) { _ in true }.requests }
        #expect(await gateway.gateway.eventually { all().count == 2 })
        #expect(all().map(\.plugin) == ["", "response-ratelimiting"])
    }

    @Test("names who refused a whole body, and whose limit a body without a length passed")
    func bodies() async throws {
        let limit = try PluginGateway(
            "request-size-limiting",
            ["allowed_payload_size": .integer(5), "size_unit": .string("bytes")]
        )
        let chunked = limit.ask(
            "POST",
            "/a",
            ["Transfer-Encoding: chunked"],
            body: "6\r\nabcdef\r\n0\r\n\r\n"
        )
        #expect(chunked?.status == 413)
        #expect(try await self.remembered(limit).plugin == "request-size-limiting")

        let webhooks = try PluginGateway(
            "standard-webhooks",
            ["secret_v1": .string("secret")]
        )
        let stamp = "\(mesh_clock_wall_milliseconds() / 1_000)"
        let refused = webhooks.ask(
            "POST",
            "/a",
            [
                "webhook-id: 1", "webhook-timestamp: \(stamp)", "webhook-signature: v1,AA==",
                "Content-Length: 2",
            ],
            body: "{}"
        )
        #expect(refused?.status == 400)
        #expect(try await self.remembered(webhooks).plugin == "standard-webhooks")
    }

    @Test(
        "names who changed the request, its body, the answer or the answer's body, in their order"
    )
    func changes() async throws {
        let gateway = try PluginGateway(
            [
                (name: "ip-restriction", config: .record(["allow": .strings("127.0.0.0/8")])),
                (name: "rate-limiting", config: .record(["hour": .integer(9)])),
                (
                    name: "request-transformer",
                    config: .record(["add": .record(["body": .strings("a:1")])])
                ),
                (
                    name: "response-transformer",
                    config: .record(["remove": .record(["json": .strings("b")])])
                ),
            ],
            answer: { _ in
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"b\":2}"
            }
        )
        let answer = gateway.ask(
            "POST",
            "/a",
            ["Content-Type: application/json", "Content-Length: 2"],
            body: "{}"
        )
        #expect(answer?.text == "{}")
        let request = try await self.remembered(gateway)
        #expect(
            request.changedBy == ["rate-limiting", "request-transformer", "response-transformer"]
        )
        #expect(request.plugin == "")
        #expect(request.attempts == 1)
    }
}
