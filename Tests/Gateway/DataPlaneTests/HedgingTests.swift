import MeshEntities
import MeshHealth
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("Asking a second target when the first takes long")
struct HedgingTests {
    /// Answers at once, but for requests whose query names it: `?NAME=MILLISECONDS` delays, `?NAME=never`
    /// is silence, `?NAME=500` and `?NAME=reset` fail after a second.
    private static func origin(_ name: String) -> Origin {
        Origin { origin, socket, _ in
            while let request = socket.message() {
                origin.note(request)
                var status = "200 OK"
                let mode = request.target.split(separator: "?").last?.split(separator: "&")
                    .first { $0.hasPrefix(name + "=") }?.dropFirst(name.count + 1)
                switch mode {
                case "never":
                    _ = socket.receive()
                    return origin.note("GONE")
                case "reset":
                    Signal().wait(milliseconds: 1_000)
                    return socket.reset()
                case "500":
                    Signal().wait(milliseconds: 1_000)
                    status = "500 No"
                case let delay?: Signal().wait(milliseconds: Int32(delay) ?? 0)
                case nil: break
                }
                socket.send("HTTP/1.1 \(status)\r\nContent-Length: 1\r\n\r\n\(name)")
            }
        }
    }

    private static func ask(
        _ gateway: Gateway,
        _ query: String,
        _ method: String = "GET"
    )
        -> TestMessage?
    {
        let length = method == "POST" ? "Content-Length: 0\r\n" : ""
        return gateway.ask("\(method) /?\(query) HTTP/1.1\r\nHost: x\r\n\(length)\r\n")
    }

    private static func gateway(
        _ origins: [Origin],
        change: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws -> Gateway {
        var entities = TestEntities.proxying(origins.map(\.port))
        var rules = RetryRules()
        rules.hedge = true
        entities.services[0].retry = rules
        change(&entities)
        let gateway = try Gateway(entities)
        let client = gateway.connect()
        for _ in 0..<200 {
            client.send("GET /warm HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.message()?.status == 200)
        }
        return gateway
    }

    @Test("brings a GET its answer, cancels the slower target, and does not blame it")
    func wins() async throws {
        let (a, b) = (Self.origin("a"), Self.origin("b"))
        let gateway = try Self.gateway([a, b])

        let answers = (0..<4).compactMap { _ in Self.ask(gateway, "a=never")?.text }

        #expect(answers == ["b", "b", "b", "b"])
        let counters = gateway.plane.counters()
        #expect(counters.hedges >= 1)
        #expect(counters.hedgesWon >= 1)
        #expect(await eventually { a.messages.contains { $0.startLine == "GONE" } })
        let blamed = gateway.log.values.filter { $0.id == TestEntities.target(a.port) }
        #expect(blamed.allSatisfy { $0.timeouts == 0 && $0.resets == 0 && $0.connectFailures == 0 })
        #expect(
            await eventually { gateway.plane.counters().targets.allSatisfy { $0.inFlight == 0 } }
        )
    }

    @Test("is never done for a POST, which reaches one target once")
    func neverPost() throws {
        let (a, b) = (Self.origin("a"), Self.origin("b"))
        let gateway = try Self.gateway([a, b]) { $0.services[0].readTimeout = 700 }

        let statuses = (0..<4).compactMap { _ in Self.ask(gateway, "a=never", "POST")?.status }

        #expect(statuses.count == 4)
        #expect(statuses.contains(504))
        let posts = (a.messages + b.messages).filter { $0.method == "POST" }
        #expect(posts.count == 4)
    }

    @Test("is not done unless the route or service says so")
    func off() throws {
        let (a, b) = (Self.origin("a"), Self.origin("b"))
        let gateway = try Self.gateway([a, b]) { $0.services[0].retry.hedge = false }

        let answers = (0..<4).compactMap { _ in Self.ask(gateway, "a=300")?.text }

        #expect(Set(answers) == ["a", "b"])
        #expect(gateway.plane.counters().hedges == 0)
    }

    @Test(
        "takes the answer of whoever does not fail, whichever it is",
        arguments: ["a=reset&b=1700", "a=500&b=1700", "a=1700&b=500", "a=1700&b=reset"]
    )
    func survivesFailure(query: String) throws {
        let (a, b) = (Self.origin("a"), Self.origin("b"))
        let gateway = try Self.gateway([a, b]) { $0.services[0].retries = 1 }
        let good = query.contains("a=1700") ? "a" : "b"
        for _ in 0..<2 {
            let before = gateway.plane.counters().hedges
            let answer = Self.ask(gateway, query)
            guard gateway.plane.counters().hedges > before else { continue }
            #expect(answer?.status == 200)
            #expect(answer?.text == good)
        }
        #expect(gateway.plane.counters().hedges > 0)
    }

    /// Of two that are asked for `/slow`, the second sends early hints, more than the way to the client
    /// holds, lets the first answer, and then ends as `ending` says.
    private static func hinting(_ ending: String, isOver: Signal) -> [Origin] {
        let turn = Shared(0)
        let mayAnswer = Signal()
        let line = "Link: </\(String(repeating: "x", count: 560))>\r\n"
        let hints =
            "HTTP/1.1 103 Early Hints\r\n" + String(repeating: line, count: 100) + "\r\n"
        return (0..<2).map { _ in
            Origin { _, socket, _ in
                while let request = socket.message() {
                    let isSecond =
                        request.target == "/slow"
                        && turn.value.withLock { turn in
                            turn += 1
                            return turn == 2
                        }
                    guard isSecond else {
                        if request.target == "/slow" { mayAnswer.wait() }
                        socket.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
                        continue
                    }
                    for _ in 0..<8 { socket.send(hints) }
                    // Let the gateway find that the client takes nothing, then that there is more.
                    Signal().wait(milliseconds: 200)
                    mayAnswer.set()
                    Signal().wait(milliseconds: 200)
                    isOver.set()
                    guard ending == "silence" else { return socket.reset() }
                    _ = socket.receive()
                }
            }
        }
    }

    @Test(
        "reads the answer that came while the client took nothing, however the other target ends",
        arguments: ["reset", "silence"]
    )
    func slowClient(ending: String) throws {
        let isOver = Signal()
        let origins = Self.hinting(ending, isOver: isOver)
        let gateway = try Self.gateway(origins) { $0.routes[0].responseBuffering = false }
        let client = StreamSocket(port: gateway.port, segment: 536, seconds: 15)
        client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(isOver.wait())

        var answer = client.message()
        var hints = 0
        while answer?.status == 103 {
            hints += 1
            answer = client.message()
        }
        #expect(hints > 0)
        #expect(answer?.status == 200)
        #expect(answer?.text == "other")
    }

    /// Answers after 300 ms, and never to `/never`; notes when the gateway gives those up.
    private static func silent(_ ends: Shared<[ContinuousClock.Instant]>) -> Origin {
        Origin { _, socket, _ in
            while let request = socket.message() {
                guard request.target != "/never" else {
                    _ = socket.receive()
                    return ends.value.withLock { $0.append(.now) }
                }
                Signal().wait(milliseconds: 300)
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n.")
            }
        }
    }

    @Test("gives the first target no time anew", arguments: ["read_timeout", "try_timeout"])
    func keepsTime(limit: String) async throws {
        let ends = Shared<[ContinuousClock.Instant]>([])
        let origins = [Self.silent(ends), Self.silent(ends)]
        var entities = TestEntities.proxying(origins.map(\.port)) { service, route in
            if limit == "read_timeout" { service.readTimeout = 1_500 }
            route.requestBuffering = false
        }
        var rules = RetryRules()
        rules.hedge = true
        if limit == "try_timeout" { rules.tryTimeout = 1_500 }
        entities.services[0].retry = rules
        entities.services[0].retries = 1
        let gateway = try Gateway(entities)
        for _ in 0..<4 {
            let clients = (0..<30).map { _ in gateway.connect() }
            for client in clients { client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n") }
            #expect(clients.allSatisfy { $0.message()?.status == 200 })
        }

        #expect(gateway.ask("GET /never HTTP/1.1\r\nHost: x\r\n\r\n")?.status == 504)
        #expect(await eventually { ends.value.withLock { $0.count == 2 } })
        #expect(gateway.plane.counters().hedges == 1)
        let times = ends.value.withLock { $0 }
        // The second was asked some 300 ms after the first, and is given up as much later.
        #expect(times[0].duration(to: times[1]) > .milliseconds(100))
    }

    @Test("is done for a few requests only, however many are slow")
    func budget() throws {
        let (a, b) = (Self.origin("a"), Self.origin("b"))
        let gateway = try Self.gateway([a, b])

        for _ in 0..<40 { #expect(Self.ask(gateway, "a=60&b=60")?.status == 200) }

        // Two of a hundred of 240 requests, and one a second over ten seconds; time may pass.
        let seconds = 20.0
        #expect(Double(gateway.plane.counters().hedges) <= 5 + seconds)
        #expect(a.messages.count + b.messages.count <= 240 + Int(5 + seconds))
    }
}
