import MeshAdminClient
import MeshReports
import Testing

@Suite("The record of an upgrade")
struct UpgradeTests {
    @Test("is there after the first write, and is written only upon what the writer has seen")
    func record() async throws {
        try await withServer { endpoint in
            let client = try AdminClient(base: "http://\(endpoint)")
            #expect(try await client.upgrade() == nil)
            var upgrade = UpgradeReport(
                nodes: [UpgradeReport.Node(name: "eu-1", wave: 1, versionBefore: "1.0.0")]
            )
            upgrade.revision = 1
            try await client.setUpgrade(upgrade)
            #expect(try await client.upgrade() == upgrade)

            await #expect(throws: AdminClientError.self) { try await client.setUpgrade(upgrade) }
            upgrade.revision = 2
            upgrade.state = .paused
            upgrade.reason = "us-1 has failed"
            try await client.setUpgrade(upgrade)
            #expect(try await client.upgrade()?.reason == "us-1 has failed")
        }
    }
}
