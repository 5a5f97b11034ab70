import MeshMembership
import MeshPrimitives
import MeshTransport
import Testing

@Suite("Two meshes with one key ring and one name", .serialized, .timeLimit(.minutes(2)))
struct MeshIdentityTests {
    private static func mesh(
        _ number: UInt64
    ) -> @Sendable (inout ClusterConfiguration) -> Void {
        { $0.mesh = MeshClaim(id: MeshID(number), standing: .founded) }
    }

    @Test("stay apart though one has a seed in the other; both name the other and what to do")
    func staysApart() async throws {
        let first = try TestNode("a-1", adjust: Self.mesh(1))
        let home = try await first.endpoint()
        let second = try TestNode("b-1", adjust: Self.mesh(2))
        let other = try await second.endpoint()
        let stray = try TestNode("b-2", seeds: [other, home], adjust: Self.mesh(2))
        let nodes = [first, second, stray]

        try await eventually("the second mesh is whole") { await allSee([second, stray]) }
        for (node, address) in [(first, try await stray.endpoint()), (stray, home)] {
            try await eventually("\(node.name) names the other mesh") {
                await node.service.status().troubles.contains {
                    $0.path == .mesh && $0.endpoint == address
                }
            }
            let status = await node.service.status()
            let trouble = try #require(status.troubles.first { $0.path == .mesh })
            #expect(trouble.cause.contains("0000000000000001"))
            #expect(trouble.cause.contains("0000000000000002"))
            #expect(trouble.cause.contains("gossip.mesh"))
            #expect(status.membership.foreignMessages > 0)
        }

        #expect(await first.service.members().map(\.id) == [first.id])
        #expect(await stray.service.members().count == 2)
        for node in nodes { await node.kill() }
    }

    @Test("are one when their nodes were started at once with each other as seeds")
    func agreesAtBirth() async throws {
        let first = try TestNode("a-1")
        let home = try await first.endpoint()
        let second = try TestNode("b-1", seeds: [home])
        await first.service.setSeeds([try await second.endpoint()])

        try await eventually("one mesh") { await allSee([first, second]) }

        let ids = [await first.service.status().mesh?.id, await second.service.status().mesh?.id]
        #expect(ids[0] == ids[1])
        // One of the two has drawn it, and the other has kept what it took over.
        let kept = [first, second].compactMap { $0.disk.mesh?.id }
        #expect(!kept.isEmpty)
        #expect(kept.allSatisfy { $0 == ids[0] })
        for node in [first, second] { await node.kill() }
    }
}

@Suite("A pair of nodes between which only one path works", .serialized, .timeLimit(.minutes(2)))
struct OnePathTests {
    /// A node that neither opens nor takes a stream.
    private static func withoutStreams(_ configuration: inout ClusterConfiguration) {
        configuration.streams.inbound = 0
        configuration.streams.outbound = 0
    }

    @Test("is told on an operator's word which path is cut")
    func reach() async throws {
        let first = try TestNode("a-1")
        let second = try TestNode("b-1", seeds: [try await first.endpoint()])
        try await eventually("one mesh") { await allSee([first, second]) }
        let whole = try #require(await first.service.reach([second.id]).first)
        #expect(whole.node == second.id)
        #expect(whole.datagram != nil)
        #expect(whole.stream != nil)

        let third = try TestNode(
            "c-1",
            seeds: [try await first.endpoint()],
            adjust: Self.withoutStreams
        )
        try await eventually("one mesh of three") { await allSee([first, second, third]) }
        let ways = await first.service.reach([third.id, second.id])

        #expect(ways.map(\.node) == [third.id, second.id])
        #expect(ways[0].datagram != nil)
        #expect(ways[0].stream == nil)
        #expect(ways[1].stream != nil)
        #expect(await first.service.reach([NodeID(high: 1, low: 1)]).first?.datagram == nil)
        for node in [first, second, third] { await node.kill() }
    }

    @Test("joins, and shares configuration, votes and goodbyes by datagrams alone")
    func datagramsOnly() async throws {
        let first = try TestNode("a-1", adjust: Self.withoutStreams)
        // More than datagrams of news hold, and written before anybody could hear of it.
        let text = String(repeating: "meshgate ", count: 3_000)
        try await first.service.put(["k/1": text, "k/2": "two"])
        let second = try TestNode(
            "b-1",
            seeds: [try await first.endpoint()],
            adjust: Self.withoutStreams
        )

        try await eventually("one mesh") { await allSee([first, second]) }
        try await eventually("the configuration") { await second.service.texts()["k/1"] == text }
        second.service.setVotes(.against)
        try await eventually("the votes") {
            await first.service.votes(of: second.id) == .against
        }
        await second.service.leave()
        try await eventually("left") { await first.sees([second], .left) }
        for node in [first, second] { await node.kill() }
    }
}
