import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("The key of consistent hashing")
struct HashKeyTests {
    @Test("of a repeated header counts all of its values")
    func hashesAllValues() throws {
        let origins = (0..<8).map { Origin.saying("\($0)") }
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = .consistentHashing
        entities.upstreams[0].hashOn = .header
        entities.upstreams[0].hashOnHeader = "X-Key"
        let gateway = try Gateway(entities)
        let ask = { (fields: String) in
            gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")?.text ?? "none"
        }

        let seconds = Set((0..<32).map { ask("X-Key: same\r\nX-Key: \($0)\r\n") })
        let again = Set((0..<8).map { _ in ask("X-Key: same\r\nX-Key: 1\r\n") })

        #expect(seconds.count > 1, "the second value decides, too")
        #expect(again.count == 1)
    }

    @Test("of a repeated query argument counts all of its values, sorted as Kong does")
    func hashesAllArguments() throws {
        let origins = (0..<8).map { Origin.saying("\($0)") }
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = .consistentHashing
        entities.upstreams[0].hashOn = .queryArgument
        entities.upstreams[0].hashOnQueryArg = "q"
        let gateway = try Gateway(entities)
        let ask = { (query: String) in
            gateway.ask("GET /?\(query) HTTP/1.1\r\nHost: a\r\n\r\n")?.text ?? "none"
        }

        for other in 2..<10 { #expect(ask("q=1&q=\(other)") == ask("q=\(other)&q=1")) }
        #expect(Set((2..<34).map { ask("q=1&q=\($0)") }).count > 1)
    }
}
