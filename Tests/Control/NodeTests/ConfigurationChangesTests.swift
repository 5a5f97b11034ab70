import MeshActivation
import MeshChangelog
import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshNode

@Suite("Changes from stored entities to a configuration")
struct ConfigurationChangesTests {
    private static let id = EntityID(high: 1, low: 2)

    private static func configuration(_ host: String) -> WrittenConfiguration {
        var configuration = GatewayConfiguration.empty
        configuration.services = [Service(id: Self.id, name: "s", host: host)]
        return WrittenConfiguration(configuration)
    }

    private static func changes(
        from stored: [StoredEntity],
        to written: WrittenConfiguration
    ) async -> [String: [UInt8]?] {
        await ConfigurationService.draft(from: stored, to: written).changes
    }

    @Test("create what is not stored, change what differs, delete what is gone")
    func differ() async {
        let key = "services/\(Self.id)"
        let created = await Self.changes(from: [], to: Self.configuration("a"))
        #expect(Array(created.keys) == [key])
        let stored = StoredEntity(key: key, body: (created[key] ?? nil) ?? [])
        #expect(await Self.changes(from: [stored], to: Self.configuration("a")).isEmpty)
        let changed = await Self.changes(from: [stored], to: Self.configuration("b"))
        #expect(Array(changed.keys) == [key])
        let gone = await Self.changes(from: [stored], to: WrittenConfiguration(.empty))
        #expect(gone == [key: nil])
    }
}
