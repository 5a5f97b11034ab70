import HashTreeCollections
import MeshChangelog
import MeshObservations
import MeshPrimitives
import MeshTransport
import Testing

@Suite("A node whose disk is full or slow", .serialized, .timeLimit(.minutes(2)))
struct DiskFaultTests {
    @Test("refuses a configuration write with the reason, and nothing has changed")
    func refusesWrites() async throws {
        try await withCluster(of: 2) { nodes in
            let before = await nodes[0].service.status().root
            nodes[0].disk.setFull(true)

            await #expect(throws: ChangelogError.notSaved(reason: "no space left")) {
                try await nodes[0].service.put(["a": "1"])
            }

            let status = await nodes[0].service.status()
            #expect(status.root == before)
            #expect(status.diskFault == "no space left")
            #expect(status.counters.saveFailures == 1)
            nodes[0].disk.setFull(false)
            try await nodes[0].service.put(["b": "2"])
            try await eventually("the write that was saved") {
                await nodes[1].service.texts() == ["b": "2"]
            }
            #expect(await nodes[0].service.status().diskFault == nil)
        }
    }

    @Test("keeps what it had while peers write, says so, and catches up when the disk is well")
    func keepsServing() async throws {
        try await withCluster(of: 2) { nodes in
            try await nodes[0].service.put(["a": "1"])
            nodes[1].disk.setFull(true)
            let receipt = try await nodes[0].service.put(["a": "2"])
            #expect(!receipt.isConfirmed && receipt.holders == [nodes[0].id])
            #expect(await nodes[1].service.texts() == ["a": "1"])
            try await eventually("known to be unsaved") {
                await nodes[1].service.status().diskFault != nil
            }

            nodes[1].disk.setFull(false)

            try await eventually("caught up") { await nodes[1].service.texts() == ["a": "2"] }
            #expect(await nodes[1].service.status().diskFault == nil)
        }
    }

    @Test("lets many writers wait in line, each whole")
    func ordersWrites() async throws {
        try await withCluster(of: 2) { nodes in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<100 {
                    let node = nodes[index % 2]
                    group.addTask {
                        try await node.service.put(["x/\(index)": "1", "y/\(index)": "1"])
                    }
                }
                try await group.waitForAll()
            }
            for node in nodes {
                try await eventually("all of them") { await node.service.texts().count == 200 }
                #expect(node.disk.count == 100)
            }
        }
    }

    @Test("hears observations of peers while a save hangs")
    func hearsWhileSaving() async throws {
        try await withCluster(of: 2) { nodes in
            nodes[1].disk.setStalled(true)
            try await nodes[0].service.put(["a": "1"])

            nodes[0].service.setVotes(.against)

            try await eventually("the vote heard") {
                await nodes[1].service.votes(of: nodes[0].id) == .against
            }
            #expect(await nodes[1].service.texts().isEmpty, "not shown before it is on disk")
            nodes[1].disk.setStalled(false)
            try await eventually("saved at last") { nodes[1].disk.count == 1 }
        }
    }

    @Test("refuses writes beyond a bound, and ends all that it took when the disk is back")
    func boundsWrites() async throws {
        let node = try TestNode("node-1") { $0.changelog.writeLimit = 64 }
        _ = try await node.endpoint()
        node.disk.setStalled(true)
        let outcomes = await withTaskGroup(of: ChangelogError?.self) { group in
            for index in 0..<100 {
                group.addTask {
                    do {
                        try await node.service.put(["k/\(index)": "1"])
                        return nil
                    } catch {
                        return error as? ChangelogError
                    }
                }
            }
            var outcomes: [ChangelogError?] = []
            for await outcome in group {
                outcomes.append(outcome)
                if outcome != nil { node.disk.setStalled(false) }
            }
            return outcomes
        }

        let refused = outcomes.compactMap { $0 }
        #expect(!refused.isEmpty)
        #expect(refused.allSatisfy { $0 == .busy(limit: 64) })
        #expect(await node.service.texts().count == 100 - refused.count)
        await node.kill()
    }
}
