import MeshEntities
import MeshHealth
import MeshPrimitives
import Testing

@testable import MeshDataPlane

@Suite("A trial of a target that is out of use")
struct TrialTests {
    private let now = MonotonicInstant(nanoseconds: 1_000_000_000_000)

    private func request(_ method: String) -> String {
        "\(method) / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    }

    /// A gateway with a target that serves and one that is out of use.
    private func gateway(_ out: UInt16, _ other: UInt16, workers: Int = 1) throws -> Gateway {
        let gateway = try Gateway(TestEntities.proxying([out, other]), workers: workers)
        gateway.plane.setTargets([TargetFactor(id: TestEntities.target(out), factor: 0)])
        return gateway
    }

    private func offer(
        _ gateway: Gateway,
        _ port: UInt16,
        isCautious: Bool = true,
        patience: Duration = .seconds(1)
    ) {
        let offer = TrialOffer(
            id: TestEntities.target(port),
            until: self.now.advanced(by: .seconds(30)),
            isCautious: isCautious,
            patience: patience
        )
        gateway.plane.offerTrials([offer], at: self.now)
    }

    @Test("is one request, whatever the number of workers", arguments: [1, 3])
    func single(workers: Int) throws {
        let (out, origin) = (Origin.saying("back"), Origin.saying("alive"))
        let gateway = try self.gateway(out.port, origin.port, workers: workers)
        for round in 1...3 {
            self.offer(gateway, out.port)
            for _ in 0..<20 { #expect(gateway.ask(self.request("GET"))?.status == 200) }
            #expect(out.requests.count == round)
        }
        #expect(origin.requests.count == 57)
    }

    @Test("is a request that may be repeated, unless caution has ended")
    func caution() throws {
        let (out, origin) = (Origin.saying("back"), Origin.saying("alive"))
        let gateway = try self.gateway(out.port, origin.port)
        self.offer(gateway, out.port)
        for _ in 0..<5 { #expect(gateway.ask(self.request("POST"))?.text == "alive") }
        #expect(gateway.ask(self.request("GET"))?.text == "back")

        self.offer(gateway, out.port, isCautious: false)
        #expect(gateway.ask(self.request("POST"))?.text == "back")
        #expect(gateway.ask(self.request("POST"))?.text == "alive")
    }

    @Test("is any request where no other target is in use", arguments: ["POST", "GET"])
    func nothingElse(method: String) throws {
        let out = Origin.saying("back")
        var entities = TestEntities.proxying([out.port])
        entities.services[0].retries = 0
        let gateway = try Gateway(entities)
        let id = TestEntities.target(out.port)
        gateway.plane.setTargets([TargetFactor(id: id, factor: .disabled)])
        #expect(gateway.ask(self.request(method))?.status == 503, "its circuit is open")
        self.offer(gateway, out.port)
        #expect(gateway.ask(self.request(method))?.text == "back")
        #expect(gateway.ask(self.request(method))?.status == 503, "one request only")
    }

    @Test("that is answered with a server error goes elsewhere, and is counted once")
    func serverError() async throws {
        let out = Origin.answering { _ in
            "HTTP/1.1 503 Not Yet\r\nContent-Length: 2\r\n\r\nno"
        }
        let origin = Origin.saying("alive")
        let gateway = try self.gateway(out.port, origin.port)
        self.offer(gateway, out.port)
        for _ in 0..<3 { #expect(gateway.ask(self.request("GET"))?.text == "alive") }

        #expect(out.requests.count == 1)
        let isReported = await gateway.eventually {
            gateway.log.values.contains { $0.id == TestEntities.target(out.port) }
        }
        #expect(isReported)
        let seen = gateway.log.values.filter { $0.id == TestEntities.target(out.port) }
        #expect(seen.reduce(0) { $0 + $1.answers } == 1)
        #expect(seen.allSatisfy { $0.transportFailures == 0 })
        #expect(gateway.plane.counters().retries == 1)
    }

    @Test("that hangs waits no longer than its patience")
    func patience() async throws {
        let out = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            _ = socket.receive()
        }
        let origin = Origin.saying("alive")
        let gateway = try self.gateway(out.port, origin.port)
        self.offer(gateway, out.port, patience: .milliseconds(200))
        let begun = ContinuousClock.now

        #expect(gateway.ask(self.request("GET"))?.text == "alive")
        // Kong's default read timeout is a minute.
        #expect(begun.duration(to: .now) < .seconds(40))
        #expect(out.requests.count == 1)
        let seen = await gateway.eventually { gateway.log.values.contains { $0.timeouts == 1 } }
        #expect(seen)
    }

    @Test("is the only one of its target until it is answered")
    func oneAtATime() async throws {
        let signal = Signal()
        let out = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            signal.wait()
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback")
        }
        let origin = Origin.saying("alive")
        let gateway = try self.gateway(out.port, origin.port)
        self.offer(gateway, out.port, patience: .seconds(60))
        let first = gateway.connect()
        first.send(self.request("GET"))
        let isTried = await gateway.eventually { out.requests.count == 1 }
        #expect(isTried)
        self.offer(gateway, out.port)
        for _ in 0..<5 { #expect(gateway.ask(self.request("GET"))?.text == "alive") }
        #expect(out.requests.count == 1)

        signal.set()
        #expect(first.message()?.text == "back")
        self.offer(gateway, out.port)
        #expect(gateway.ask(self.request("GET"))?.text == "back")
    }
}
