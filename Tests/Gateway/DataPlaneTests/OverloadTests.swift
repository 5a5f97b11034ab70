import MeshPrimitives
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("Under too much load")
struct OverloadTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// Targets that hold their answers back until the test lets them go.
    private final class Gate: Sendable {
        private let state = Mutex<(isOpen: Bool, waiting: [StreamSocket])>((false, []))

        /// Answers what waits, and everything from now on.
        func open() {
            let waiting = self.state.withLock { state in
                defer { state.waiting = [] }
                state.isOpen = true
                return state.waiting
            }
            for socket in waiting { Self.answer(socket) }
        }

        func origin() -> Origin {
            Origin { origin, socket, _ in
                guard let request = socket.message() else { return }
                let isOpen = self.state.withLock { state in
                    if !state.isOpen { state.waiting.append(socket) }
                    return state.isOpen
                }
                origin.note(request)
                if isOpen { Self.answer(socket) }
            }
        }

        private static func answer(_ socket: StreamSocket) {
            socket.send(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
            )
        }
    }

    private func overloaded(_ gateway: Gateway) -> UInt64? {
        gateway.plane.counters().failures.first { $0.cause == "overloaded" }?.requests
    }

    @Test("new requests are answered 503 with Retry-After before routing, until others have ended")
    func sheds() async throws {
        let gate = Gate()
        let origin = gate.origin()
        let gateway = try Gateway(TestEntities.proxying([origin.port])) { $0.maximumRequests = 2 }
        let held = [gateway.connect(), gateway.connect()]
        for client in held { client.send(self.get) }
        #expect(await gateway.eventually { origin.requests.count == 2 })

        let late = gateway.connect()
        late.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        let answer = late.message()

        #expect(answer?.status == 503)
        #expect(["1", "2", "3"].contains(answer?["retry-after"] ?? ""))
        #expect(answer?["connection"] != "close")
        #expect(await gateway.eventually { self.overloaded(gateway) == 1 })
        #expect(origin.requests.count == 2)
        // Whoever adds up what clients were answered finds it, though it has no route.
        let shed = gateway.plane.counters().routes.first { $0.service.isEmpty && $0.route.isEmpty }
        #expect(shed?.requests == [.init(code: 503, source: .gateway, count: 1)])

        gate.open()
        for client in held { #expect(client.message()?.text == "ok") }
        late.send(self.get)
        #expect(late.message()?.text == "ok")
        #expect(self.overloaded(gateway) == 1)
    }

    @Test("streams of HTTP/2 clients are answered the same, and their session lives on")
    func shedsStreams() async throws {
        let gate = Gate()
        let origin = gate.origin()
        let gateway = try Gateway(TestEntities.proxying([origin.port])) { $0.maximumRequests = 1 }
        let held = gateway.connect()
        held.send(self.get)
        #expect(await gateway.eventually { origin.requests.count == 1 })

        let client = gateway.connect()
        client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        client.send([0, 0, 0, 4, 0, 0, 0, 0, 0])
        // HEADERS of stream 1 that end it: GET, http, /, and authority "a".
        let request: [UInt8] = [0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0x41, 1, 0x61]
        client.send(request)
        #expect(await gateway.eventually { self.overloaded(gateway) == 1 })
        gate.open()
        #expect(held.message()?.text == "ok")
        #expect(await gateway.eventually { gateway.plane.activeRequests == 0 })
        client.send(request[..<8] + [3] + request[9...])

        #expect(await gateway.eventually { origin.requests.count == 2 })
        #expect(self.overloaded(gateway) == 1)
        #expect(gateway.plane.counters().clientSessions == 1)
    }

    @Test("of one address, more connections than its share are closed at once, until others end")
    func limitsAddresses() async throws {
        let origin = Origin.saying("ok")
        let gateway = try Gateway(TestEntities.proxying([origin.port])) {
            $0.maximumConnectionsPerAddress = 2
        }
        var held = [gateway.connect(), gateway.connect()]
        for client in held {
            client.send(self.get)
            #expect(client.message()?.text == "ok")
        }

        #expect(gateway.ask(self.get) == nil)
        #expect(gateway.plane.counters().refusedConnections == 1)
        #expect(gateway.plane.counters().acceptedConnections == 2)

        held.removeLast()
        #expect(await gateway.eventually { gateway.plane.counters().activeConnections == 1 })
        #expect(gateway.ask(self.get)?.text == "ok")
        #expect(gateway.plane.counters().refusedConnections == 1)
        withExtendedLifetime(held) {}
    }

    @Test("connections of peers that are trusted to name the client do not count")
    func exemptsTrusted() throws {
        let origin = Origin.saying("ok")
        let block = try #require(AddressBlock("127.0.0.0/8"))
        let gateway = try Gateway(TestEntities.proxying([origin.port])) {
            $0.maximumConnectionsPerAddress = 1
            $0.realAddress.trusted = [block]
        }

        let held = (0..<3).map { _ in gateway.connect() }
        for client in held {
            client.send(self.get)
            #expect(client.message()?.text == "ok")
        }
        #expect(gateway.plane.counters().refusedConnections == 0)
    }
}
