import Glibc
import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

extension HTTP2TargetTests {
    @Test("that gives no window for the rest of a body costs write_timeout (RFC 9113 5.2)")
    func closedWindow() async throws {
        let log = AccessLogFile()
        let origin = Origin { _, socket, _ in
            let end = HTTP2End(socket, .server)
            end.consumes = false
            while end.next() != nil { end.flush() }
        }
        var entities = self.entities([origin.port])
        entities.routes[0].requestBuffering = false
        entities.services[0].writeTimeout = 200
        let gateway = try Gateway(entities) { $0.accessLog = log.sink }
        let client = gateway.connect()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n")
        let sender = startReactorThread(name: "sender") {
            client.send([UInt8](repeating: 7, count: 4_000_000))
        }

        #expect(client.message()?.status == 504)
        #expect(await log.line().contains("\"cause\":\"write_timeout\""))
        client.shutdown()
        sender?.join()
    }

    @Test("is sent a body whose client waits for 100 Continue (RFC 9110 10.1.1)")
    func continues() throws {
        let origin = Origin.http2 { end, request in
            end.answer(request.stream, body: request.message.body)
        }
        var entities = self.entities([origin.port])
        entities.routes[0].requestBuffering = false
        let gateway = try Gateway(entities)
        let client = gateway.connect()
        for _ in 0..<2 {
            client.send(
                "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
            )
            #expect(client.message()?.status == 100)
            client.send("abc")
            #expect(client.message()?.text == "abc")
        }
        #expect(origin.messages.allSatisfy { $0["expect"] == nil })
    }

    @Test("that goes away with a lower stream has not begun on the later ones (RFC 9113 6.8)")
    func lowerStream() async throws {
        typealias Frame = WebSocketOverHTTP2Tests.Frame
        let origin = Origin { origin, socket, number in
            guard number == 0 else {
                let end = HTTP2End(socket, .server)
                while let event = end.next() {
                    if case .end(let stream) = event { end.answer(stream, body: [65]) }
                    end.flush()
                }
                return
            }
            guard socket.receive(exactly: 24) != nil else { return }
            socket.send(Frame(type: 4).bytes)
            var streams: [UInt8] = []
            while streams.count < 2, let frame = Frame.read(socket) {
                if frame.type == 4, frame.flags == 0 {
                    socket.send(Frame(type: 4, flags: 1).bytes)
                }
                if frame.type == 1 {
                    streams.append(frame.stream)
                    origin.note("STREAM \(frame.stream)")
                }
            }
            guard streams.count == 2 else { return }
            socket.send(Frame(type: 7, payload: [0, 0, 0, streams[0], 0, 0, 0, 0]).bytes)
            socket.send(Frame(type: 1, flags: 5, stream: streams[0], payload: [0x88]).bytes)
            while Frame.read(socket) != nil {}
        }
        let gateway = try Gateway(self.entities([origin.port]))
        let (first, second) = (gateway.connect(), gateway.connect())
        first.send(self.post)
        let hasBegun = await eventually { origin.requests.count == 1 }
        second.send(self.post)
        let answers = [first.message(), second.message()]

        #expect(hasBegun)
        #expect(answers.map { $0?.status } == [200, 200])
        #expect(answers.map { $0?.text } == ["", "A"])
        #expect(origin.connections == 2)
    }
}

@Suite("A target that drips")
struct DrippingTargetTests {
    private static func dripping() -> Origin {
        Origin { _, socket, _ in
            guard socket.message() != nil else { return }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in 0..<1_000 where socket.send("x") { usleep(20_000) }
        }
    }

    private func entities() -> GatewayConfiguration {
        TestEntities.proxying([Self.dripping().port]) { service, _ in service.readTimeout = 300 }
    }

    @Test("is out of time where a least number of bytes is demanded, its answer cut")
    func demanded() async throws {
        let log = AccessLogFile()
        let gateway = try Gateway(self.entities()) { configuration in
            configuration.responseProgressByteCount = 1_024
            configuration.accessLog = log.sink
        }
        let client = gateway.connect()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let received = client.receiveAll()
        let line = await log.line()

        #expect(!received.isEmpty && received.count < 1_000)
        #expect(line.contains("\"cause\":\"read_timeout\""))
    }

    @Test("goes on for as long as it does otherwise")
    func otherwise() throws {
        let gateway = try Gateway(self.entities())
        let client = gateway.connect()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        #expect(client.receive(through: "\r\n\r\n") != nil)
        #expect(client.receive(exactly: 50) != nil)
    }
}

@Suite("An access log that cannot be written")
struct LostLogTests {
    @Test("loses lines, which are counted, and no requests")
    func full() async throws {
        let gateway = try Gateway(TestEntities.proxying([Origin.saying("ok").port])) {
            $0.accessLog = .file("/dev/full")
        }
        for _ in 0..<3 {
            #expect(gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")?.text == "ok")
        }
        let isCounted = await gateway.eventually {
            gateway.plane.counters().droppedLogLines == 3
        }

        #expect(isCounted)
    }
}
