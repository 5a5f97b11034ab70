import MeshAdmin
import MeshAdminClient
import MeshPrimitives
import MeshReports
import Synchronization
import Testing

@Suite("The paths of the configuration's past, through the typed client")
struct ChangesetPathsTests {
    private func client(_ endpoint: Endpoint) throws -> AdminClient {
        try AdminClient(base: "http://\(endpoint)")
    }

    @Test("give history, changesets, differences and conflicts as the node made them")
    func reads() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let client = try self.client(endpoint)
            #expect(try await client.history(last: 1) == node.history(last: 1))
            #expect(try await client.history(last: 20).changesets.count == 2)
            #expect(
                try await client.changeset("1f00ab34:7") == node.changeset("1f00ab34:7")
            )
            #expect(try await client.conflicts() == node.conflicts())
            #expect(try await client.rollOut() == node.rollOut())
            #expect(try await client.perform("pause") == node.rollOut())
            await #expect(throws: AdminClientError.self) { try await client.perform("abort") }
            let difference = try await client.difference(from: "g41^", to: "")
            #expect(difference.base.version == "g41^")
            #expect(difference.target?.version == "")
        }
    }

    @Test("roll back and apply losers with author and message, 202 while too few nodes hold it")
    func writes() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let client = try self.client(endpoint)
            let report = try await client.rollBack(to: "g41^", message: "a & b", base: "7c1e")
            #expect(report.changeset == "1f00ab34:7")
            #expect(report.confirmed)
            let alone = try await client.applyLoser(of: "5f3a09c1", message: "alone")
            #expect(!alone.confirmed)
            #expect(alone.holders == ["eu-1"])
            let raw = try await Curl(
                endpoint,
                "/mesh/config/conflicts/5f3a09c1/apply?message=alone",
                "-XPOST"
            )
            #expect(raw.status == 202)
        }
        #expect(
            node.told.withLock { $0.messages } == [
                "loopback: to g41^: a & b", "loopback: loser of 5f3a09c1: alone",
                "loopback: loser of 5f3a09c1: alone",
            ]
        )
    }

    @Test("refuse what nobody remembers with 404, and an overtaken base with 409")
    func refusals() async throws {
        try await withServer(FakeNode()) { endpoint async throws in
            let client = try self.client(endpoint)
            let refusals = [
                await Self.refusal { _ = try await client.changeset("9:9") },
                await Self.refusal { _ = try await client.applyLoser(of: "0", message: "") },
                await Self.refusal { _ = try await client.difference(from: "g1", to: "") },
                await Self.refusal {
                    _ = try await client.rollBack(to: "g1", message: "", base: "0")
                },
            ]
            #expect(refusals == ["404 MESH110", "404 MESH110", "409 MESH105", "409 MESH103"])
        }
    }

    private static func refusal(_ call: () async throws -> Void) async -> String {
        do {
            try await call()
            return "done"
        } catch let AdminClientError.refused(status, report) {
            return "\(status) \(report.code)"
        } catch {
            return "\(error)"
        }
    }
}
