import MeshEntities
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("Requests that find all targets full")
struct WaitingTests {
    private static func get(_ path: String = "/", _ fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
    }

    /// Takes requests, notes them, and answers those of `/held` when it may.
    private static func origin(_ mayAnswer: Signal) -> Origin {
        Origin { origin, socket, _ in
            while let request = socket.message() {
                origin.note(request)
                if request.target.hasPrefix("/held"), !mayAnswer.wait() { return }
                let text = "\(request.target) \(request.text)"
                socket.send(
                    "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
                )
            }
        }
    }

    /// One request at a time, and whoever waits has half a minute.
    private static func entities(
        _ origin: Origin,
        queue: Int = 100,
        time: Int = 30_000,
        change: (inout Service, inout Route) -> Void = { _, _ in }
    ) -> GatewayConfiguration {
        var entities = TestEntities.proxying([origin.port], change: change)
        entities.upstreams[0].limits.concurrency = 1
        entities.upstreams[0].limits.queue = queue
        entities.upstreams[0].limits.queueTime = time
        return entities
    }

    private static func waiting(_ gateway: Gateway) -> UInt64 {
        gateway.plane.counters().waiting.first?.waiting ?? 0
    }

    private static func shed(_ gateway: Gateway) -> [String] {
        (gateway.plane.counters().waiting.first?.shed ?? [])
            .map { "\($0.urgency) \($0.reason) \($0.count)" }
    }

    /// Takes the only place, and returns who holds it.
    private static func fill(_ gateway: Gateway, _ origin: Origin) async -> StreamSocket {
        let client = gateway.connect()
        client.send(Self.get("/held"))
        #expect(await eventually { origin.requests.count == 1 })
        return client
    }

    @Test("wait, and are served when there is room")
    func waits() async throws {
        let mayAnswer = Signal()
        let origin = Self.origin(mayAnswer)
        let gateway = try Gateway(Self.entities(origin))
        let first = await Self.fill(gateway, origin)
        let others = (0..<3).map { _ in gateway.connect() }
        for (number, client) in others.enumerated() { client.send(Self.get("/\(number)")) }
        #expect(await eventually { Self.waiting(gateway) == 3 })
        #expect(origin.requests.count == 1, "nobody is sent to a full target")

        mayAnswer.set()

        #expect(first.message()?.status == 200)
        #expect(others.map { $0.message()?.status } == [200, 200, 200])
        #expect(Self.waiting(gateway) == 0)
        let counters = gateway.plane.counters()
        #expect(counters.waiting.first?.entered == 3)
        #expect(counters.targets.first?.limit == 1)
    }

    @Test("are answered 503 at once with Retry-After when there is no place in the queue")
    func full() async throws {
        let mayAnswer = Signal()
        let origin = Self.origin(mayAnswer)
        let gateway = try Gateway(Self.entities(origin, queue: 1))
        let first = await Self.fill(gateway, origin)
        let second = gateway.connect()
        second.send(Self.get("/second"))
        #expect(await eventually { Self.waiting(gateway) == 1 })

        let third = gateway.ask(Self.get("/third"))

        #expect(third?.status == 503)
        #expect(["1", "2", "3"].contains(third?["retry-after"] ?? ""))
        #expect(Self.shed(gateway) == ["3 full 1"])
        mayAnswer.set()
        #expect(first.message()?.status == 200)
        #expect(second.message()?.text == "/second ")
    }

    @Test("are answered 503 when they have waited long enough, and never reach a target")
    func patience() async throws {
        let mayAnswer = Signal()
        let origin = Self.origin(mayAnswer)
        let gateway = try Gateway(Self.entities(origin, time: 200))
        let first = await Self.fill(gateway, origin)

        var answer: TestMessage?
        let time = ContinuousClock().measure { answer = gateway.ask(Self.get("/late")) }

        #expect(answer?.status == 503)
        #expect(time >= .milliseconds(190))
        #expect(Self.shed(gateway) == ["3 waited 1"])
        let waited = gateway.plane.counters().waiting.first?.waitedMicroseconds ?? 0
        #expect(waited > 0, "who is shed has waited, too")
        mayAnswer.set()
        #expect(first.message()?.status == 200)
        #expect(gateway.ask(Self.get("/next"))?.text == "/next ")
        #expect(origin.messages.map(\.target) == ["/held", "/next"])
    }

    @Test("give their place to more urgent ones, and are served after them")
    func urgency() async throws {
        let mayAnswer = Signal()
        let origin = Self.origin(mayAnswer)
        var entities = Self.entities(origin, queue: 2)
        entities.routes[0].urgency = 6
        entities.routes[0].urgencyHeader = "Priority"
        let gateway = try Gateway(entities)
        let first = await Self.fill(gateway, origin)
        let (bulk, usual) = (gateway.connect(), gateway.connect())
        bulk.send(Self.get("/bulk"))
        usual.send(Self.get("/usual", "Priority: u=3, i\r\n"))
        #expect(await eventually { Self.waiting(gateway) == 2 })
        let urgent = gateway.connect()
        urgent.send(Self.get("/urgent", "Priority: 0\r\n"))

        #expect(bulk.message()?.status == 503, "it was the least urgent")
        #expect(Self.shed(gateway) == ["6 full 1"])
        mayAnswer.set()
        #expect(first.message()?.status == 200)
        #expect(urgent.message()?.status == 200)
        #expect(usual.message()?.status == 200)
        #expect(origin.messages.map(\.target) == ["/held", "/urgent", "/usual"])
    }

    @Test("leave the queue when their clients do")
    func leaves() async throws {
        let mayAnswer = Signal()
        let origin = Self.origin(mayAnswer)
        let gateway = try Gateway(Self.entities(origin))
        let first = await Self.fill(gateway, origin)
        let gone = gateway.connect()
        gone.send(Self.get("/gone"))
        #expect(await eventually { Self.waiting(gateway) == 1 })
        gone.shutdown()
        #expect(await eventually { Self.waiting(gateway) == 0 })
        mayAnswer.set()
        #expect(first.message()?.status == 200)
        #expect(gateway.ask(Self.get("/next"))?.status == 200)
        #expect(origin.messages.map(\.target) == ["/held", "/next"])
    }

    @Test("are answered 504 when their route's time passes in the queue, and never reach a target")
    func deadline() async throws {
        let mayAnswer = Signal()
        let origin = Self.origin(mayAnswer)
        var entities = Self.entities(origin)
        let gateway = try Gateway(entities)
        let first = await Self.fill(gateway, origin)
        var rules = RetryRules()
        rules.timeout = 300
        entities.routes[0].retry = rules
        try gateway.install(entities, version: 2)

        let status = gateway.ask(Self.get("/late"))?.status
        #expect(status == 504 || status == 503)
        #expect(await eventually { Self.waiting(gateway) == 0 })
        mayAnswer.set()
        #expect(first.message()?.status == 200)
        #expect(origin.messages.map(\.target) == ["/held"])
    }

    @Test("reach their target whole and once with a body that comes meanwhile", arguments: [1, 2])
    func body(http version: Int) async throws {
        let mayAnswer = Signal()
        let origin = Self.origin(mayAnswer)
        let gateway = try Gateway(
            Self.entities(origin) { _, route in route.requestBuffering = false }
        )
        let first = await Self.fill(gateway, origin)
        let text = String(repeating: "body", count: 10_000)
        let answer = Mutex<String?>(nil)
        let done = Signal()
        let port = gateway.port
        _ = startReactorThread(name: "client") {
            let socket = StreamSocket(port: port)
            let head =
                "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: \(text.utf8.count)\r\n\r\n"
            let got =
                version == 1
                ? { () -> String? in
                    socket.send(head + text.prefix(10))
                    Signal().wait(milliseconds: 100)
                    socket.send(String(text.dropFirst(10)))
                    return socket.message()?.text
                }() : HTTP2Client(socket).ask(head, body: Array(text.utf8))?.text
            answer.withLock { $0 = got }
            done.set()
        }
        #expect(await eventually { Self.waiting(gateway) == 1 })
        mayAnswer.set()
        #expect(first.message()?.status == 200)
        #expect(done.wait())
        #expect(answer.withLock { $0 } == "/post " + text)
        #expect(origin.messages.filter { $0.method == "POST" }.count == 1)
    }

    @Test(
        "reach their target in order when the start of their body is on disk and the disk is full"
    )
    func spilled() async throws {
        let mayAnswer = Signal()
        let origin = Self.origin(mayAnswer)
        let gateway = try Gateway(Self.entities(origin)) { configuration in
            configuration.bodyBufferByteCount = 65_536
            configuration.bodyBufferDiskLimit = 300_000
        }
        let first = await Self.fill(gateway, origin)
        let body = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 11) }
        let done = Signal()
        let status = Mutex(0)
        let port = gateway.port
        _ = startReactorThread(name: "client") {
            let client = HTTP2Client(StreamSocket(port: port))
            let answer = client.ask("POST /post HTTP/1.1\r\nHost: a\r\n\r\n", body: body)
            status.withLock { $0 = answer?.status ?? 0 }
            done.set()
        }
        #expect(await eventually { Self.waiting(gateway) == 1 })
        // What the client may still send comes meanwhile.
        Signal().wait(milliseconds: 200)
        mayAnswer.set()
        #expect(first.message()?.status == 200)
        #expect(done.wait())
        #expect(status.withLock { $0 } == 200)
        let isSame = origin.messages.last?.body == body
        #expect(isSame)
    }

    @Test("are no second tries: those are answered at once, and nobody waits behind them")
    func secondTry() async throws {
        let (mayFail, mayAnswer, turn) = (Signal(), Signal(), Shared(0))
        let origins = (0..<2).map { _ in
            Origin { origin, socket, _ in
                guard let request = socket.message() else { return }
                let number = turn.value.withLock { turn in
                    turn += 1
                    return turn
                }
                origin.note(request)
                guard number > 1 else {
                    mayFail.wait()
                    return socket.reset()
                }
                mayAnswer.wait()
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].limits.concurrency = 1
        entities.upstreams[0].limits.queue = 100
        entities.upstreams[0].limits.queueTime = 2_000
        let gateway = try Gateway(entities)
        let clients = [gateway.connect(), gateway.connect()]
        for (number, client) in clients.enumerated() {
            client.send(Self.get("/\(number)"))
            #expect(await eventually { origins.map(\.requests.count).reduce(0, +) == number + 1 })
        }

        mayFail.set()

        #expect(clients[0].message()?.status == 502)
        #expect(gateway.plane.counters().waiting.first?.entered == 0)
        mayAnswer.set()
        #expect(clients[1].message()?.status == 200)
    }

    @Test("are counted for their own upstream when a worker has missed snapshots between")
    func skipped() async throws {
        let released = Shared("")
        let origin = Origin { origin, socket, _ in
            while let request = socket.message() {
                origin.note(request)
                while request.target.hasPrefix("/held"),
                    released.value.withLock({ $0 }) != request.target
                { Signal().wait(milliseconds: 1) }
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
        var entities = Self.entities(origin)
        let gateway = try Gateway(entities)
        var empty = entities
        (empty.upstreams, empty.targets) = ([], [])
        empty.services[0].host = "127.0.0.1"
        for round in 1...20 {
            // The number of the upstream before is free in the snapshot between, and given anew.
            let name = "round-\(round)"
            (entities.upstreams[0].name, entities.services[0].host) = (name, name)
            try gateway.install(empty, version: UInt64(2 * round))
            try gateway.install(entities, version: UInt64(2 * round + 1))
            let (held, waiting) = (gateway.connect(), gateway.connect())
            held.send(Self.get("/held-\(round)"))
            #expect(await eventually { origin.requests.count == 2 * round - 1 })
            waiting.send(Self.get())
            let isCounted = await eventually { Self.waiting(gateway) == 1 }
            #expect(isCounted)
            #expect(gateway.plane.counters().waiting.map(\.upstream) == [name])
            released.value.withLock { $0 = "/held-\(round)" }
            #expect([held.message()?.status, waiting.message()?.status] == [200, 200])
            guard isCounted else { return }
        }
    }

    @Test("survive a change of the targets, and of the limits")
    func change() async throws {
        let mayAnswer = Signal()
        let (origin, other) = (Self.origin(mayAnswer), Self.origin(mayAnswer))
        var entities = Self.entities(origin)
        let gateway = try Gateway(entities)
        let first = await Self.fill(gateway, origin)
        let clients = (0..<2).map { _ in gateway.connect() }
        for (number, client) in clients.enumerated() { client.send(Self.get("/\(number)")) }
        #expect(await eventually { Self.waiting(gateway) == 2 })

        entities.targets[0].target = "127.0.0.1:\(other.port)"
        try gateway.install(entities, version: 2)

        #expect(clients.map { $0.message()?.status } == [200, 200])
        #expect(Self.waiting(gateway) == 0)
        #expect(gateway.ask(Self.get("/new"))?.status == 200)
        #expect(other.messages.map(\.target) == ["/new"])
        mayAnswer.set()
        #expect(first.message()?.status == 200)

        entities.upstreams[0].limits = Upstream.Limits()
        try gateway.install(entities, version: 3)
        #expect(gateway.ask(Self.get("/free"))?.status == 200)
        #expect(gateway.plane.counters().waiting.isEmpty)
    }

    @Test("find a limit by measuring: a target that works on four at once is not sent sixty-four")
    func adaptive() async throws {
        let places = TestPlaces(4)
        let origin = Origin { origin, socket, _ in
            while socket.message() != nil {
                places.work(milliseconds: 20)
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
        var entities = TestEntities.proxying([origin.port])
        entities.upstreams[0].limits.adaptive = true
        entities.upstreams[0].limits.queueTime = 1_000
        let gateway = try Gateway(entities)
        let port = gateway.port
        let isOver = Atomic(false)
        let served = Atomic(0)
        let ended = (0..<64).map { _ in Signal() }
        for signal in ended {
            _ = startReactorThread(name: "client") {
                let client = StreamSocket(port: port)
                while !isOver.load(ordering: .relaxed) {
                    client.send(Self.get())
                    if client.message()?.status == 200 { served.add(1, ordering: .relaxed) }
                }
                signal.set()
            }
        }
        let found = awaited { () -> UInt64? in
            let limit = gateway.plane.counters().targets.first?.limit ?? 0
            let isSettled = served.load(ordering: .relaxed) > 200 && (9..<40).contains(limit)
            return isSettled ? limit : nil
        }
        #expect(found != nil)
        isOver.store(true, ordering: .relaxed)
        for signal in ended { #expect(signal.wait()) }
    }

    @Test(
        "are as urgent as a digit or RFC 9218's member says (RFC 9218 4.1)",
        arguments: [
            ("0", 0), ("7", 7), ("u=2", 2), ("i, u=5", 5), ("u=1;x, i", 1), ("8", nil), ("", nil),
            ("u=9", nil), ("high", nil), (",,", nil), ("u=", nil),
        ] as [(String, Int?)]
    )
    func value(text: String, urgency: Int?) {
        let parsed = Array(text.utf8).withUnsafeBytes { Worker.urgency($0) }
        #expect(parsed == urgency)
    }
}

/// A server's workers: so many requests are worked on at once, others wait.
final class TestPlaces: Sendable {
    private let free: Mutex<Int>

    init(_ count: Int) { self.free = Mutex(count) }

    /// Waits for a place and stays there.
    func work(milliseconds: Int32) {
        while !self.take() { Signal().wait(milliseconds: 1) }
        Signal().wait(milliseconds: milliseconds)
        self.free.withLock { $0 += 1 }
    }

    private func take() -> Bool {
        self.free.withLock { free in
            guard free > 0 else { return false }
            free -= 1
            return true
        }
    }
}
