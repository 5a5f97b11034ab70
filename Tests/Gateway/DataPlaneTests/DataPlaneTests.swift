import Glibc
import MeshEntities
import MeshHealth
import MeshPrimitives
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("A data plane")
struct DataPlaneTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("reports what targets answered, and counts it by route and status")
    func counts() async throws {
        let origin = Origin.answering { request in
            let status = request.target == "/bad" ? "500 No" : "200 OK"
            return "HTTP/1.1 \(status)\r\nContent-Length: 2\r\n\r\nok"
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]), workers: 2)
        for _ in 0..<4 { _ = gateway.ask(self.get) }
        for _ in 0..<2 { _ = gateway.ask("GET /bad HTTP/1.1\r\nHost: a\r\n\r\n") }

        let complete = await gateway.eventually {
            gateway.log.values.reduce(0) { $0 + $1.answers } == 6
        }
        #expect(complete)
        let statuses = gateway.log.values.flatMap(\.statuses)
        #expect(statuses.filter { $0.status == 500 }.reduce(0) { $0 + $1.count } == 2)
        let counters = gateway.plane.counters()
        let route = try #require(counters.routes.first)
        #expect(route.service == "shop")
        #expect(route.route == "all")
        #expect(route.requests.map(\.code) == [200, 500])
        #expect(route.requests.map(\.count) == [4, 2])
        #expect(route.requests.allSatisfy { $0.source == .service })
        #expect(route.requestLatency.counts.reduce(0, +) == 6)
        #expect(route.upstreamLatency.counts.reduce(0, +) == 6)
        #expect(route.gatewayLatency.counts.reduce(0, +) == 6)
        #expect(route.ingressBytes > 0)
        #expect(route.egressBytes > 0)
        #expect(counters.requests == 6)
        #expect(counters.acceptedConnections == 6)
        #expect(counters.targets.first?.attempts == 6)
        #expect(counters.targets.first?.inFlight == 0)
    }

    @Test("sends nothing to a target whose factor is 0, also after the next snapshot")
    func obeysFactors() throws {
        let first = Origin.saying("first")
        let second = Origin.saying("second")
        let entities = TestEntities.proxying([first.port, second.port])
        let gateway = try Gateway(entities)
        let both = Set((0..<10).compactMap { _ in gateway.ask(self.get)?.text })

        gateway.plane.setTargets([
            TargetFactor(id: TestEntities.target(first.port), factor: 0)
        ])
        let lowered = Set((0..<10).compactMap { _ in gateway.ask(self.get)?.text })
        try gateway.install(entities, version: 2)
        let later = Set((0..<10).compactMap { _ in gateway.ask(self.get)?.text })

        #expect(both == ["first", "second"])
        #expect(lowered == ["second"])
        #expect(later == ["second"])
    }

    @Test("prefers its own region, then the group that has all")
    func obeysGroups() throws {
        let local = Origin.saying("eu")
        let remote = Origin.saying("us")
        var entities = TestEntities.proxying([local.port, remote.port])
        entities.targets[0].tags = ["region:eu"]
        entities.targets[1].tags = ["region:us"]
        let gateway = try Gateway(entities)
        let before = Set((0..<6).compactMap { _ in gateway.ask(self.get)?.text })

        gateway.plane.setShares([GroupShares(upstream: "origins", shares: [0, 1_000])])
        let after = Set((0..<6).compactMap { _ in gateway.ask(self.get)?.text })

        #expect(before == ["eu"])
        #expect(after == ["us"])
    }

    @Test("finishes a request on the snapshot it began on, and drops that snapshot then")
    func swapsSnapshots() async throws {
        let mayAnswer = Flag()
        let origin = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            while !mayAnswer.isSet { usleep(5_000) }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
        }
        let quick = Origin.saying("new")
        let entities = TestEntities.proxying([origin.port])
        let gateway = try Gateway(entities)
        weak var old: Snapshot?
        do {
            let snapshot = try Snapshot(
                configuration: entities,
                addresses: HostAddresses(),
                localRegion: "eu",
                version: 2
            )
            old = snapshot
            try gateway.plane.install(snapshot)
        }
        let waiting = gateway.connect()
        waiting.send(self.get)
        let begun = await gateway.eventually { origin.requests.count == 1 }

        try gateway.install(TestEntities.proxying([quick.port]), version: 3)
        let answer = gateway.ask(self.get)
        let isHeld = old != nil
        mayAnswer.set()

        #expect(begun)
        #expect(answer?.text == "new")
        #expect(isHeld)
        #expect(waiting.message()?.text == "old")
        let isDropped = await gateway.eventually { old == nil }
        #expect(isDropped)
    }

    @Test("drains: refuses new connections, finishes the request in flight, then closes it")
    func drains() async throws {
        let mayAnswer = Flag()
        let origin = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            while !mayAnswer.isSet { usleep(5_000) }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()
        client.send(self.get)
        let begun = await gateway.eventually { origin.requests.count == 1 }

        async let draining = gateway.plane.drain(deadline: .seconds(5))
        let isClosed = await gateway.eventually { !gateway.connect().send(self.get) }
        mayAnswer.set()
        let cut = await draining
        let answer = client.message()

        #expect(begun)
        #expect(isClosed)
        #expect(cut == 0)
        #expect(answer?.text == "ok")
        #expect(answer?["connection"] == "close")
        #expect(gateway.ask(self.get) == nil)
    }

    @Test("says how many requests it cut when the time to drain is up")
    func cutsAtDeadline() async throws {
        let origin = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            _ = socket.receive()
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let clients = (0..<3).map { _ in gateway.connect() }
        for client in clients { client.send(self.get) }
        let begun = await gateway.eventually { origin.requests.count == 3 }

        let cut = await gateway.plane.drain(deadline: .milliseconds(50))
        gateway.plane.stop()

        #expect(begun)
        #expect(cut == 3)
        #expect(clients.allSatisfy { $0.message() == nil })
    }

    @Test("pauses accepting at its limit and goes on when there is room")
    func limitsConnections() async throws {
        let origin = Origin.saying("ok")
        let gateway = try Gateway(TestEntities.proxying([origin.port])) { configuration in
            configuration.maximumConnections = 2
        }
        var first: StreamSocket? = gateway.connect()
        let second = gateway.connect()
        first?.send(self.get)
        second.send(self.get)
        _ = first?.message()
        _ = second.message()
        let third = gateway.connect()
        third.send(self.get)
        let paused = await gateway.eventually { gateway.plane.counters().acceptPauses > 0 }

        first = nil

        #expect(paused)
        #expect(third.message()?.text == "ok")
    }

    @Test("writes one JSON line per request to the access log")
    func logs() async throws {
        let number = UInt32.random(in: 0...UInt32.max)
        let path = "\(P_tmpdir)/meshgate-access-\(getpid())-\(number).log"
        defer { unlink(path) }
        let origin = Origin.saying("ok")
        let gateway = try Gateway(TestEntities.proxying([origin.port])) { configuration in
            configuration.accessLog = .file(path)
        }
        let answer = gateway.ask("GET /a\"b?c HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        gateway.plane.stop()

        let text = Self.contents(of: path)
        #expect(answer?.status == 200)
        #expect(text.hasPrefix("{\"time_ms\":"))
        #expect(text.hasSuffix("}\n"))
        #expect(text.contains("\"request_id\":\"\(answer?["x-kong-request-id"] ?? "?")\""))
        #expect(text.contains("\"host\":\"shop.example\",\"target\":\"/a\\\"b?c\",\"status\":200"))
        #expect(text.contains("\"service\":\"shop\",\"route\":\"all\""))
        #expect(text.contains("\"upstream\":\"127.0.0.1:\(origin.port)\""))
    }

    @Test("names the address that it cannot listen on, and the log it cannot open")
    func explainsFailures() throws {
        let gateway = try Gateway(TestEntities.proxying([]))
        var configuration = DataPlaneConfiguration()
        configuration.listen = [ListenAddress(Endpoint(address: .v4(0xC000_0201), port: 1))]
        let unbindable = DataPlane(configuration: configuration) { _ in }
        let bindError = #expect(throws: DataPlaneError.self) { try unbindable.start() }
        configuration.listen = []
        configuration.accessLog = .file("/nowhere/access.log")
        let unloggable = DataPlane(configuration: configuration) { _ in }
        let logError = #expect(throws: DataPlaneError.self) { try unloggable.start() }

        #expect(
            bindError
                == .cannotListen(Endpoint(address: .v4(0xC000_0201), port: 1), errno: EADDRNOTAVAIL)
        )
        #expect(logError == .cannotOpenLog(path: "/nowhere/access.log", errno: ENOENT))
        #expect(throws: DataPlaneError.startedTwice) { try gateway.plane.start() }
    }

    @Test("hashes equal keys to the same target, and spreads requests without a key")
    func hashes() throws {
        let origins = (0..<4).map { Origin.saying("\($0)") }
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = .consistentHashing
        entities.upstreams[0].hashOn = .header
        entities.upstreams[0].hashOnHeader = "X-User"
        entities.upstreams[0].hashFallback = .queryArgument
        entities.upstreams[0].hashFallbackQueryArg = "user"
        let gateway = try Gateway(entities, workers: 2)
        let ask = { (path: String, field: String) in
            gateway.ask("GET \(path) HTTP/1.1\r\nHost: a\r\n\(field)\r\n")?.text ?? "none"
        }

        let byHeader = Set((0..<8).map { _ in ask("/", "X-User: ann\r\n") })
        let byQuery = Set((0..<8).map { _ in ask("/?a=1&user=ann", "") })
        let keyless = Set((0..<40).map { _ in ask("/", "") })

        #expect(byHeader.count == 1)
        #expect(byQuery == byHeader)
        #expect(keyless.count > 1)
    }

    /// Set once, by the test, for its origin.
    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)
        var isSet: Bool { self.value.load(ordering: .acquiring) }
        func set() { self.value.store(true, ordering: .releasing) }
    }

    private static func contents(of path: String) -> String {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
