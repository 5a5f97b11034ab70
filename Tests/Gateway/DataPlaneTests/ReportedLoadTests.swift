import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

@Suite("Targets that report their load in answers")
struct ReportedLoadTests {
    private static let count = 26
    /// Requests at once, so that each target is asked more than once a second on a busy machine, too.
    private static let wave = 16
    private static let waves = 25
    /// Half of what three targets would get if they were like the others.
    private static let few = 3 * Self.wave * Self.waves / Self.count / 2
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    private func entities(
        _ origins: [Origin],
        _ algorithm: Upstream.Algorithm
    ) -> GatewayConfiguration {
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = algorithm
        return entities
    }

    /// Says in its head that it works on so many requests.
    private func origin(load: Int) -> Origin {
        Origin.answering { _ in
            "HTTP/1.1 200 OK\r\nEndpoint-Load-Metrics: TEXT named_metrics.rif=\(load)\r\n"
                + "Content-Length: 2\r\n\r\nok"
        }
    }

    private func shares(_ origins: [Origin], _ algorithm: Upstream.Algorithm) throws -> [Int] {
        let gateway = try Gateway(self.entities(origins, algorithm))
        let clients = (0..<Self.wave).map { _ in gateway.connect() }
        let ask = {
            for _ in 0..<Self.waves {
                for client in clients { client.send(Self.get) }
                for client in clients { #expect(client.message()?.status == 200) }
            }
        }
        ask()
        let before = origins.map(\.requests.count)
        ask()
        return zip(origins, before).map { $0.requests.count - $1 }
    }

    @Test("are left alone by hcl while they are hot, though they answer as fast as the others")
    func avoidsHot() throws {
        let loads = (0..<Self.count).map { $0 < 3 ? 500 : 2 }
        let reported = try self.shares(loads.map(self.origin), .hcl)
        let other = try self.shares(loads.map(self.origin), .latency)

        #expect(reported[0..<3].reduce(0, +) < Self.few, "\(reported)")
        #expect(other[0..<3].reduce(0, +) > 12, "\(other)")
    }

    @Test("keep their field, as with Envoy")
    func passes() throws {
        let gateway = try Gateway(self.entities([self.origin(load: 4)], .hcl))
        #expect(gateway.ask(Self.get)?["endpoint-load-metrics"] == "TEXT named_metrics.rif=4")
    }

    @Test("may do so behind the body, as gRPC does")
    func trailers() throws {
        let origins = (0..<Self.count).map { number in
            Origin.http2 { end, request in
                end.answer(
                    request.stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n\r\n",
                    body: [0, 0, 0, 0, 0],
                    trailers: "grpc-status: 0\r\n"
                        + "endpoint-load-metrics: named_metrics.rif=\(number < 3 ? 500 : 2)\r\n"
                )
            }
        }
        var entities = TestEntities.proxying(origins.map(\.port)) { service, route in
            service.protocol = .grpc
            route.protocols = [.grpc, .grpcs]
            route.stripPath = false
        }
        entities.upstreams[0].algorithm = .hcl
        let gateway = try Gateway(entities)
        let client = HTTP2Client(gateway.connect())
        let call =
            "POST /shop.Cart/Add HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n"
            + "TE: trailers\r\nContent-Length: 0\r\n\r\n"
        let ask = {
            for _ in 0..<Self.waves {
                let streams = (0..<Self.wave).map { _ in client.begin(call) }
                for stream in streams {
                    let answer = client.answer(stream)
                    #expect(answer?.trailers.first == "grpc-status: 0")
                }
            }
        }
        ask()
        let before = origins.map(\.requests.count)
        ask()
        let hot = (0..<3).reduce(0) { $0 + origins[$1].requests.count - before[$1] }
        #expect(hot < Self.few)
    }
}
