import MeshDataPlane
import MeshEntities
import MeshPrimitives
import Synchronization
import Testing

@testable import MeshActivation
@testable import MeshNode

@Suite("The configuration compiler")
struct ConfigurationCompilerTests {
    /// What was brought into use, by revision.
    private final class Uses: Sendable {
        let revisions = Mutex<[UInt64]>([])
    }

    private let uses = Uses()
    private let compiler: ConfigurationCompiler

    init() {
        let uses = self.uses
        self.compiler = ConfigurationCompiler(region: "eu") { compiled in
            uses.revisions.withLock { $0.append(compiled.revision) }
        }
    }

    private static func state(
        _ generation: UInt64,
        _ configuration: GatewayConfiguration
    ) -> RoutedState {
        RoutedState(
            head: .init(generation: generation, hash: ContentHash(high: 1, low: generation)),
            entities: configuration.entities()
                .map { StoredEntity(key: "\($0.0.rawValue)/\($0.1)", body: $0.2.canonicalJSON) }
                .sorted { $0.key < $1.key }
        )
    }

    private func compile(
        _ revision: UInt64,
        _ state: RoutedState
    ) async throws -> CompiledFacts {
        let build = ConfigurationBuild(revision: revision, state: state, addresses: [:])
        return try await withCheckedThrowingContinuation { done in
            self.compiler.compile(build) { done.resume(with: $0) }
        }
    }

    private func install(_ revision: UInt64) async throws -> ConfigurationCompiler.Compiled {
        try await withCheckedThrowingContinuation { done in
            self.compiler.install(revision) { done.resume(with: $0) }
        }
    }

    private static var good: GatewayConfiguration {
        var result = GatewayConfiguration()
        result.services = [
            Service(id: EntityID(high: 1, low: 1), name: "s", host: "name.test"),
            Service(id: EntityID(high: 1, low: 2), name: "t", host: "127.0.0.1"),
            Service(id: EntityID(high: 1, low: 3), name: "u", host: "up"),
        ]
        result.upstreams = [Upstream(id: EntityID(high: 2, low: 1), name: "up")]
        result.targets = [
            Target(
                id: EntityID(high: 3, low: 1),
                target: "other.test:80",
                upstream: EntityID(high: 2, low: 1)
            )
        ]
        result.routes = [
            Route(
                id: EntityID(high: 4, low: 1),
                name: "r",
                service: EntityID(high: 1, low: 1),
                paths: ["/"]
            )
        ]
        return result
    }

    @Test("names the hosts that need addresses: of targets, and of services without an upstream")
    func hosts() async throws {
        let facts = try await self.compile(1, Self.state(1, Self.good))

        #expect(facts.hosts == ["name.test", "other.test"])
        #expect(facts.fingerprint == WrittenConfiguration(Self.good).parsed.fingerprint)
    }

    @Test("refuses a torn state: a route without its service, a target without its upstream")
    func torn() async throws {
        for (name, tear) in [
            ("service", { (torn: inout GatewayConfiguration) in torn.services.removeFirst() }),
            ("upstream", { $0.upstreams = [] }),
        ] {
            var torn = Self.good
            tear(&torn)

            let error = await #expect(throws: EntityErrors.self) {
                try await self.compile(1, Self.state(1, torn))
            }

            let words = "\(String(describing: error))"
            #expect(words.contains("invalid reference '\(name)"), "\(words)")
        }
        await #expect(throws: (any Error).self) { try await self.install(1) }
        #expect(self.uses.revisions.withLock { $0 } == [])
    }

    @Test("refuses two entities of one name, which two operators may have written at once")
    func mixed() async throws {
        var mixed = Self.good
        mixed.services[1].name = "s"

        let error = await #expect(throws: EntityErrors.self) {
            try await self.compile(1, Self.state(1, mixed))
        }

        #expect("\(String(describing: error))".contains("uniqueness violation"))
    }

    @Test("reads only the changes of a state that follows the one it holds, and all of any other")
    func changes() async throws {
        _ = try await self.compile(1, Self.state(1, Self.good))
        var next = Self.good
        next.routes[0].paths = ["/next"]
        let whole = Self.state(2, next)
        let body = next.routes[0].document.canonicalJSON
        var follower = RoutedState(head: whole.head, isEmpty: false) {
            Issue.record("all entities were listed for one change")
            return []
        }
        let key = "routes/\(next.routes[0].id)"
        follower.changes = .init(base: ContentHash(high: 1, low: 1), bodies: [key: body])

        _ = try await self.compile(2, follower)

        let compiled = try await self.install(2)
        #expect(compiled.configuration == next)

        var stranger = Self.state(3, Self.good)
        stranger.changes = .init(base: ContentHash(high: 9, low: 9), bodies: [:])
        _ = try await self.compile(3, stranger)
        #expect(try await self.install(3).configuration == Self.good)
    }

    @Test("takes over whole what was written out a moment ago, and reads anything else")
    func expected() async throws {
        let written = WrittenConfiguration(Self.good)
        let head = RoutedState.Head(generation: 1, hash: written.hash)
        self.compiler.expect(written)

        let facts = try await self.compile(
            1,
            RoutedState(head: head, isEmpty: false) {
                Issue.record("what is known already was listed")
                return []
            }
        )
        #expect(facts.fingerprint == written.parsed.fingerprint)
        #expect(try await self.install(1).configuration == Self.good)

        var next = Self.good
        next.routes[0].paths = ["/next"]
        self.compiler.expect(WrittenConfiguration(Self.good))
        _ = try await self.compile(2, Self.state(2, next))
        #expect(try await self.install(2).configuration == next)
    }

    @Test("checks what a change touches: a plugin that its route's protocols never reach")
    func checksChanges() async throws {
        _ = try await self.compile(1, Self.state(1, Self.good))
        var plugin = Plugin(id: EntityID(high: 5, low: 1), name: "cors")
        plugin.route = Self.good.routes[0].id
        plugin.protocols = [.tcp]
        var next = Self.state(2, Self.good)
        next.changes = .init(
            base: ContentHash(high: 1, low: 1),
            bodies: ["plugins/\(plugin.id)": plugin.document.canonicalJSON]
        )

        let error = await #expect(throws: EntityErrors.self) { try await self.compile(2, next) }

        #expect("\(String(describing: error))".contains("associated route's protocols"))
    }

    @Test("installs what it compiled last, and nothing else")
    func installs() async throws {
        _ = try await self.compile(1, Self.state(1, Self.good))
        _ = try await self.compile(2, Self.state(2, Self.good))
        await #expect(throws: (any Error).self) { try await self.install(1) }

        let compiled = try await self.install(2)

        #expect(compiled.configuration == Self.good)
        #expect(self.uses.revisions.withLock { $0 } == [2])
    }
}
