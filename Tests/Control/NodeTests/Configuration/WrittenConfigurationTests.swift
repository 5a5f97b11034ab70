import MeshActivation
import MeshChangelog
import MeshDeclarative
import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshNode

@Suite("A configuration, written out")
struct WrittenConfigurationTests {
    /// Entities of many kinds, some of which claim, refer to and need others; more than one processor
    /// takes at a time.
    private static func configuration() throws -> GatewayConfiguration {
        var text = """
            _format_version: "3.0"
            services:
            - { name: s, host: up, routes: [{ name: r, paths: [/] }] }
            upstreams:
            - { name: up, targets: [{ target: "127.0.0.1:80" }] }
            vaults:
            - { name: env, prefix: mine }
            key_sets:
            - { name: set }
            plugins:
            - { name: key-auth, route: r }
            - name: session
              config: { secret: "{vault://mine/secret}" }
            consumer_groups:
            - { name: gold }
            consumers:

            """
        for number in 0..<1_500 {
            text += """
                - username: u\(number)
                  custom_id: c\(number)
                  groups: [{ name: gold }]
                  keyauth_credentials: [{ key: key-\(number) }]
                  acls: [{ group: g\(number % 2) }]
                  hmacauth_credentials: [{ username: h\(number), secret: s }]

                """
        }
        return try DeclarativeFile.parse(text, name: "kong.yml").configuration
    }

    @Test("is what reading it back gives, with the facts that the rules read")
    func equalsReading() throws {
        let written = WrittenConfiguration(try Self.configuration())
        let stored = written.parsed.rows.map(\.stored)

        var anew = ParsedEntities()
        try anew.update(to: stored)

        #expect(anew.configuration == written.parsed.configuration)
        #expect(anew.fingerprint == written.parsed.fingerprint)
        #expect(
            written.details
                == stored.map { entity in
                    let facts = GatewayRules.facts(of: entity.key, entity.body)
                    return .init(entity.key, entity.body, facts, rules: .gateway)
                }
        )
        #expect(written.details.contains { $0.key.hasPrefix("plugins/") })
    }

    @Test("lets no refusal tell a key, which is a secret")
    func secretClaims() throws {
        let stored = WrittenConfiguration(try Self.configuration()).parsed.rows.map(\.stored)
        let isKey = { (entity: StoredEntity) in entity.key.hasPrefix("keyauth_credentials/") }
        #expect(stored.contains(where: isKey))
        for entity in stored {
            let facts = GatewayRules.facts(of: entity.key, entity.body)
            #expect(facts.hasSecretClaims == isKey(entity))
        }
    }

    @Test("has the hash of the state that it becomes")
    func hash() async throws {
        let written = WrittenConfiguration(try Self.configuration())
        let draft = await ConfigurationService.draft(from: [], to: written)
        var log = try Changelog(
            node: NodeID(high: 0, low: 1),
            region: "eu",
            stored: StoredChangelog(),
            rules: .gateway,
            configuration: ChangelogConfiguration(),
            seed: 1
        )
        let now = MonotonicInstant(nanoseconds: 0)
        for effect in try log.write(draft, ticket: 1, at: now) {
            guard case .persist(let batch, let token) = effect else { continue }
            _ = log.persisted(token, batch.prepared(by: .gateway), at: now)
        }

        #expect(log.head.hash == written.hash)
        #expect(log.state.entities.count == written.details.count)
    }
}
