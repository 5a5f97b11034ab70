import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("A request through the proxy")
struct ForwardingTests {
    @Test("reaches the target with Kong's headers and returns with them")
    func carriesHeaders() throws {
        let origin = Origin.answering { request in
            let body = request.fields.map { "\($0.name)=\($0.value)" }.joined(separator: "\n")
            return
                "HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
        let gateway = try Gateway(
            TestEntities.proxying([origin.port]) { service, route in
                service.path = "/base"
                route.paths = ["/shop"]
            }
        )

        let answer = try #require(
            gateway.ask(
                "GET /shop/a%62?q=1 HTTP/1.1\r\nHost: Example.com:81\r\nX-Forwarded-For: 9.9.9.9\r\n"
                    + "Connection: keep-alive, X-Secret\r\nX-Secret: 1\r\nX-Kong-Request-Id: forged\r\n\r\n"
            )
        )

        #expect(origin.requests == ["GET /base/ab?q=1 HTTP/1.1"])
        let fields = Set(answer.text.split(separator: "\n").map(String.init))
        #expect(fields.contains("host=127.0.0.1:\(origin.port)"))
        #expect(fields.contains("connection=keep-alive"))
        #expect(fields.contains("x-forwarded-for=9.9.9.9, 127.0.0.1"))
        #expect(fields.contains("x-real-ip=127.0.0.1"))
        #expect(fields.contains("x-forwarded-proto=http"))
        #expect(fields.contains("x-forwarded-path=/shop/a%62"))
        #expect(fields.contains("x-forwarded-prefix=/shop"))
        #expect(fields.contains("x-forwarded-port=\(gateway.port)"))
        #expect(!fields.contains("x-secret=1"))
        #expect(!fields.contains("x-kong-request-id=forged"))
        #expect(answer.status == 200)
        #expect(answer["server"] == "origin")
        #expect(answer["via"] == "1.1 kong/3.9.1")
        #expect(answer["x-kong-request-id"]?.count == 32)
        #expect(answer["x-kong-upstream-latency"] != nil)
        #expect(answer["x-kong-proxy-latency"] != nil)
        #expect(fields.contains("x-kong-request-id=\(answer["x-kong-request-id"] ?? "")"))
    }

    @Test("keeps both connections for the next request")
    func keepsConnections() throws {
        let origin = Origin.saying("hello")
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()

        for _ in 0..<20 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.message()?.text == "hello")
        }

        #expect(origin.connections == 1)
        #expect(origin.requests.count == 20)
    }

    @Test("is answered in order when pipelined, whatever the pieces it arrives in")
    func pipelines() throws {
        let origin = Origin.answering { request in
            let text = "\(request.target):\(request.text)"
            return "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let requests =
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
            + "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
            + "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: t\r\n\r\n"
            + "GET /4 HTTP/1.1\r\nHost: a\r\n\r\n"

        for size in [1, 7, 1_000] {
            let client = gateway.connect()
            let bytes = Array(requests.utf8)
            for start in stride(from: 0, to: bytes.count, by: size) {
                client.send(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            let answers = (0..<4).map { _ in client.message()?.text ?? "none" }
            #expect(answers == ["/1:", "/2:body", "/3:abcd", "/4:"])
        }
    }

    @Test("by HEAD, with 204 or with 304 has no body, and the connection stays usable")
    func bodyless() throws {
        let origin = Origin.answering { request in
            switch request.target {
            case "/head": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
            case "/204": "HTTP/1.1 204 No Content\r\n\r\n"
            default: "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: x\r\n\r\n"
            }
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()

        client.send("HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n")
        let head = client.message(hasBody: false)
        client.send("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n")
        let noContent = client.message()
        client.send("GET /304 HTTP/1.1\r\nHost: a\r\n\r\n")
        let notModified = client.message()

        #expect(head?["content-length"] == "5")
        #expect(noContent?.status == 204)
        #expect(noContent?["content-length"] == nil)
        #expect(notModified?.status == 304)
        #expect(origin.connections == 1)
    }

    @Test("gets a chunked response as chunks, or as plain bytes when it is HTTP/1.0")
    func translatesChunks() throws {
        let origin = Origin.answering { _ in
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))

        let new = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let old = gateway.ask("GET / HTTP/1.0\r\n\r\n")

        #expect(new?.text == "hello world")
        #expect(new?["transfer-encoding"] == "chunked")
        #expect(old?.text == "hello world")
        #expect(old?["transfer-encoding"] == nil)
        #expect(old?["connection"] == "close")
        #expect(origin.connections == 1)
    }

    @Test("gets a response that ends with its connection as chunks")
    func framesUntilClose() throws {
        let origin = Origin { _, socket, _ in
            guard socket.message() != nil else { return }
            socket.send("HTTP/1.0 200 OK\r\n\r\nuntil ")
            socket.send("the end")
            socket.shutdown()
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()

        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let first = client.message()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        #expect(first?["transfer-encoding"] == "chunked")
        #expect(first?.text == "until the end")
        #expect(client.message()?.text == "until the end")
    }

    @Test("that expects 100-continue is told to go on, and refused without its body")
    func expectsContinue() throws {
        let origin = Origin.answering { request in
            "HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n\(request.text)"
        }
        let gateway = try Gateway(
            TestEntities.proxying([origin.port]) { _, route in route.paths = ["/known"] }
        )
        let client = gateway.connect()
        client.send(
            "POST /known HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        let interim = client.message()
        client.send("body")

        let refused = gateway.ask(
            "POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )

        #expect(interim?.status == 100)
        #expect(client.message()?.text == "body")
        #expect(refused?.status == 404)
        #expect(refused?["connection"] == "close")
    }

    @Test("passes interim responses on, but not without end")
    func passesInterims() throws {
        let origin = Origin.answering { request in
            let count = request.target == "/many" ? 9 : 2
            let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
            return String(repeating: interim, count: count)
                + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()
        client.send("GET /few HTTP/1.1\r\nHost: a\r\n\r\n")
        let statuses = (0..<3).map { _ in client.message()?.status ?? 0 }

        let flooded = gateway.connect()
        flooded.send("GET /many HTTP/1.1\r\nHost: a\r\n\r\n")
        var last = 0
        for _ in 0..<9 { last = flooded.message()?.status ?? 0 }

        #expect(statuses == [103, 103, 200])
        #expect(last == 502)
    }

    @Test("carries large bodies both ways to a slow reader with little memory")
    func streamsLargeBodies() throws {
        let size = 8_000_000
        let origin = Origin { _, socket, _ in
            guard let request = socket.message() else { return }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n")
            socket.send(request.body)
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()
        let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
        client.send(body)

        let answer = client.message()

        #expect(answer?.body == body)
    }

    @Test("that asks for a WebSocket becomes a tunnel when the target agrees")
    func tunnels() throws {
        let origin = Origin { _, socket, _ in
            guard socket.receive(through: "\r\n\r\n") != nil else { return }
            socket.send(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi"
            )
            while let bytes = socket.receive() { socket.send(bytes.reversed()) }
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()

        client.send(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        let head = client.receive(through: "\r\n\r\n")
        let greeting = client.receive(exactly: 2)
        client.send("abc")

        #expect(head?.hasPrefix("HTTP/1.1 101") == true)
        #expect(greeting == Array("hi".utf8))
        #expect(client.receive(exactly: 3) == Array("cba".utf8))
    }

    @Test("keeps the client's Host when the route says so, and takes the upstream's otherwise")
    func choosesHost() throws {
        let origin = Origin.answering { request in
            let host = request["host"] ?? ""
            return "HTTP/1.1 200 OK\r\nContent-Length: \(host.utf8.count)\r\n\r\n\(host)"
        }
        var entities = TestEntities.proxying([origin.port])
        entities.upstreams[0].hostHeader = "inner.example"
        let gateway = try Gateway(entities)
        let request = "GET / HTTP/1.1\r\nHost: outer.example:8000\r\n\r\n"
        let replaced = gateway.ask(request)
        entities.routes[0].preserveHost = true
        let preserving = try Gateway(entities)

        #expect(replaced?.text == "inner.example")
        #expect(preserving.ask(request)?.text == "outer.example:8000")
    }
}
