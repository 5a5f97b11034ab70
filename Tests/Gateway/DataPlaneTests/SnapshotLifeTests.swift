import Glibc
import MeshEntities
import MeshPrimitives
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("Over a change of snapshot")
struct SnapshotLifeTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private let upgrade =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    /// A target that takes WebSockets and keeps them until their client leaves.
    private func socketOrigin() -> Origin {
        Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            socket.send(
                "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    + "X-Name: \(origin.port)\r\n\r\n"
            )
            _ = socket.receive()
        }
    }

    private func leastConnections(_ origins: [Origin]) -> GatewayConfiguration {
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = .leastConnections
        return entities
    }

    private func withAnotherService(_ entities: GatewayConfiguration) -> GatewayConfiguration {
        var entities = entities
        let service = Service(id: EntityID(high: 7, low: 1), name: "other", host: "127.0.0.1")
        entities.services.insert(service, at: 0)
        entities.routes.insert(
            Route(
                id: EntityID(high: 7, low: 2),
                name: "other",
                service: service.id,
                paths: ["/other"]
            ),
            at: 0
        )
        return entities
    }

    /// Opens WebSockets; each is agreed before the next is asked for.
    private func open(_ count: Int, through gateway: Gateway) -> [Session] {
        (0..<count).map { _ in
            let client = gateway.connect()
            client.send(self.upgrade)
            let answer = client.message()
            #expect(answer?.status == 101)
            return Session(socket: client, name: answer?["x-name"] ?? "none")
        }
    }

    /// A WebSocket, and which target has it.
    private struct Session {
        let socket: StreamSocket
        let name: String
    }

    /// What a test's threads tell each other.
    private final class Signals: Sendable {
        let count = Atomic<Int>(0)
        let isSet = Atomic<Bool>(false)
    }

    private func inFlight(_ origin: Origin, _ gateway: Gateway) -> UInt64 {
        gateway.plane.counters().targets
            .first { $0.id == TestEntities.target(origin.port) }?.inFlight ?? 0
    }

    @Test("least connections goes on from what is in flight")
    func keepsCounts() async throws {
        let one = self.socketOrigin()
        let other = self.socketOrigin()
        let entities = self.leastConnections([one, other])
        let gateway = try Gateway(entities)
        let clients = self.open(8, through: gateway)
        #expect(self.inFlight(one, gateway) == 4)
        let others = clients.filter { $0.name == "\(other.port)" }
        for client in others { client.socket.shutdown() }
        let isSettled = await gateway.eventually { self.inFlight(other, gateway) == 0 }

        try gateway.install(self.withAnotherService(entities), version: 2)
        let next = self.open(4, through: gateway)

        #expect(others.count == 4 && isSettled)
        #expect(next.map(\.name) == Array(repeating: "\(other.port)", count: 4))
        withExtendedLifetime(clients) {}
    }

    @Test("a target that is added gets the next requests until it has as many as the old one")
    func carriesCountsOver() async throws {
        let old = self.socketOrigin()
        let new = self.socketOrigin()
        let gateway = try Gateway(self.leastConnections([old]))
        let first = self.open(6, through: gateway)

        try gateway.install(self.leastConnections([old, new]), version: 2)
        let second = self.open(6, through: gateway)
        let filled = (self.inFlight(old, gateway), self.inFlight(new, gateway))
        // Those that began on the old snapshot end in the new balancer.
        for client in first { client.socket.shutdown() }
        let isSettled = await gateway.eventually { self.inFlight(old, gateway) == 0 }
        let third = self.open(6, through: gateway)

        #expect(filled == (6, 6))
        #expect(isSettled)
        #expect(self.inFlight(old, gateway) == 6)
        #expect(self.inFlight(new, gateway) == 6)
        withExtendedLifetime((second, third)) {}
    }

    @Test("a target that leaves and comes back still has what is in flight to it")
    func settlesReturned() async throws {
        let stays = self.socketOrigin()
        let leaves = self.socketOrigin()
        let gateway = try Gateway(self.leastConnections([stays, leaves]))
        let sessions = self.open(8, through: gateway)

        try gateway.install(self.leastConnections([stays]), version: 2)
        let alone = self.open(2, through: gateway)
        try gateway.install(self.leastConnections([stays, leaves]), version: 3)
        let back = self.open(2, through: gateway)

        // Six against four: both new ones go to the one that came back.
        #expect(leaves.requests.count == 6)
        #expect(stays.requests.count == 6)
        for session in sessions { session.socket.shutdown() }
        let isSettled = await gateway.eventually { gateway.plane.activeRequests == 4 }
        #expect(isSettled)
        let last = self.open(4, through: gateway)
        #expect(leaves.requests.count == 8)
        withExtendedLifetime((alone, back, last)) {}
    }

    @Test("round robin goes on where it was, and factors and groups stay")
    func keepsTurn() throws {
        let one = Origin.saying("one")
        let two = Origin.saying("two")
        let three = Origin.saying("three")
        var entities = TestEntities.proxying([one.port, two.port, three.port])
        let gateway = try Gateway(entities)
        gateway.plane.setTargets([
            TargetFactor(id: TestEntities.target(two.port), factor: 0)
        ])
        var answers: [String] = []
        for version in UInt64(2)..<12 {
            answers.append(gateway.ask(self.get)?.text ?? "none")
            // What is not algorithm or targets leaves the balancer alone.
            entities.upstreams[0].healthchecks.threshold = Double(version)
            entities.upstreams[0].tags = ["version-\(version)"]
            try gateway.install(entities, version: version)
        }

        #expect(Set(answers) == ["one", "three"])
        #expect(zip(answers, answers.dropFirst()).allSatisfy { $0 != $1 })
    }

    @Test("an unchanged route counts on; a route that is gone is not shown, and begins anew")
    func keepsCounters() async throws {
        let origin = Origin.saying("ok")
        let plain = TestEntities.proxying([origin.port])
        let more = self.withAnotherService(plain)
        let gateway = try Gateway(more)
        for _ in 0..<3 { _ = gateway.ask(self.get) }
        _ = gateway.ask("GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
        let before = await self.counters(gateway, ofRequests: 4)
        try gateway.install(plain, version: 2)
        _ = gateway.ask(self.get)
        let during = await self.counters(gateway, ofRequests: 4)
        try gateway.install(more, version: 3)
        _ = gateway.ask(self.get)
        let after = await self.counters(gateway, ofRequests: 5)

        #expect(before.routes.map(\.route) == ["other", "all"])
        #expect(before.targets.count == 2)
        #expect(during.routes.map(\.route) == ["all"])
        #expect(during.routes.first?.requests.map(\.count) == [4])
        #expect(during.targets.map(\.attempts) == [4])
        #expect(after.routes.map(\.route) == ["all"])
        #expect(after.routes.first?.requests.map(\.count) == [5])
    }

    /// The counters once so many requests are counted by the routes that are shown: an answer goes
    /// out before it is counted.
    private func counters(
        _ gateway: Gateway,
        ofRequests wanted: UInt64
    ) async -> DataPlaneCounters {
        _ = await gateway.eventually {
            gateway.plane.counters().routes.flatMap(\.requests).reduce(0) { $0 + $1.count }
                == wanted
        }
        return gateway.plane.counters()
    }

    @Test("kept connections to a target that is gone are closed, those to others stay")
    func dropsPools() async throws {
        let ended = Signals()
        let serve: @Sendable (Origin, StreamSocket, Int) -> Void = { origin, socket, _ in
            while let request = socket.message() {
                origin.note(request)
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
            ended.count.add(1, ordering: .relaxed)
        }
        let stays = Origin(serve)
        let leaves = Origin(serve)
        let gateway = try Gateway(TestEntities.proxying([stays.port, leaves.port]))
        for _ in 0..<4 { _ = gateway.ask(self.get) }
        #expect(stays.connections == 1 && leaves.connections == 1)

        try gateway.install(TestEntities.proxying([stays.port]), version: 2)
        let isClosed = await gateway.eventually { ended.count.load(ordering: .relaxed) == 1 }
        for _ in 0..<4 { _ = gateway.ask(self.get) }

        #expect(isClosed)
        #expect(stays.connections == 1)
        #expect(stays.requests.count == 6)
    }

    @Test("a connection in use when its target goes is closed after its answer")
    func dropsPoolsInUse() async throws {
        let mayAnswer = Signals()
        let isClosed = Signals()
        let slow = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            while !mayAnswer.isSet.load(ordering: .acquiring) { usleep(2_000) }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
            if socket.receive() == nil { isClosed.isSet.store(true, ordering: .releasing) }
        }
        let gateway = try Gateway(TestEntities.proxying([slow.port]))
        let client = gateway.connect()
        client.send(self.get)
        let hasBegun = await gateway.eventually { slow.requests.count == 1 }

        let next = Origin.saying("next")
        try gateway.install(TestEntities.proxying([next.port]), version: 2)
        #expect(gateway.ask(self.get)?.text == "next")
        mayAnswer.isSet.store(true, ordering: .releasing)

        #expect(hasBegun)
        #expect(client.message()?.text == "slow")
        let isGone = await gateway.eventually { isClosed.isSet.load(ordering: .acquiring) }
        #expect(isGone)
    }

    @Test("targets come and go a hundred times under load and nothing fails")
    func churns() async throws {
        let origins = (0..<3).map { Origin.saying("\($0)") }
        let gateway = try Gateway(TestEntities.proxying(origins.map(\.port)), workers: 2)
        let failed = Signals()
        let served = Signals()
        let isDone = Signals()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !isDone.isSet.load(ordering: .acquiring) {
                    let isServed = gateway.ask(self.get)?.status == 200
                    (isServed ? served : failed).count.add(1, ordering: .relaxed)
                    await Task.yield()
                }
            }
            for version in UInt64(2)..<102 {
                let kept = origins.enumerated().filter { $0.offset != Int(version) % 3 }
                try? gateway.install(
                    TestEntities.proxying(kept.map(\.element.port)),
                    version: version
                )
                _ = gateway.plane.counters()
                await Task.yield()
            }
            isDone.isSet.store(true, ordering: .releasing)
        }

        #expect(failed.count.load(ordering: .relaxed) == 0)
        #expect(served.count.load(ordering: .relaxed) > 0)
        #expect(gateway.plane.activeRequests == 0)
    }
}
