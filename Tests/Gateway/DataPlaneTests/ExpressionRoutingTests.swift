import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("A data plane of the router flavour expressions", .serialized)
struct ExpressionRoutingTests {
    /// Routes that lead to one origin, which echoes the target it was asked for.
    private func gateway(_ expressions: [String]) throws -> Gateway {
        let origin = Origin.answering { request in
            let target = "\(request.target)"
            return "HTTP/1.1 200 OK\r\nContent-Length: \(target.utf8.count)\r\n\r\n\(target)"
        }
        var entities = TestEntities.proxying([origin.port])
        entities.routes = EntityList(
            expressions.enumerated().map { index, expression in
                var route = Route(
                    id: EntityID(high: 9, low: UInt64(index)),
                    name: "e\(index)",
                    service: TestEntities.serviceID
                )
                route.expression = expression
                return route
            }
        )
        return try Gateway(entities) { $0.routerFlavor = .expressions }
    }

    @Test(
        "shows the router the query, the client's address and the port it came to",
        arguments: [
            (#"http.queries.v == "2""#, "/x?a=1&v=2", 200),
            (#"http.queries.v == "2""#, "/x?v=3", 404),
            ("net.src.ip in 127.0.0.0/8", "/", 200), ("net.src.ip == 10.0.0.1", "/", 404),
            ("net.dst.ip == 127.0.0.1 && net.src.port > 0", "/", 200),
            (#"net.protocol == "http""#, "/", 200), (#"net.protocol == "https""#, "/", 404),
        ]
    )
    func facts(expression: String, target: String, status: Int) throws {
        let gateway = try self.gateway([expression])
        let answer = gateway.ask("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(answer?.status == status)
    }

    @Test("strips what the expression matched of the path")
    func strips() throws {
        let gateway = try self.gateway([#"http.path ^= "/api" && http.method == "GET""#])
        let answer = gateway.ask("GET /api/users HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(answer?.text == "/users")
    }
}
