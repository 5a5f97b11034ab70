import MeshEntities
import MeshHealth
import Testing

@testable import MeshDataPlane

@Suite("A client that leaves")
struct DepartureTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// A target that takes a request, answers when it may, and notes the end of its connection.
    private func thinking(_ mayAnswer: Signal) -> Origin {
        Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            let isClosed = Signal()
            let watch = startReactorThread(name: "watch") {
                if socket.receive() == nil { origin.note("CLOSED") }
                isClosed.set()
            }
            if mayAnswer.wait() {
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
            watch?.join()
        }
    }

    @Test("by FIN while the target thinks is logged 499, and the target's work is cancelled")
    func finished() async throws {
        let log = AccessLogFile()
        let origin = self.thinking(Signal())
        let gateway = try Gateway(TestEntities.proxying([origin.port])) { configuration in
            configuration.accessLog = log.sink
        }
        let client = gateway.connect()
        client.send(self.get)
        let hasArrived = await eventually { origin.requests.count >= 1 }

        client.shutdownWrite()
        let isCancelled = await eventually { origin.requests.last == "CLOSED" }
        let line = await log.line()

        #expect(hasArrived)
        #expect(isCancelled)
        #expect(line.contains("\"status\":499"))
        #expect(line.contains("\"error\":{\"owner\":\"client\",\"cause\":\"left\"}"))
        #expect(gateway.log.values.allSatisfy { $0.connectFailures == 0 })
    }

    @Test("by half closing gets its answer where the setting says so")
    func halfClosed() async throws {
        let mayAnswer = Signal()
        let origin = self.thinking(mayAnswer)
        let gateway = try Gateway(TestEntities.proxying([origin.port])) { configuration in
            configuration.keepsHalfClosedClients = true
        }
        let client = gateway.connect()
        client.send(self.get)
        client.shutdownWrite()
        let hasArrived = await eventually { origin.requests.count >= 1 }
        try await Task.sleep(for: .milliseconds(50))
        mayAnswer.set()

        #expect(hasArrived)
        #expect(client.message()?.text == "ok")
    }

    @Test("by FIN in the middle of its own body is no whole request (RFC 9112 8)")
    func unfinishedBody() async throws {
        let log = AccessLogFile()
        let origin = Origin { origin, socket, _ in
            guard let head = socket.receive(through: "\r\n\r\n") else { return }
            origin.note(head)
            _ = socket.receiveAll()
            origin.note("CLOSED")
        }
        let gateway = try Gateway(TestEntities.streaming([origin.port])) { configuration in
            configuration.accessLog = log.sink
        }
        let client = gateway.connect()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        let hasArrived = await eventually { origin.requests.count >= 1 }

        client.shutdownWrite()
        let isCancelled = await eventually { origin.requests.last == "CLOSED" }
        let line = await log.line()

        #expect(hasArrived)
        #expect(isCancelled)
        #expect(line.contains("\"owner\":\"client\""))
    }

    @Test("between pipelined requests leaves the second unsent")
    func pipelined() async throws {
        let origin = self.thinking(Signal())
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()
        client.send(self.get + self.get)
        let hasArrived = await eventually { origin.requests.count >= 1 }

        client.reset()
        client.shutdown()
        let isCancelled = await eventually { origin.requests.last == "CLOSED" }

        #expect(hasArrived)
        #expect(isCancelled)
        #expect(origin.requests.filter { $0.hasPrefix("GET") }.count == 1)
    }
}
