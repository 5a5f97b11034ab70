import MeshEntities
import MeshPrimitives
import MeshReplication
import Testing

@testable import MeshNode

@Suite("Changes from stored records to a configuration")
struct ConfigurationChangesTests {
    private static let id = EntityID(high: 1, low: 2)

    private static func configuration(_ host: String) -> GatewayConfiguration {
        var configuration = GatewayConfiguration.empty
        configuration.services = [Service(id: Self.id, name: "s", host: host)]
        return configuration
    }

    private static func record(_ body: [UInt8]) -> Record {
        Record(
            key: RecordKey(kind: .entity, name: "services/\(Self.id)"),
            version: RecordVersion(
                stamp: HybridTimestamp(rawValue: 1),
                writer: .init(high: 0, low: 1)
            ),
            body: body
        )
    }

    @Test("create what is not stored, change what differs, delete what is gone")
    func differ() {
        let created = ConfigurationService.changes(from: [], to: Self.configuration("a"))
        #expect(created.map(\.key.name) == ["services/\(Self.id)"])
        let stored = Self.record(created[0].body ?? [])
        #expect(ConfigurationService.changes(from: [stored], to: Self.configuration("a")).isEmpty)
        #expect(
            ConfigurationService.changes(from: [stored], to: Self.configuration("b")).count == 1
        )
        let gone = ConfigurationService.changes(from: [stored], to: .empty)
        #expect(gone.map(\.body) == [nil])
    }
}
