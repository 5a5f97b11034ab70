import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("A request that is refused")
struct RefusalTests {
    static let examples: [(request: String, status: Int)] = [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400
        ),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET /\(String(repeating: "x", count: 17_000)) HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 62_000))\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: 1\r\n", count: 201))\r\n", 431),
    ]

    @Test(
        "for its bytes never reaches a target, and its connection closes",
        arguments: Self.examples
    )
    func badBytes(example: (request: String, status: Int)) throws {
        let origin = Origin.saying("reached")
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()

        client.send(example.request + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = client.message()

        #expect(answer?.status == example.status)
        #expect(answer?["connection"] == "close")
        #expect(client.receiveAll().isEmpty)
        #expect(!origin.requests.contains { $0.contains("smuggled") })
    }

    @Test("for a bad byte is refused before the byte's line ends, however slowly it comes")
    func badByteInPieces() throws {
        let gateway = try Gateway(TestEntities.proxying([Origin.saying("reached").port]))
        let client = gateway.connect()

        client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ")
        for _ in 0..<200 { client.send("without \u{0} end") }

        #expect(client.message()?.status == 400)
    }

    @Test("for want of a route gets Kong's body, in the form it accepts, and may ask again")
    func unmatched() throws {
        let gateway = try Gateway(
            TestEntities.proxying([Origin.deadPort()]) { _, route in route.paths = ["/known"] }
        )
        let client = gateway.connect()
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        let json = client.message()
        client.send("GET /x HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n\r\n")
        let plain = client.message()

        let id = json?["x-kong-request-id"] ?? ""
        #expect(json?.status == 404)
        #expect(
            json?.text
                == "{\n  \"message\":\"no Route matched with those values\",\n  \"request_id\":\"\(id)\"\n}"
        )
        #expect(json?["server"] == "kong/3.9.1")
        #expect(json?["via"] == nil)
        #expect(json?["x-kong-response-latency"] != nil)
        #expect(plain?.text.hasPrefix("no Route matched with those values\n") == true)
        #expect(gateway.plane.counters().unmatched == 2)
    }

    @Test("for want of a service or of targets is told which")
    func unserved() throws {
        var serviceless = TestEntities.proxying([])
        serviceless.routes[0].service = nil
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        let noService = try Gateway(serviceless).ask(request)
        let noTarget = try Gateway(TestEntities.proxying([])).ask(request)

        #expect(noService?.status == 503)
        #expect(noService?.text.contains("no Service found with those values") == true)
        #expect(noTarget?.status == 503)
        #expect(
            noTarget?.text.contains("failure to get a peer from the ring-balancer") == true
        )
    }

    @Test("by a plugin never reaches a target, and plugins' lines reach both sides")
    func plugins() throws {
        let origin = Origin.answering { request in
            let id = request["kong-request-id"] ?? "none"
            return "HTTP/1.1 200 OK\r\nContent-Length: \(id.utf8.count)\r\n\r\n\(id)"
        }
        var entities = TestEntities.proxying([origin.port])
        entities.plugins = [
            Plugin(
                id: EntityID(high: 3, low: 1),
                name: "correlation-id",
                config: .object([
                    DocumentField("echo_downstream", DocumentNode(.bool(true)))
                ])
            )
        ]
        let correlated = try Gateway(entities).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        var ending = Plugin(id: EntityID(high: 3, low: 2), name: "request-termination")
        ending.config = .object([
            DocumentField("status_code", DocumentNode(.integer(418)))
        ])
        ending.route = TestEntities.routeID
        entities.plugins.append(ending)
        let ended = try Gateway(entities).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        #expect(correlated?.text.contains("#") == true)
        #expect(correlated?["kong-request-id"] == correlated?.text)
        #expect(ended?.status == 418)
        #expect(ended?["kong-request-id"]?.contains("#") == true)
        #expect(origin.requests.count == 1)
    }

    @Test("for being too slow is told so, between heads and within bodies")
    func slow() throws {
        let origin = Origin.saying("x")
        let gateway = try Gateway(TestEntities.proxying([origin.port])) { configuration in
            configuration.headTimeout = .milliseconds(100)
            configuration.bodyProgressTimeout = .milliseconds(100)
            configuration.idleTimeout = .milliseconds(100)
        }
        let head = gateway.connect()
        head.send("GET / HTTP/1.1\r\nHo")
        let body = gateway.connect()
        body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx")
        let idle = gateway.connect()
        idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        #expect(head.message()?.status == 408)
        #expect(body.message()?.status == 408)
        #expect(idle.message()?.status == 200)
        #expect(idle.receiveAll().isEmpty)
    }
}
