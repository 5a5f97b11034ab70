import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("Consistent hashing on the consumer, as Kong's (§5.2)")
struct ConsumerHashTests {
    @Test("leads all requests of one consumer to one target")
    func consumer() throws {
        let origins = (0..<4).map { Origin.saying("\($0)") }
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = .consistentHashing
        entities.upstreams[0].hashOn = .consumer
        entities.plugins = [.named("key-auth")]
        entities.consumers = EntityList(
            (0..<16).map {
                Consumer(id: EntityID(high: 7, low: $0), username: "u\($0)")
            }
        )
        entities.keyCredentials = EntityList(
            (0..<16).map {
                KeyCredential(
                    id: EntityID(high: 9, low: $0),
                    consumer: EntityID(high: 7, low: $0),
                    key: "k\($0)"
                )
            }
        )
        let gateway = try Gateway(entities)
        var chosen: Set<String> = []
        for number in 0..<16 {
            let texts = (0..<8).compactMap { _ in
                gateway.ask("GET / HTTP/1.1\r\nHost: a\r\napikey: k\(number)\r\n\r\n")?.text
            }
            #expect(texts.count == 8)
            #expect(Set(texts).count == 1)
            chosen.formUnion(texts)
        }
        #expect(chosen.count > 1)
    }
}
