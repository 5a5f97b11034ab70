import MeshEntities
import MeshHealth
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
