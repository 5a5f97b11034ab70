import MeshEntities
import MeshTLS
import Testing

@testable import MeshDataPlane

@Suite("Bytes over TLS")
struct TLSTransferTests {
    private let get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"

    @Test("of 64 KiB bodies arrive whole both ways at a slow reader")
    func slowReader() throws {
        let origin = Origin.answering { request in
            "HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n\(request.text)"
        }
        let gateway = try Gateway.secure(TestEntities.proxying([origin.port]))
        let body = (0..<65_536).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        let client = try gateway.connectTLS(name: "a.test")
        for _ in 0..<2 {
            client.send(
                "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: \(body.count)\r\n\r\n"
            )
            client.send(body)
            var received: [UInt8] = []
            let head = client.receive(through: "\r\n\r\n")
            let pause = Signal()
            while received.count < body.count, let more = client.receive(limit: 3_000) {
                received += more
                pause.wait(milliseconds: 2)
            }
            #expect(head?.hasPrefix("HTTP/1.1 200") == true)
            #expect(received == body)
        }
    }

    @Test("of megabytes arrive whole at a reader that is slower than the target")
    func largeAnswer() throws {
        let count = 6_000_000
        let origin = Origin.answering { _ in
            "HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n"
                + String(repeating: "x", count: count)
        }
        let gateway = try Gateway.secure(TestEntities.proxying([origin.port]))
        let client = try gateway.connectTLS(name: "a.test")
        client.send(self.get)
        _ = client.receive(through: "\r\n\r\n")
        let pause = Signal()
        pause.wait(milliseconds: 100)

        #expect(client.receive(exactly: count)?.count == count)
    }

    @Test("are pipelined and cut anywhere, as in the clear (RFC 9112 9.3.2)")
    func pipelined() throws {
        let gateway = try Gateway.secure(TestEntities.proxying([Origin.saying("ok").port]))
        let client = try gateway.connectTLS(name: "a.test")
        for byte in (self.get + self.get).utf8 { client.send([byte]) }
        client.send(self.get + self.get)

        for _ in 0..<4 { #expect(client.message()?.text == "ok") }
    }

    @Test("that are garbage end the connection, and no other one")
    func garbage() throws {
        let gateway = try Gateway.secure(TestEntities.proxying([Origin.saying("ok").port]))
        let good = try gateway.connectTLS(name: "a.test")
        let bad = StreamSocket(port: gateway.tlsPort)
        bad.send([UInt8](repeating: 0xFF, count: 600))

        _ = bad.receiveAll()
        good.send(self.get)

        #expect(good.message()?.status == 200)
    }

    @Test("end with close_notify after the last answer (RFC 8446 6.1)")
    func closeNotify() throws {
        let gateway = try Gateway.secure(TestEntities.proxying([Origin.saying("ok").port]))
        let client = try gateway.connectTLS(name: "a.test")
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")

        #expect(client.message()?.text == "ok")
        #expect(client.receive() == nil)
        #expect(client.ending == .ended)
    }

    @Test("of an answer without length are cut when close_notify is missing (RFC 9112 9.8)")
    func truncatedAnswer() async throws {
        let log = AccessLogFile()
        let certificate = TestCertificate("target.test")
        let context = try certificate.server()
        let origin = Origin { _, socket, number in
            let stream = TLSSocket(socket, context)
            guard stream.message() != nil else { return }
            stream.send("HTTP/1.1 200 OK\r\n\r\nhalf")
            if number == 1 { stream.close() }
            socket.shutdownWrite()
            _ = socket.receive()
        }
        let entities = TestEntities.proxying([origin.port]) { service, _ in
            service.protocol = .https
        }
        let gateway = try Gateway(entities) { $0.accessLog = log.sink }
        let cut = gateway.connect()
        cut.send(self.get)
        let first = String(decoding: cut.receiveAll(), as: UTF8.self)
        let whole = gateway.ask(self.get)
        let lines = await log.lines(2)

        #expect(first.contains("half"))
        #expect(!first.hasSuffix("0\r\n\r\n"))
        #expect(whole?.text == "half")
        #expect(lines.first?.contains("\"cut\":\"target\"") == true)
        #expect(lines.last?.contains("\"cut\"") == false)
    }

    @Test("of a request are cut when the client ends without close_notify (RFC 9112 8)")
    func truncatedRequest() async throws {
        let origin = Origin { origin, socket, _ in
            guard let head = socket.receive(through: "\r\n\r\n") else { return }
            origin.note(head)
            if socket.receive(exactly: 10) == nil { origin.note("CUT") }
        }
        let gateway = try Gateway.secure(TestEntities.streaming([origin.port]))
        let client = try gateway.connectTLS(name: "a.test")
        client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nabc")
        let hasArrived = await eventually { origin.requests.count >= 1 }
        client.shutdownBare()

        #expect(hasArrived)
        let isCut = await eventually { origin.requests.last == "CUT" }
        #expect(hasArrived)
        #expect(isCut)
    }

    @Test("of a WebSocket pass through TLS on both sides (RFC 6455 3)")
    func webSocket() throws {
        let context = try TestCertificate("target.test").server()
        let origin = Origin { _, socket, _ in
            let stream = TLSSocket(socket, context)
            guard stream.receive(through: "\r\n\r\n") != nil else { return }
            stream.send(UpgradeTests.accepted + "first")
            while let bytes = stream.receive() { stream.send(bytes) }
        }
        let entities = TestEntities.proxying([origin.port]) { service, _ in
            service.protocol = .https
        }
        let gateway = try Gateway.secure(entities)
        let client = try gateway.connectTLS(name: "a")
        client.send(UpgradeTests.request + "EARLY")

        #expect(client.message()?.status == 101)
        let received = client.receive(exactly: 10).map { String(decoding: $0, as: UTF8.self) }
        #expect(received == "firstEARLY")
    }
}
