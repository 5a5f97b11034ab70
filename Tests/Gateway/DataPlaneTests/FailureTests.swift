import MeshEntities
import MeshHealth
import Testing

@testable import MeshDataPlane

@Suite("When a target fails")
struct FailureTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("by refusing connections, another one serves and the client never learns")
    func retriesRefused() async throws {
        let dead = Origin.deadPort()
        let origin = Origin.saying("alive")
        let gateway = try Gateway(TestEntities.proxying([dead, origin.port]))

        for _ in 0..<10 { #expect(gateway.ask(self.get)?.text == "alive") }

        let reported = await gateway.eventually {
            gateway.log.values.contains {
                $0.id == TestEntities.target(dead) && $0.connectFailures > 0
            }
        }
        #expect(reported)
        // Its own evidence keeps the worker away from the dead target for a second.
        let failures = gateway.plane.counters().targets.first {
            $0.id == TestEntities.target(dead)
        }
        #expect(failures?.failures == 1)
        #expect(gateway.plane.counters().retries == 1)
    }

    @Test("and none is left, the answer is Kong's 502, sent with both latencies")
    func answersBadGateway() throws {
        let gateway = try Gateway(TestEntities.proxying([Origin.deadPort(), Origin.deadPort()]))

        let answer = gateway.ask(self.get)

        #expect(answer?.status == 502)
        #expect(
            answer?.text.contains("An invalid response was received from the upstream server")
                == true
        )
        #expect(answer?["x-kong-upstream-latency"] != nil)
        #expect(answer?["x-kong-proxy-latency"] != nil)
        #expect(gateway.plane.counters().targets.map(\.attempts) == [1, 1])
    }

    @Test("by hanging, GET goes elsewhere and POST gets 504", arguments: ["GET", "POST"])
    func readTimeout(method: String) throws {
        let hanging = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            _ = socket.receive()
        }
        let origin = Origin.saying("alive")
        let entities = TestEntities.proxying([hanging.port, origin.port]) { service, _ in
            service.readTimeout = 100
        }
        let gateway = try Gateway(entities)
        gateway.plane.setTargets([
            TargetFactor(id: TestEntities.target(origin.port), factor: 0)
        ])

        let answer = gateway.ask(
            "\(method) / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        )

        #expect(answer?.status == (method == "GET" ? 200 : 504))
        #expect(hanging.requests.count == 1)
        #expect(origin.requests.count == (method == "GET" ? 1 : 0))
    }

    @Test("after it took the request, PUT is sent again whole and POST is not")
    func repeatsOnlyIdempotent() throws {
        let breaking = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            socket.shutdown()
        }
        let origin = Origin.answering { request in
            "HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n\(request.text)"
        }
        let gateway = try Gateway(TestEntities.streaming([breaking.port, origin.port]))
        let avoid = TargetFactor(id: TestEntities.target(origin.port), factor: 0)
        gateway.plane.setTargets([avoid])
        let body = String(repeating: "b", count: 40_000)
        let length = "Content-Length: \(body.utf8.count)\r\n"

        let put = gateway.ask("PUT / HTTP/1.1\r\nHost: a\r\n\(length)\r\n\(body)")
        let post = gateway.ask("POST / HTTP/1.1\r\nHost: a\r\n\(length)\r\n\(body)")
        let large = String(repeating: "b", count: 200_000)
        let tooLarge = gateway.ask(
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \(large.utf8.count)\r\n\r\n\(large)"
        )

        #expect(put?.text == body)
        #expect(post?.status == 502)
        #expect(tooLarge?.status == 502)
        #expect(origin.requests.count == 1)
    }

    @Test("between two requests, a kept connection that died is replaced without a failure")
    func replacesStaleConnection() throws {
        let origin = Origin { origin, socket, number in
            guard let request = socket.message() else { return }
            origin.note(request)
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(number)")
            // The first connection dies with the second request on it.
            if number == 0 {
                _ = socket.receive(through: "\r\n\r\n")
                socket.shutdown()
            } else {
                _ = socket.receive()
            }
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()

        client.send(self.get)
        let first = client.message()
        client.send(self.get)
        let second = client.message()

        #expect(first?.text == "0")
        #expect(second?.text == "1")
        let target = gateway.plane.counters().targets.first
        #expect(target?.failures == 0)
        #expect(gateway.plane.counters().retries == 0)
    }

    static let broken = [
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ]

    @Test("by not speaking HTTP, the answer is 502", arguments: Self.broken)
    func malformedResponse(response: String) throws {
        let origin = Origin.answering { _ in response }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))

        #expect(gateway.ask(self.get)?.status == 502)
    }

    @Test("in the middle of a body, the client's connection breaks off, too")
    func cutBody() throws {
        let responses = [
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n",
        ]
        for response in responses {
            let origin = Origin { _, socket, _ in
                guard socket.message() != nil else { return }
                socket.send(response)
                socket.shutdownWrite()
                _ = socket.receive()
            }
            let gateway = try Gateway(TestEntities.proxying([origin.port]))
            let client = gateway.connect()
            client.send(self.get)

            #expect(client.message() == nil)
        }
    }

    @Test("to stop after its response, the surplus never answers the next request")
    func surplus() throws {
        let origin = Origin.answering { _ in
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()

        for _ in 0..<5 {
            client.send(self.get)
            #expect(client.message()?.text == "ok")
        }
        #expect(origin.connections == 5)
    }

    @Test("to wait for the whole body, its early answer arrives and the connection closes")
    func earlyAnswer() throws {
        let origin = Origin { _, socket, _ in
            guard socket.receive(through: "\r\n\r\n") != nil else { return }
            socket.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
            socket.shutdownWrite()
            _ = socket.receiveAll()
        }
        let gateway = try Gateway(TestEntities.streaming([origin.port]))
        let client = gateway.connect()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        client.send([UInt8](repeating: 1, count: 300_000))

        let answer = client.message()

        #expect(answer?.status == 413)
        #expect(answer?.text == "big")
        #expect(answer?["connection"] == "close")
        // What is still sent is swallowed until the connection ends; it does not break at once.
        client.shutdownWrite()
        #expect(client.receiveAll().isEmpty)
    }

    @Test("its work is given up as soon as the client leaves")
    func clientLeaves() async throws {
        let origin = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            if socket.receive() == nil, let end = TestMessage(head: "ENDED / x") {
                origin.note(end)
            }
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        var client: StreamSocket? = gateway.connect()
        client?.send(self.get)
        let arrived = await gateway.eventually { origin.requests.count == 1 }
        client?.reset()
        client = nil

        let ended = await gateway.eventually { origin.requests.count == 2 }
        #expect(arrived)
        #expect(ended)
        let isCounted = await gateway.eventually {
            gateway.plane.counters().routes.first?.requests.first?.code == 499
        }
        #expect(isCounted)
        #expect(gateway.plane.counters().activeRequests == 0)
    }
}
