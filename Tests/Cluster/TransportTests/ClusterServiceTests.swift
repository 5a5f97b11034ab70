import HashTreeCollections
import MeshChangelog
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshTransport
import MeshWire
import ServiceLifecycle
import Testing

@Suite("A cluster of services", .serialized, .timeLimit(.minutes(2)))
struct ClusterServiceTests {
    @Test("joins through one seed until all see all, with round trips")
    func joins() async throws {
        try await withCluster(of: 3) { nodes in
            try await eventually("a round trip") {
                await nodes[0].view(of: nodes[2])?.roundTrip != nil
            }
            let counters = await nodes[1].service.status().counters
            #expect(counters.datagramsSent > 0)
            #expect(counters.datagramBytesReceived > 0)
            #expect(counters.rejected.isEmpty)
        }
    }

    @Test("remembers when it last heard a peer, and hears nobody when all are gone")
    func lastHeard() async throws {
        try await withCluster(of: 2) { nodes in
            let first = await nodes[0].service.status().lastHeard
            let heard = try #require(first)
            try await eventually("a later word") {
                await nodes[0].service.status().lastHeard.map { $0 > heard } ?? false
            }

            await nodes[1].kill()
            try await eventually("silence of a second") {
                guard let last = await nodes[0].service.status().lastHeard else { return false }
                return last.duration(to: ClusterService.now()) > .seconds(1)
            }
        }
    }

    @Test("sees a killed member as failed, and its restart as alive again")
    func detectsDeath() async throws {
        try await withCluster(of: 3) { nodes in
            let port = try await nodes[2].endpoint().port
            let seed = try await nodes[0].endpoint()
            await nodes[2].kill()
            for node in nodes[..<2] {
                try await eventually("failed") { await node.sees([nodes[2]], .failed) }
            }

            let again = try TestNode("node-3", seeds: [seed], port: port, boot: 2)
            let now = [nodes[0], nodes[1], again]
            try await eventually("all see all again") { await allSee(now) }
            let incarnation = await nodes[0].view(of: again)?.incarnation ?? 0
            #expect(incarnation >= 2 << 20)
            await again.kill()
        }
    }

    @Test("sees a member that leaves as left")
    func leaves() async throws {
        try await withCluster(of: 3) { nodes in
            await nodes[2].service.leave()
            await nodes[2].kill()
            for node in nodes[..<2] {
                try await eventually("left") { await node.sees([nodes[2]], .left) }
            }
        }
    }

    @Test("says goodbye when it is shut down gracefully")
    func shutsDown() async throws {
        let first = try TestNode("node-1")
        let seed = try await first.endpoint()
        let third = try TestNode.makeService("third", seeds: [seed])
        let group = ServiceGroup(
            services: [third],
            gracefulShutdownSignals: [],
            cancellationSignals: [],
            logger: TestNode.silence
        )
        async let running: Void = group.run()
        try await eventually("third is seen") {
            await first.service.members()
                .contains { $0.profile.name == "third" && $0.state == .alive }
        }
        await group.triggerGracefulShutdown()
        try await running

        try await eventually("third has left") {
            await first.service.members()
                .contains { $0.profile.name == "third" && $0.state == .left }
        }
        #expect(await third.latest().state.entities.isEmpty, "the store can be read after the end")
        await first.kill()
    }

    @Test("shows a write at every node, saved at its own before it returns")
    func replicates() async throws {
        try await withCluster(of: 3) { nodes in
            let texts = ["services/a": "one", "services/b": "two"]

            let receipt = try await nodes[0].service.put(texts)

            #expect(receipt.isConfirmed)
            #expect(receipt.holders.count == 3)
            #expect(nodes[0].disk.count == 1)
            for node in nodes {
                try await eventually("written everywhere") { await node.service.texts() == texts }
                #expect(node.disk.count == 1, "nobody shows what is not on disk")
            }
            var heads: [ChangelogHead] = []
            for node in nodes { heads.append(await node.service.status().configuration) }
            #expect(heads.allSatisfy { $0 == receipt.head && $0.hash != .zero })
        }
    }

    @Test("carries a configuration of a megabyte over streams")
    func replicatesLargeChangesets() async throws {
        try await withCluster(of: 3) { nodes in
            let body = String(repeating: "x", count: 2_000)
            let texts = (0..<600).reduce(into: [:]) { $0["services/\($1)"] = "\($1) \(body)" }

            try await nodes[1].service.put(texts)

            for node in nodes {
                try await eventually("all of it everywhere") {
                    await node.service.texts().count == 600
                }
            }
            #expect(await nodes[0].service.status().counters.streamBytesReceived > 1_000_000)
        }
    }

    @Test("hands a restarted node what it missed, and keeps what it had")
    func catchesUp() async throws {
        try await withCluster(of: 2) { nodes in
            let seed = try await nodes[0].endpoint()
            let port = try await nodes[1].endpoint().port
            try await nodes[1].service.put(["a": "1"])
            try await eventually("first write") { nodes[0].disk.count == 1 }
            await nodes[1].kill()
            let alone = try await nodes[0].service.put(["b": "2"])
            #expect(!alone.isConfirmed && alone.holders == [nodes[0].id])

            let again = try TestNode(
                "node-2",
                seeds: [seed],
                port: port,
                boot: 2,
                disk: nodes[1].disk
            )
            #expect(await again.service.texts()["a"] == "1")
            try await eventually("missed write") {
                await again.service.texts() == ["a": "1", "b": "2"]
            }
            await again.kill()
        }
    }

    @Test("takes one of two operators' writes upon the same base, and refuses the other")
    func comparesAndSets() async throws {
        try await withCluster(of: 2) { nodes in
            try await nodes[0].service.put(["a": "1"])
            var draft = ChangelogDraft(changes: ["a": [2]])
            draft.expecting = .head(await nodes[0].service.latest().head.hash)
            _ = try await nodes[0].service.write(draft)
            await #expect(throws: ChangelogError.self) {
                _ = try await nodes[0].service.write(draft)
            }
            let steps = try #require(await nodes[0].service.history()).steps
            #expect(steps.map { $0.after.entities["a"]?.body } == [[0x31], [2]])
            #expect(steps.map { $0.before.entities["a"]?.body } == [nil, [0x31]])
            #expect(await nodes[0].service.conflicts().isEmpty)
        }
    }

    @Test("spreads votes and states without touching a disk, and takes votes back")
    func spreadsObservations() async throws {
        try await withCluster(of: 3) { nodes in
            let speaker = nodes[0]
            speaker.service.setVotes(.against)
            var state = NodeState()
            state.adminAddress = "127.0.0.1:8001"
            speaker.service.setState(state)

            for node in nodes {
                try await eventually("the vote everywhere") {
                    await node.service.votes(of: speaker.id) == .against
                }
                try await eventually("the state everywhere") {
                    await node.service.observedNodes()[speaker.id]?.state == state
                }
                #expect(node.disk.count == 0)
            }
            speaker.service.setVotes(ObserverVotes())
            for node in nodes {
                try await eventually("no vote any more") {
                    await node.service.votes(of: speaker.id).votes.isEmpty
                }
            }
        }
    }

    @Test("tells members, votes and changesets to their one consumer")
    func tellsEvents() async throws {
        let node = try TestNode("node-1")
        let seed = try await node.endpoint()
        let other = try TestNode("node-2", seeds: [seed])
        var iterator = node.service.events.makeAsyncIterator()
        while let event = await iterator.next() {
            guard case .member(.joined(let member)) = event else { continue }
            #expect(member.id == other.id)
            break
        }
        other.service.setVotes(.against)
        for await _ in node.service.observed {
            let changes = await node.service.takeObservationChanges()
            guard changes[other.id]?.contains(.votes) == true else { continue }
            #expect(await node.service.votes(of: other.id) == .against)
            break
        }
        try await other.service.put(["a": "1"])
        for await _ in node.service.changes { break }
        try await eventually("the write") { await node.service.texts() == ["a": "1"] }
        await other.kill()
        await node.kill()
        while await iterator.next() != nil {}
    }

    @Test("keeps a member alive by streams when its datagrams do not get through")
    func probesByStream() async throws {
        try await withCluster(of: 2) { nodes in
            let port = try await nodes[1].endpoint().port
            let seed = try await nodes[0].endpoint()
            await nodes[1].kill()
            try await eventually("failed") { await nodes[0].sees([nodes[1]], .failed) }

            // It seals under an epoch that the other has not; streams are under the other's epoch.
            let other = KeyRing(epoch: 2, secret: [UInt8](repeating: 8, count: 32))
            let ring = try KeyRing(
                parsing: TestNode.ring.text.replacing("primary", with: "") + other.text
            )
            let muted = try TestNode("node-2", seeds: [seed], port: port, boot: 2, ring: ring)
            try await eventually("alive by stream") { await nodes[0].sees([muted]) }
            let opened = await nodes[0].service.status().counters.streamsOpened
            try await eventually("many probes by stream") {
                await nodes[0].service.status().counters.streamsOpened >= opened + 8
            }

            let refused = await nodes[0].service.status().counters.rejected
            #expect(refused[.unknownKeyEpoch, default: 0] > 8)
            #expect(await nodes[0].view(of: muted)?.state.isPresent == true)
            await muted.kill()
        }
    }

    @Test("changes its keys while it runs, without a suspicion, and keeps out who has the old only")
    func rotatesKeys() async throws {
        try await withCluster(of: 3) { nodes in
            let first = nodes[0].service
            let inventory = { (version: UInt32) async -> Bool in
                for node in nodes {
                    let members = await node.service.members()
                    guard members.allSatisfy({ $0.signed.record.ring.version == version }) else {
                        return false
                    }
                }
                return true
            }

            try await first.rotate(.stage)
            try await eventually("staged everywhere") { await inventory(1) }
            try await nodes[1].service.rotate(.activate(2))
            try await eventually("active everywhere") { await inventory(2) }
            try await nodes[2].service.rotate(.retire(1))
            try await eventually("retired everywhere") { await inventory(3) }

            let suspicions = await first.status().membership.suspicions
            #expect(suspicions == 0)
            #expect(nodes.allSatisfy { $0.disk.ring?.epochs == [2] })
            let seed = try await nodes[0].endpoint()
            let stranger = try TestNode("node-9", seeds: [seed])
            _ = try await stranger.endpoint()
            try await eventually("refused") {
                await first.status().counters.rejected[.unknownKeyEpoch, default: 0] > 2
            }
            #expect(await stranger.service.members().count == 1)
            await stranger.kill()
            let ring = try #require(nodes[0].disk.ring)
            let newcomer = try TestNode("node-8", seeds: [seed], ring: ring)
            try await eventually("joined") { await allSee(nodes + [newcomer]) }
            await newcomer.kill()
        }
    }

    @Test("with an older disk goes on past what peers remember, and keeps the boot number")
    func restoredDisk() async throws {
        try await withCluster(of: 2) { nodes in
            let seed = try await nodes[0].endpoint()
            await nodes[1].kill()
            let later = try TestNode("node-2", seeds: [seed], boot: 9)
            try await eventually("the later start") { await allSee([nodes[0], later]) }
            await later.kill()

            let restored = try TestNode("node-2", seeds: [seed], boot: 3)
            try await eventually("counted on") { restored.disk.boot == 10 }
            try await eventually("seen, also by datagrams") {
                await nodes[0].view(of: restored)?.incarnation == 10 << 20
            }
            let refused = await nodes[0].service.status().counters.rejected[.staleSession] ?? 0
            try await restored.service.put(["a": "1"])
            try await eventually("a write") { await nodes[0].service.texts() == ["a": "1"] }
            let after = await nodes[0].service.status().counters.rejected[.staleSession] ?? 0
            #expect(after - refused < 3, "its datagrams open")
            await restored.kill()
        }
    }

    @Test("finds a copy of itself that runs elsewhere: the younger falls silent, both tell where")
    func twins() async throws {
        try await withCluster(of: 2) { nodes in
            let seed = try await nodes[0].endpoint()
            let copy = try TestNode("node-2", seeds: [seed], boot: 2)
            let place = try await copy.endpoint()
            let original = try await nodes[1].endpoint()

            try await eventually("both know") {
                let troubles = await [copy, nodes[1]].twins()
                return troubles == [[original], [place]]
            }

            try await eventually("the original stays") {
                await nodes[0].view(of: nodes[1])?.profile.address == original
            }
            await copy.kill()
        }
    }

    @Test("does not take another node at the address of a dead one for it")
    func tellsNodesApart() async throws {
        try await withCluster(of: 2) { nodes in
            let port = try await nodes[1].endpoint().port
            await nodes[1].kill()

            let other = try TestNode("node-3", port: port)
            _ = try await other.endpoint()

            try await eventually("failed") { await nodes[0].sees([nodes[1]], .failed) }
            await other.kill()
        }
    }

    @Test("joins later when it is given seeds later")
    func joinsLater() async throws {
        let first = try TestNode("node-1")
        let second = try TestNode("node-2")
        let seed = try await first.endpoint()
        _ = try await second.endpoint()

        await second.service.setSeeds([seed])

        try await eventually("all see all") { await allSee([first, second]) }
        await first.kill()
        await second.kill()
    }

    @Test("says which address it could not bind")
    func explainsBind() async throws {
        let first = try TestNode("node-1")
        let taken = try await first.endpoint()
        let second = try TestNode.makeService("second", port: taken.port)

        let error = await #expect(throws: ClusterError.self) { try await second.run() }

        #expect(error?.description.contains("gossip.bind \(taken)") == true)
        #expect(await second.boundEndpoint() == nil)
        await first.kill()
    }
}

extension [TestNode] {
    /// Where each node has found a twin.
    fileprivate func twins() async -> [[Endpoint]] {
        var twins: [[Endpoint]] = []
        for node in self {
            let troubles = await node.service.status().troubles
            twins.append(troubles.filter { $0.path == .twin }.map(\.endpoint))
        }
        return twins
    }
}
