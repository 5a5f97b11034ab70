import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("The rules of retries of a route or service")
struct RetryRulesTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"

    private static func failing(_ status: Int) -> Origin {
        Origin.answering { _ in "HTTP/1.1 \(status) No\r\nContent-Length: 3\r\n\r\nbad" }
    }

    /// Takes every request and never answers.
    private static func silent() -> Origin {
        Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            _ = socket.receive()
        }
    }

    private static func rules(
        _ causes: [RetryRules.Cause] = [.error, .timeout],
        tryTimeout: Int = 0,
        timeout: Int = 0
    ) -> RetryRules {
        var rules = RetryRules()
        (rules.causes, rules.tryTimeout, rules.timeout) = (causes, tryTimeout, timeout)
        return rules
    }

    @Test("let another target answer in place of a status that they name, and of no other")
    func statuses() throws {
        let (bad, good) = (Self.failing(503), Origin.saying("good"))
        var entities = TestEntities.proxying([bad.port, good.port])
        entities.services[0].retry = Self.rules([.error, .unavailable])
        let gateway = try Gateway(entities)

        let texts = (0..<6).compactMap { _ in gateway.ask(Self.get)?.text }
        #expect(texts == [String](repeating: "good", count: 6))
        #expect(!bad.requests.isEmpty, "it was asked, and nobody learnt of it")

        entities.services[0].retry = Self.rules([.error, .badGateway])
        try gateway.install(entities, version: 2)
        #expect(Set((0..<6).compactMap { _ in gateway.ask(Self.get)?.text }) == ["good", "bad"])
    }

    @Test("of a route stand in place of its service's")
    func routeFirst() throws {
        let (bad, good) = (Self.failing(500), Origin.saying("good"))
        var entities = TestEntities.proxying([bad.port, good.port])
        entities.services[0].retry = Self.rules([.unavailable])
        entities.routes[0].retry = Self.rules([.internalError])
        let gateway = try Gateway(entities)

        #expect(Set((0..<6).compactMap { _ in gateway.ask(Self.get)?.text }) == ["good"])
    }

    @Test("never send a POST again that a target has got, whatever they name")
    func neverRepeatsPost() throws {
        let (bad, silent) = (Self.failing(503), Self.silent())
        for origin in [bad, silent] {
            let spare = Origin.saying("spare")
            var entities = TestEntities.proxying([origin.port, spare.port])
            entities.services[0].retry = Self.rules(
                RetryRules.Cause.allCases,
                tryTimeout: 400
            )
            let gateway = try Gateway(entities)

            let answers = (0..<4).compactMap { _ in gateway.ask(Self.post) }

            #expect(answers.count == 4)
            #expect(origin.messages.count + spare.messages.count == 4)
            #expect(answers.contains { $0.status == 503 || $0.status == 504 })
        }
    }

    @Test("without causes give up on the first failure, but not on a POST that was never sent")
    func causes() throws {
        let origin = Origin.saying("good")
        var entities = TestEntities.proxying([Origin.deadPort(), origin.port])
        entities.services[0].retry = Self.rules([])
        let gateway = try Gateway(entities)
        let statuses = (0..<2).compactMap { _ in gateway.ask(Self.get)?.status }
        #expect(statuses.sorted() == [200, 502])

        entities.targets[0].target = "127.0.0.1:\(Origin.deadPort())"
        entities.services[0].retry = Self.rules([.error])
        let other = try Gateway(entities)
        for _ in 0..<4 { #expect(other.ask(Self.post)?.status == 200) }
    }

    @Test("pass on the status of the last target when no other is left")
    func lastAnswer() throws {
        let origins = [Self.failing(503), Self.failing(503)]
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.services[0].retry = Self.rules([.unavailable])
        let gateway = try Gateway(entities)

        let answer = gateway.ask(Self.get)

        #expect(answer?.status == 503)
        #expect(answer?.text == "bad", "what it said itself goes to the client")
        #expect(origins.map(\.messages.count) == [1, 1])
    }

    @Test("end a try that takes too long: the next target answers long before the read timeout")
    func tryTimeout() throws {
        let (silent, good) = (Self.silent(), Origin.saying("good"))
        var entities = TestEntities.proxying([silent.port, good.port])
        entities.services[0].retry = Self.rules(tryTimeout: 400)
        let gateway = try Gateway(entities)

        let clock = ContinuousClock()
        let time = clock.measure {
            for _ in 0..<2 { #expect(gateway.ask(Self.get)?.text == "good") }
        }

        #expect(!silent.messages.isEmpty)
        #expect(time >= .milliseconds(390))
        #expect(time < .seconds(30), "the service would wait for a minute")
    }

    @Test(
        "end a request when its time is over, whatever tries are left, and not an answer that began"
    )
    func totalTimeout() throws {
        let silent = (0..<3).map { _ in Self.silent() }
        var entities = TestEntities.proxying(silent.map(\.port))
        entities.services[0].retry = Self.rules(timeout: 300)
        let gateway = try Gateway(entities)
        let clock = ContinuousClock()
        var answer: TestMessage?
        let time = clock.measure { answer = gateway.ask(Self.get) }
        #expect(answer?.status == 504)
        #expect(time >= .milliseconds(290))
        #expect(time < .seconds(30))
        #expect(silent.map(\.messages.count).reduce(0, +) <= 1, "there was no second try")

        let slow = Origin { origin, socket, _ in
            while let request = socket.message() {
                origin.note(request)
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl")
                Signal().wait(milliseconds: 1_300)
                socket.send("ow")
            }
        }
        var others = TestEntities.proxying([slow.port])
        others.services[0].retry = Self.rules(timeout: 1_000)
        #expect(try Gateway(others).ask(Self.get)?.text == "slow")
    }
}
