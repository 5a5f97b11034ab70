import MeshEntities
import Testing

@testable import MeshDataPlane

/// The balancing design's B-I7: what is not idempotent reaches one target at most once its first byte
/// was sent.
@Suite("Among targets that fail in every way")
struct OnceOnlyTests {
    private static let count = 96

    /// Fails, or answers, by the request's number and by its own.
    private static func origin(_ place: Int) -> Origin {
        Origin { origin, socket, _ in
            while let head = socket.receive(through: "\r\n\r\n") {
                origin.note(head)
                let way = ((Int(Self.id(head)) ?? 0) * 5 + place * 3) % 8
                // Before the body is read.
                if way == 1 { return socket.reset() }
                guard socket.receive(exactly: 4) != nil else { return }
                switch way {
                case 2: return
                case 3: socket.send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
                case 4: socket.send("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
                case 5:
                    _ = socket.receive()
                    return
                case 6: socket.send("HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n")
                case 7:
                    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
                    return
                default: socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                }
            }
        }
    }

    /// The number behind `?id=`.
    private static func id(_ head: String) -> String {
        guard let mark = head.firstIndex(of: "=") else { return "" }
        return String(head[head.index(after: mark)...].prefix { $0.isNumber })
    }

    /// How often each request was seen by any target.
    private func arrivals(_ method: String, isSplit: Bool) throws -> [String: Int] {
        let origins = (0..<4).map(Self.origin)
        var entities = TestEntities.proxying(origins.map(\.port) + [Origin.deadPort()]) {
            service,
            route in
            service.retries = 5
            service.readTimeout = 150
            service.retry.causes = RetryRules.Cause.allCases
            service.retry.hedge = true
            route.requestBuffering = !isSplit
        }
        entities.upstreams[0].algorithm = .leastConnections
        let gateway = try Gateway(entities) { $0.retryBudget = 10_000 }
        for number in 0..<Self.count {
            let client = gateway.connect()
            let head = "\(method) /?id=\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
            client.send(head + (isSplit ? "bo" : "body"))
            if isSplit { client.send("dy") }
            // An answer that is cut has a head, too.
            #expect(client.receive(through: "\r\n\r\n") != nil)
        }
        let seen = origins.flatMap(\.messages).map { Self.id($0.startLine) }
        return Dictionary(seen.map { ($0, 1) }, uniquingKeysWith: +)
    }

    @Test("a POST reaches one of them at most", arguments: [false, true])
    func post(isSplit: Bool) throws {
        let arrivals = try self.arrivals("POST", isSplit: isSplit)
        let repeated = arrivals.filter { $0.value > 1 }

        #expect(repeated.isEmpty, "\(repeated)")
        #expect(arrivals.count == Self.count, "each reaches one")
    }

    @Test("a PUT reaches several, as it may: what counts arrivals sees it")
    func put() throws {
        let arrivals = try self.arrivals("PUT", isSplit: false)

        #expect(arrivals.values.max() ?? 0 >= 3)
        #expect(arrivals.values.filter { $0 > 1 }.count > Self.count / 4)
    }
}
