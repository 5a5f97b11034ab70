import MeshActivation
import MeshEntities
import Testing

@testable import MeshNode

@Suite("Entities read for the structural rules")
struct EntityReadingsTests {
    private static var stored: [StoredEntity] {
        var configuration = GatewayConfiguration()
        configuration.services = [
            Service(id: EntityID(high: 1, low: 1), name: "s", host: "name.test"),
            Service(id: EntityID(high: 1, low: 2), name: "t", host: "127.0.0.1"),
        ]
        configuration.upstreams = [Upstream(id: EntityID(high: 2, low: 1), name: "u.test")]
        return WrittenConfiguration(configuration).parsed.rows.map(\.stored)
    }

    private func read(_ stored: [StoredEntity], into readings: EntityReadings) {
        let rules = GatewayRules.self
        for entity in stored {
            let facts = rules.facts(of: entity.key, entity.body, readings)
            #expect(facts == rules.facts(of: entity.key, entity.body))
        }
    }

    @Test("are what reading them anew gives, once")
    func same() throws {
        let readings = EntityReadings()
        self.read(Self.stored, into: readings)
        var anew = ParsedEntities()
        try anew.update(to: Self.stored)
        let kept = readings.take()
        #expect(kept.configuration == anew.configuration)
        #expect(kept.fingerprint == anew.fingerprint)
        #expect(kept.rows.map(\.stored) == Self.stored)
        #expect(readings.take().rows.isEmpty)

        var helped = ParsedEntities()
        try helped.update(to: Self.stored, others: [kept])
        #expect(helped.configuration == anew.configuration)
    }

    @Test("are not kept when something is wrong with one, and begin anew with a lower key")
    func wrong() throws {
        let readings = EntityReadings()
        var damaged = Self.stored
        damaged[0] = StoredEntity(key: damaged[0].key, body: Array("{\"id\":1}".utf8))
        damaged[1] = StoredEntity(key: damaged[1].key, body: Array("[]".utf8))
        self.read(damaged, into: readings)
        #expect(readings.take().rows.map(\.stored) == Array(damaged[2...]))

        self.read(Self.stored, into: readings)
        self.read([Self.stored[1]], into: readings)
        #expect(readings.take().rows.map(\.stored) == [Self.stored[1]])
        var parsed = ParsedEntities()
        #expect(throws: StoredEntityError.self) {
            try parsed.update(to: damaged, others: [readings.take()])
        }
    }
}
