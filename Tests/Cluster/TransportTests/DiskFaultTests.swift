import MeshPrimitives
import MeshReplication
import MeshTransport
import Testing

@Suite("A node whose disk is full or slow", .serialized, .timeLimit(.minutes(2)))
struct DiskFaultTests {
    @Test("refuses a configuration write with the reason, and nothing has changed")
    func refusesWrites() async throws {
        try await withCluster(of: 2) { nodes in
            let before = await nodes[0].service.status().rootDigest
            nodes[0].disk.setFull(true)

            await #expect(throws: ClusterError.saveFailed(reason: "no space left")) {
                try await nodes[0].service.write([change("a", "1")], urgency: .urgent)
            }

            let status = await nodes[0].service.status()
            #expect(status.rootDigest == before)
            #expect(status.unsavedRecordCount == 0)
            #expect(status.counters.saveFailures == 1)
            nodes[0].disk.setFull(false)
            _ = try await nodes[0].service.write([change("b", "2")], urgency: .urgent)
            try await eventually("the write that was saved") {
                await nodes[1].service.records(of: .entity).map(\.key.name) == ["b"]
            }
        }
    }

    @Test("still uses what peers write, and saves it when the disk is well")
    func keepsServing() async throws {
        try await withCluster(of: 2) { nodes in
            nodes[1].disk.setFull(true)
            let written = try await nodes[0].service.write([change("a", "1")], urgency: .urgent)
            try await eventually("in use without a disk") {
                await nodes[1].service.records(of: .entity) == written
            }
            #expect(nodes[1].disk.records.isEmpty)
            try await eventually("known to be unsaved") {
                await nodes[1].service.status().unsavedRecordCount == 1
            }

            nodes[1].disk.setFull(false)

            try await eventually("saved later") { nodes[1].disk.records == written }
            #expect(await nodes[1].service.status().unsavedRecordCount == 0)
        }
    }

    @Test("lets many writers wait in line, each whole")
    func ordersWrites() async throws {
        try await withCluster(of: 2) { nodes in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<100 {
                    let node = nodes[index % 2]
                    group.addTask {
                        _ = try await node.service.write(
                            [change("x/\(index)", "1"), change("y/\(index)", "1")],
                            urgency: .urgent
                        )
                    }
                }
                try await group.waitForAll()
            }
            for node in nodes {
                try await eventually("200 records") {
                    await node.service.records(of: .entity).count == 200
                }
                try await eventually("200 saved") { node.disk.records.count == 200 }
            }
        }
    }

    @Test("hears observations of peers while a save hangs")
    func hearsWhileSaving() async throws {
        try await withCluster(of: 2) { nodes in
            nodes[1].disk.setStalled(true)
            _ = try await nodes[0].service.write([change("a", "1")], urgency: .urgent)
            try await eventually("the save has begun") {
                await nodes[1].service.record(RecordKey(kind: .entity, name: "a")) != nil
            }

            let key = RecordKey(kind: .health, owner: nodes[0].id)
            _ = try await nodes[0].service.write(
                [RecordChange(key: key, body: [1])],
                urgency: .urgent
            )

            try await eventually("observation heard") {
                await nodes[1].service.record(key)?.body == [1]
            }
            #expect(nodes[1].disk.records.isEmpty)
            nodes[1].disk.setStalled(false)
            try await eventually("saved at last") { nodes[1].disk.records.count == 1 }
        }
    }

    @Test("refuses writes beyond a bound, and ends all that it took when the disk is back")
    func boundsWrites() async throws {
        let node = TestNode("node-1")
        _ = try await node.endpoint()
        node.disk.setStalled(true)
        let outcomes = await withTaskGroup(of: ClusterError?.self) { group in
            for index in 0..<1_100 {
                group.addTask {
                    do {
                        _ = try await node.service.write(
                            [change("\(index)", "1")],
                            urgency: .normal
                        )
                        return nil
                    } catch {
                        return error as? ClusterError
                    }
                }
            }
            var outcomes: [ClusterError?] = []
            for await outcome in group {
                outcomes.append(outcome)
                if outcome != nil { node.disk.setStalled(false) }
            }
            return outcomes
        }

        let refused = outcomes.compactMap { $0 }
        #expect(!refused.isEmpty)
        #expect(refused.allSatisfy { $0 == .tooManyWrites(limit: 1_024) })
        #expect(node.disk.records.count == 1_100 - refused.count)
        await node.kill()
    }
}
