import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

@Suite("A target that speaks HTTP/2")
struct HTTP2TargetTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"

    func entities(_ ports: [UInt16]) -> GatewayConfiguration {
        TestEntities.proxying(ports) { service, _ in service.protocol = .grpc }
    }

    @Test("serves HTTP/1 clients, many on one connection (RFC 9113 3.3)")
    func serves() throws {
        let origin = Origin.http2 { end, request in
            end.answer(
                request.stream,
                "HTTP/1.1 200 OK\r\nX-Seen: \(request.message.method)\r\n\r\n",
                body: request.message.body + Array("!".utf8)
            )
        }
        let gateway = try Gateway(self.entities([origin.port]))
        let clients = (0..<4).map { _ in gateway.connect() }
        for _ in 0..<2 {
            for client in clients { client.send(self.post) }
            for client in clients {
                let answer = client.message()
                #expect(answer?.text == "abc!")
                #expect(answer?["x-seen"] == "POST")
            }
        }

        #expect(origin.connections == 1)
        #expect(origin.requests.count == 8)
    }

    @Test("that resets a POST otherwise may have begun: the answer is 502 (RFC 9110 9.2.2)")
    func resetStream() throws {
        let resetting = Origin.http2(events: { _, end, event in
            if case .end(let stream) = event { end.reset(stream, .internalError) }
            return true
        })
        let origin = Origin.http2 { end, request in end.answer(request.stream, body: [65]) }
        let gateway = try Gateway(self.entities([resetting.port, origin.port]))

        let statuses = (0..<2).compactMap { _ in gateway.ask(self.post)?.status }

        #expect(statuses.contains(502))
        #expect(origin.requests.count == statuses.filter { $0 == 200 }.count)
    }

    @Test("that goes away gets no further stream, and ends those it has (RFC 9113 6.8)")
    func goaway() throws {
        let origin = Origin.http2 { end, request in
            end.session.shutdown()
            end.flush()
            end.answer(request.stream, body: Array("last".utf8))
        }
        let gateway = try Gateway(self.entities([origin.port]))

        for _ in 0..<4 { #expect(gateway.ask(self.post)?.text == "last") }
        #expect(origin.connections == 4)
        #expect(gateway.plane.counters().targets.first?.failures == 0)
    }

    @Test("learns that the client has left (RFC 9113 5.4.2)")
    func cancels() async throws {
        let origin = Origin.http2(events: { origin, _, event in
            if case .end = event { origin.note("ASKED") }
            if case .closed(_, let code, true) = event { origin.note("RESET \(code.rawValue)") }
            return true
        })
        let gateway = try Gateway(self.entities([origin.port]))
        var client: StreamSocket? = gateway.connect()
        client?.send(self.get)
        let hasArrived = await eventually { !origin.requests.isEmpty }
        client?.reset()
        client = nil
        let isCancelled = await eventually { origin.requests.last == "RESET 8" }

        #expect(hasArrived)
        #expect(isCancelled)
    }

    @Test("that breaks its connection in an answer cuts it for everyone on it (RFC 9113 5.4.1)")
    func brokenConnection() async throws {
        let log = AccessLogFile()
        let origin = Origin { _, socket, _ in
            let end = HTTP2End(socket, .server)
            while let event = end.next() {
                guard case .end(let stream) = event else { continue }
                _ = Array("HTTP/1.1 200 OK\r\n\r\n".utf8).withUnsafeBytes {
                    end.session.submitResponse(on: stream, head: $0, endsStream: false)
                }
                end.send(Array("half".utf8), on: stream, isLast: false)
                return socket.shutdown()
            }
        }
        let gateway = try Gateway(self.entities([origin.port])) { $0.accessLog = log.sink }
        let client = gateway.connect()
        client.send(self.get)
        let received = String(decoding: client.receiveAll(), as: UTF8.self)

        #expect(received.contains("half"))
        #expect(!received.hasSuffix("0\r\n\r\n"))
        #expect(await log.line().contains("\"cut\":\"target\""))
    }

    @Test("that sends nothing costs read_timeout, and its other streams go on")
    func silence() throws {
        let origin = Origin.http2 { end, request in
            if request.message.target != "/silent" { end.answer(request.stream, body: [65]) }
        }
        var entities = self.entities([origin.port])
        entities.services[0].readTimeout = 150
        entities.services[0].retries = 0
        entities.routes[0].stripPath = false
        let gateway = try Gateway(entities)
        let client = HTTP2Client(gateway.connect())
        let silent = client.get("/silent")
        let answered = client.answer(client.get("/spoken"))

        #expect(answered?.status == 200)
        #expect(client.answer(silent)?.status == 504)
        #expect(client.answer(client.get("/spoken"))?.status == 200)
        #expect(origin.connections == 1)
    }
}
