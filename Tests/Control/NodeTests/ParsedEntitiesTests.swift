import MeshActivation
import MeshEntities
import Testing

@testable import MeshNode

@Suite("Stored entities, read")
struct ParsedEntitiesTests {
    private var parsed = ParsedEntities()

    private static func configuration(routes: Int) -> GatewayConfiguration {
        var result = GatewayConfiguration()
        let service = Service(id: EntityID(high: 1, low: 1), name: "s", host: "127.0.0.1")
        result.services = [service]
        for number in 0..<routes {
            result.routes.append(
                Route(
                    id: EntityID(high: 2, low: UInt64(number)),
                    name: "r\(number)",
                    service: service.id,
                    paths: ["/\(number)"]
                )
            )
        }
        return result
    }

    private static func stored(_ configuration: GatewayConfiguration) -> [StoredEntity] {
        configuration.entities()
            .map { StoredEntity(key: "\($0.0.rawValue)/\($0.1)", body: $0.2.canonicalJSON) }
            .sorted { $0.key < $1.key }
    }

    @Test("are the configuration that was stored")
    mutating func readsAll() throws {
        let configuration = Self.configuration(routes: 20)

        try self.parsed.update(to: Self.stored(configuration))

        #expect(self.parsed.configuration == configuration)
        #expect(self.parsed.fingerprint == WrittenConfiguration(configuration).parsed.fingerprint)
    }

    @Test("follow a change, an addition and a deletion, as if all were read anew")
    mutating func follows() throws {
        var configuration = Self.configuration(routes: 20)
        try self.parsed.update(to: Self.stored(configuration))
        let steps: [(inout GatewayConfiguration) -> Void] = [
            { $0.routes[7].paths = ["/changed"] },
            { $0.routes.remove(at: 3) },
            { $0.upstreams.append(Upstream(id: EntityID(high: 3, low: 1), name: "u")) },
            { $0.routes = [] },
            { $0 = Self.configuration(routes: 5) },
        ]
        for step in steps {
            step(&configuration)

            try self.parsed.update(to: Self.stored(configuration))

            var anew = ParsedEntities()
            try anew.update(to: Self.stored(configuration))
            #expect(self.parsed.configuration == configuration)
            #expect(self.parsed.fingerprint == anew.fingerprint)
        }
    }

    @Test("follow single entities that change, come and go, as if all were read anew")
    mutating func followsChanges() throws {
        var configuration = Self.configuration(routes: 20)
        try self.parsed.update(to: Self.stored(configuration))
        var before = Self.stored(configuration)
        let steps: [(inout GatewayConfiguration) -> Void] = [
            { $0.routes[7].paths = ["/changed"] },
            { $0.routes.remove(at: 3) },
            { $0.routes.insert(Route(id: EntityID(high: 2, low: 3), paths: ["/new"]), at: 3) },
            { $0.upstreams.append(Upstream(id: EntityID(high: 3, low: 1), name: "u")) },
            {
                $0.routes.removeLast(4)
                $0.services[0].retries = 1
                $0.upstreams = []
            },
        ]
        for step in steps {
            step(&configuration)
            let after = Self.stored(configuration)
            var bodies: [String: [UInt8]?] = [:]
            for old in before { bodies.updateValue(nil, forKey: old.key) }
            for new in after { bodies.updateValue(new.body, forKey: new.key) }
            before = after

            let touched = try self.parsed.update(by: bodies)

            var anew = ParsedEntities()
            try anew.update(to: after)
            #expect(touched?.isEmpty == false)
            #expect(self.parsed.configuration == configuration)
            #expect(self.parsed.fingerprint == anew.fingerprint)
        }
        #expect(try self.parsed.update(by: [:]) == [])
    }

    @Test("name the service of a route that changes, moves or goes")
    mutating func touches() throws {
        var configuration = Self.configuration(routes: 2)
        let other = Service(id: EntityID(high: 1, low: 2), name: "t", host: "127.0.0.1")
        configuration.services.append(other)
        try self.parsed.update(to: Self.stored(configuration))
        configuration.routes[1].service = other.id
        let moved = try #require(Self.stored(configuration).first { $0.key.hasSuffix("1") })

        let touched = try self.parsed.update(by: [moved.key: moved.body])

        #expect(touched == [configuration.routes[1].id, EntityID(high: 1, low: 1), other.id])
    }

    @Test("leave it to a whole reading when very many have changed")
    mutating func tooMany() throws {
        let stored = Self.stored(Self.configuration(routes: 300))
        let bodies = Dictionary(uniqueKeysWithValues: stored.map { ($0.key, Optional($0.body)) })

        #expect(try self.parsed.update(by: bodies) == nil)
        #expect(self.parsed.configuration == .empty)
    }

    @Test("stay as they were when something new cannot be read")
    mutating func staysWhole() throws {
        let configuration = Self.configuration(routes: 3)
        try self.parsed.update(to: Self.stored(configuration))
        let before = self.parsed.fingerprint
        var torn = Self.stored(configuration)
        torn[1].body = Array("{\"id\":7".utf8)
        var longer = torn
        longer.removeLast()

        #expect(throws: StoredEntityError.self) { try self.parsed.update(to: torn) }
        #expect(throws: StoredEntityError.self) { try self.parsed.update(to: longer) }

        #expect(self.parsed.configuration == configuration)
        #expect(self.parsed.fingerprint == before)
    }

    @Test("refuse what a newer version or a broken store holds, and name it")
    mutating func refuses() throws {
        let good = Self.stored(Self.configuration(routes: 2))
        let alien = StoredEntity(key: "wormholes/1", body: [])
        var misplaced = good
        misplaced[0].body = good[1].body

        let unknown = #expect(throws: StoredEntityError.self) {
            try self.parsed.update(to: good + [alien])
        }
        let wrongKey = #expect(throws: StoredEntityError.self) {
            try self.parsed.update(to: misplaced)
        }
        let twice = #expect(throws: StoredEntityError.self) {
            try self.parsed.update(to: [good[0], good[0]])
        }

        #expect("\(String(describing: unknown))".contains("wormholes"))
        #expect("\(String(describing: wrongKey))".contains(good[0].key))
        #expect("\(String(describing: twice))".contains("out of order"))
    }
}
