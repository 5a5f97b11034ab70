import Testing

@testable import MeshDataPlane

@Suite("A body that waits in the gateway")
struct BufferingTests {
    @Test("reaches no target before it is whole, when the route buffers requests")
    func holdsRequests() async throws {
        let origin = Origin.answering { request in
            "HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n\(request.text)"
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabcde")
        // A whole exchange beside it: whatever would have been sent on has been by then.
        let other = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let before = origin.requests

        client.send("fghij")

        #expect(other?.status == 200)
        #expect(before.count == 1)
        #expect(client.message()?.text == "abcdefghij")
    }

    @Test("is sent on while it arrives, when the route streams requests")
    func streamsRequests() async throws {
        let origin = Origin { origin, socket, _ in
            guard let head = socket.receive(through: "\r\n\r\n") else { return }
            origin.note(head)
            guard socket.receive(exactly: 10) != nil else { return }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        let gateway = try Gateway(TestEntities.streaming([origin.port]))
        let client = gateway.connect()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabcde")
        let hasArrived = await gateway.eventually { origin.requests.count == 1 }

        client.send("fghij")

        #expect(hasArrived)
        #expect(client.message()?.text == "ok")
    }

    @Test("of chunks is whole at their end, and goes to another target after a refusal")
    func chunksAndRetry() throws {
        let origin = Origin.answering { request in
            "HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n\(request.text)"
        }
        let gateway = try Gateway(TestEntities.proxying([Origin.deadPort(), origin.port]))
        for _ in 0..<2 {
            let client = gateway.connect()
            client.send(
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"
            )
            client.send("5\r\nfghij\r\n0\r\n\r\n")

            #expect(client.message()?.text == "abcdefghij")
        }
    }

    @Test("is asked for at once: the target would not be until it is whole (RFC 9110 10.1.1)")
    func continues() throws {
        let origin = Origin.saying("ok")
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()
        client.send(
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        )

        #expect(client.message()?.status == 100)
        client.send("abc")
        #expect(client.message()?.text == "ok")
    }
}
