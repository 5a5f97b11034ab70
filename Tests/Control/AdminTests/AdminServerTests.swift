import Foundation
import MeshAdmin
import MeshAdminClient
import MeshPrimitives
import MeshReports
import Synchronization
import Testing

@Suite("The Admin listener")
struct AdminServerTests {
    @Test("introduces itself as Kong does")
    func root() async throws {
        try await withServer { endpoint async throws in
            let answer = try await Curl(endpoint, "/")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
            #expect(answer.headers["server"] == "kong/3.9.1")
            #expect(answer.headers["access-control-allow-origin"] == nil)
            #expect(Int(answer.headers["x-kong-admin-latency"] ?? "") != nil)
            #expect(answer.body.contains(#""tagline":"Welcome to kong","version":"3.9.1""#))
            #expect(answer.body.contains(#""enabled_in_cluster":["correlation-id"]"#))
            #expect(answer.body.contains(#""node_id":"11111111-1111-1111-1111-111111111111""#))
        }
    }

    @Test(
        "prints Kong's counters, in the unit asked for",
        arguments: [
            ("", #""3.00 MiB""#), ("?unit=k&scale=0", #""3072 KiB""#), ("?unit=b", "3145728"),
        ]
    )
    func status(query: String, memory: String) async throws {
        try await withServer { endpoint async throws in
            let body = try await Curl(endpoint, "/status\(query)").body
            #expect(body.contains("\"http_allocated_gc\":\(memory)}"))
            #expect(body.contains(#""total_requests":7"#))
            #expect(body.hasSuffix(#""configuration_hash":"7c1e"}"#))
        }
    }

    @Test("refuses a unit that does not exist")
    func badUnit() async throws {
        try await withServer { endpoint async throws in
            #expect(try await Curl(endpoint, "/status?unit=x").status == 400)
            #expect(try await Curl(endpoint, "/status?scale=-1").status == 400)
        }
    }

    @Test("tells the methods of a path")
    func options() async throws {
        try await withServer { endpoint async throws in
            let answer = try await Curl(endpoint, "/services/web", "-X", "OPTIONS")
            #expect(answer.status == 204)
            #expect(answer.headers["allow"] == "GET, HEAD, OPTIONS, PUT, PATCH, DELETE")
            let wrong = try await Curl(endpoint, "/status", "-X", "DELETE")
            #expect(wrong.status == 405)
            #expect(wrong.body == #"{"message":"Method not allowed"}"#)
            let head = try await Curl(endpoint, "/status", "-I")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(Int(head.headers["content-length"] ?? "") ?? 0 > 100)
        }
    }

    @Test(
        "keeps foreign web pages out of a loopback listener",
        arguments: [
            ["-H", "Host: evil.example"], ["-H", "Origin: http://evil.example"],
            ["-H", "Origin: null"], ["-H", "Host: 127.0.0.1.evil.example:8001"],
            ["-H", "Host: localhost:8001", "-H", "Origin: http://localhost:8002"],
            ["-X", "DELETE", "-H", "Sec-Fetch-Site: cross-site"],
            ["-X", "DELETE", "-H", "Sec-Fetch-Site: same-site"],
        ]
    )
    func rebinding(arguments: [String]) async throws {
        try await withServer { endpoint async throws in
            #expect(try await Curl(endpoint, "/services", with: arguments).status == 403)
        }
    }

    @Test(
        "lets local names and its own pages in",
        arguments: [
            ["-H", "Host: localhost:8001"], ["-H", "Host: [::1]:8001"],
            ["-H", "Host: localhost:8001", "-H", "Origin: http://localhost:8001"],
        ]
    )
    func local(arguments: [String]) async throws {
        try await withServer { endpoint async throws in
            #expect(try await Curl(endpoint, "/services", with: arguments).status == 200)
        }
    }

    @Test("refuses upgrades, missing hosts and escapes of nothing")
    func strict() async throws {
        try await withServer { endpoint async throws in
            #expect(try await Curl(endpoint, "/", "-H", "Upgrade: websocket").status == 400)
            #expect(try await Curl(endpoint, "/", "-H", "Host:").status == 400)
            #expect(try await Curl(endpoint, "/services/%zz").status == 400)
            #expect(try await Curl(endpoint, "/services/%00").status == 400)
        }
    }

    @Test(
        "answers what is no HTTP, or too long, with a status and a message",
        arguments: [
            ("GET /" + String(repeating: "a", count: 20_000) + " HTTP/1.1\r\n\r\n", 431),
            ("GET /?q=" + String(repeating: "1", count: 200_000) + " HTTP/1.1\r\n\r\n", 431),
            (
                "GET / HTTP/1.1\r\nHost: localhost\r\nX: "
                    + String(repeating: "a", count: 90_000) + "\r\n\r\n", 431
            ),
            (
                "GET / HTTP/1.1\r\n" + (0..<500).map { "X\($0): a\r\n" }.joined() + "\r\n",
                431
            ),
            ("NO SUCH THING AT ALL\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400),
        ]
    )
    func unreadable(request: String, status: Int) async throws {
        try await withServer { endpoint async throws in
            let (asked, told) = (try TemporaryFile(request), try TemporaryFile(""))
            defer {
                asked.remove()
                told.remove()
            }
            let script = """
                exec 3<>/dev/tcp/127.0.0.1/\(endpoint.port)
                cat '\(asked.path)' >&3 2>/dev/null
                timeout 10 cat <&3 >'\(told.path)'
                """
            _ = try await exitStatus(of: ["bash", "-c", script])
            let answer = try String(contentsOfFile: told.path, encoding: .utf8)
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer.prefix(200))")
            #expect(answer.lowercased().contains("content-type: application/json"))
            #expect(answer.lowercased().contains("connection: close"))
            #expect(answer.contains("\r\n\r\n{\"message\":\""))
        }
    }

    @Test("closes the connection that it says it closes")
    func closes() async throws {
        try await withServer { endpoint async throws in
            let start = ContinuousClock.now
            for arguments in [["-H", "Upgrade: x"], ["-X", "TRACE"], ["-X", "CONNECT"]] {
                let answer = try await Curl(endpoint, "/", with: arguments)
                #expect([400, 405].contains(answer.status))
                #expect(answer.headers["connection"] == "close")
            }
            let upload = ["-H", "Expect:", "-H", "Content-Length: 99999999", "-d", "abc"]
            let large = try await Curl(endpoint, "/config", with: upload)
            #expect(large.status == 413)
            #expect(start.duration(to: .now) < .seconds(40))
            // Bash ends with 124 when the connection is still open after three seconds.
            let script = """
                exec 3<>/dev/tcp/127.0.0.1/\(endpoint.port)
                printf 'GET / HTTP/1.1\\r\\nHost: localhost\\r\\nUpgrade: x\\r\\n\\r\\n' >&3
                timeout 3 cat <&3
                """
            #expect(try await exitStatus(of: ["bash", "-c", script]) == 0)
        }
    }

    @Test("prints the health of targets in Kong's words")
    func health() async throws {
        try await withServer { endpoint async throws in
            let body = try await Curl(endpoint, "/upstreams/api/health").body
            #expect(body.contains(#""target":"127.0.0.1:9002","weight":50"#))
            #expect(
                body.contains(
                    #""addresses":[{"ip":"127.0.0.1","port":9002,"weight":50,"#
                        + #""health":"UNHEALTHY"}]"#
                )
            )
            let balancer = try await Curl(endpoint, "/upstreams/api/health?balancer_health=1").body
            #expect(
                balancer.contains(
                    #""balancer_health":"HEALTHY","details":{"healthy":true,"#
                        + #""weight":{"total":150,"available":100,"unavailable":50}"#
                )
            )
        }
    }

    @Test("lists its paths, tags and plugins")
    func index() async throws {
        try await withServer { endpoint async throws in
            #expect(
                try await Curl(endpoint, "/endpoints").body.contains(
                    #""/upstreams/{upstreams}/health""#
                )
            )
            #expect(
                try await Curl(endpoint, "/tags/old").body == """
                    {"data":[{"tag":"old","entity_name":"services",\
                    "entity_id":"bbbbbbbb-0000-0000-0000-000000000001"}],"next":null}
                    """
            )
            #expect(try await Curl(endpoint, "/plugins/enabled").body.contains("correlation-id"))
            #expect(try await Curl(endpoint, "/metrics").body == "meshgate_up 1\n")
        }
    }
}

@Suite("The status listener")
struct StatusListenerTests {
    @Test(
        "is ready or says why not",
        arguments: [
            (Readiness.ready, 200, "ready"), (.draining, 503, "draining"),
            (.excluded("not let in"), 503, "not let in"),
            (
                .withoutConfiguration, 503,
                "no configuration available (empty configuration present)"
            ),
            (
                .building(workersReady: 1, workers: 4), 503,
                "router builds not yet complete, router ready in 1 of 4 workers"
            ),
        ]
    )
    func ready(readiness: Readiness, status: Int, message: String) async throws {
        try await withServer(FakeNode(ready: readiness), surface: .status) {
            endpoint async throws in
            let answer = try await Curl(endpoint, "/status/ready")
            #expect(answer.status == status)
            #expect(answer.body == "{\"message\":\"\(message)\"}")
        }
    }

    @Test("answers load balancers that speak HTTP/1.0 without Host")
    func oldClients() async throws {
        try await withServer(surface: .status) { endpoint async throws in
            #expect(try await Curl(endpoint, "/status/ready", "-0", "-H", "Host:").status == 200)
        }
    }

    @Test("drains the node it stands on, and nothing else")
    func drains() async throws {
        let node = FakeNode()
        try await withServer(node, surface: .status) { endpoint async throws in
            let body = #"{"status":"draining"}"#
            #expect(try await Curl(endpoint, "/status/ready", "-d", body).status == 204)
            #expect(try await Curl(endpoint, "/status/ready", "-d", "{}").status == 400)
        }
        #expect(node.told.withLock { $0.modes } == ["draining eu-1 by loopback"])
    }

    @Test(
        "offers reads of health and metrics, and no configuration",
        arguments: [
            ("/metrics", 200), ("/status", 200), ("/upstreams/api/health", 200),
            ("/upstreams/api/targets", 200), ("/services", 404), ("/config", 404),
            ("/mesh/members", 404),
        ]
    )
    func surface(path: String, status: Int) async throws {
        try await withServer(surface: .status) { endpoint async throws in
            #expect(try await Curl(endpoint, path).status == status)
        }
    }
}
