import MeshMembership
import MeshPrimitives
import MeshTransport
import MeshWire
import Synchronization
import Testing

/// A release after this one: it speaks one version more, with a new field and two new types of records.
private final class NextRelease: Sendable {
    static let field = Array("next".utf8)
    static let greeting: UInt8 = 200
    static let feature: UInt8 = 201

    private let taken = Mutex<[UInt8: Set<NodeID>]>([:])

    /// Who has said records of a type to this node.
    func senders(of type: UInt8) -> Set<NodeID> { self.taken.withLock { $0[type] ?? [] } }

    func adjust(_ configuration: inout ClusterConfiguration) {
        var wire = WireDialect(versions: WireVersions(1...2))
        wire.recordFields = Self.field
        wire.adds = { version, finalized in
            guard version == 2 else { return [] }
            return WireDialect.record(type: Self.greeting, content: [1])
                + (finalized == 2 ? WireDialect.record(type: Self.feature, content: []) : [])
        }
        wire.takes = { type, _, sender in
            _ = self.taken.withLock { $0[type, default: []].insert(sender) }
        }
        configuration.wire = wire
    }
}

@Suite("Nodes of two releases", .serialized, .timeLimit(.minutes(2)))
struct MixedVersionTests {
    private static func speaking(
        _ range: ClosedRange<UInt8>
    ) -> @Sendable (inout ClusterConfiguration) -> Void {
        { $0.wire = WireDialect(versions: WireVersions(range)) }
    }

    @Test("are one mesh; each pair speaks the highest version that both know")
    func mixes() async throws {
        let (one, two) = (NextRelease(), NextRelease())
        let old = try TestNode("old")
        let seed = try await old.endpoint()
        let first = try TestNode("new-1", seeds: [seed], adjust: one.adjust)
        let second = try TestNode("new-2", seeds: [seed], adjust: two.adjust)
        let nodes = [old, first, second]

        try await eventually("one mesh") { await allSee(nodes) }
        try await eventually("the newer ones speak the newer version") {
            one.senders(of: NextRelease.greeting) == [second.id]
                && two.senders(of: NextRelease.greeting) == [first.id]
        }
        try await old.service.put(["from-old": "1"])
        try await first.service.put(["from-new": "2"])
        for node in nodes {
            try await eventually("\(node.name) has both changes") {
                await node.service.texts() == ["from-old": "1", "from-new": "2"]
            }
            // The old one too keeps and relays what it cannot read.
            let view = await node.view(of: first)
            #expect(view?.profile.additions == NextRelease.field)
            #expect(view?.profile.protocolMaximum == 2)
        }
        let status = await old.service.status()
        #expect(status.counters.recordsSkipped == 0, "nobody has said to it what it cannot read")
        #expect(status.troubles == [])
        #expect(one.senders(of: NextRelease.feature) == [], "not finalized")
        for node in nodes { await node.kill() }
    }

    @Test("go to the new release and back, one after the other, and lose nothing")
    func upgradesAndBack() async throws {
        let next = NextRelease()
        let disk = Disk()
        let stays = try TestNode("stays", adjust: next.adjust)
        let seed = try await stays.endpoint()
        var turns = try TestNode("turns", seeds: [seed], disk: disk)
        let port = try await turns.endpoint().port
        try await eventually("one mesh") { await allSee([stays, turns]) }
        try await stays.service.put(["k": "1"])
        try await eventually("told") { await turns.service.texts() == ["k": "1"] }
        let releases: [(inout ClusterConfiguration) -> Void] = [NextRelease().adjust, { _ in }]
        for (turn, release) in releases.enumerated() {
            await turns.kill()
            turns = try TestNode(
                "turns",
                seeds: [seed],
                port: port,
                boot: UInt64(turn) + 2,
                disk: disk,
                adjust: release
            )
            let newest = UInt8(turn == 0 ? 2 : 1)
            let (peer, other) = (stays, turns)
            try await eventually("turn \(turn): known as it is now") {
                let view = await peer.view(of: other)
                return view?.state == .alive && view?.profile.protocolMaximum == newest
            }
            try await eventually("turn \(turn): one mesh") { await allSee([peer, other]) }
            try await turns.service.put(["turn-\(turn)": "x"])
            try await eventually("turn \(turn): told") {
                await peer.service.texts()["turn-\(turn)"] == "x"
            }
        }
        #expect(await turns.service.texts() == ["k": "1", "turn-0": "x", "turn-1": "x"])
        for node in [stays, turns] {
            #expect(await node.service.status().troubles.filter { $0.path == .version } == [])
            await node.kill()
        }
    }

    @Test("without a version in common exchange nothing, and both say so in one line")
    func noneInCommon() async throws {
        let old = try TestNode("old")
        let seed = try await old.endpoint()
        let newer = try TestNode("newer", seeds: [seed], adjust: Self.speaking(2...3))

        for (node, word) in [(old, "upgrade this node"), (newer, "upgrade that node")] {
            try await eventually("\(node.name) says so") {
                await node.service.status().troubles.contains { $0.path == .version }
            }
            let status = await node.service.status()
            let troubles = status.troubles.filter { $0.path == .version || $0.path == .stream }
            #expect(troubles.count == 1)
            #expect(troubles.first?.cause.contains("speaks protocol") == true)
            #expect(troubles.first?.cause.contains("2 to 3") == true)
            #expect(troubles.first?.cause.contains(word) == true)
            #expect(status.counters.rejected[.noCommonVersion, default: 0] > 0)
            #expect(await node.service.members().count == 1)
        }
        for node in [old, newer] { await node.kill() }
    }

    @Test("turn the new on once they are finalized, and then let no old one in")
    func finalizes() async throws {
        let (one, two) = (NextRelease(), NextRelease())
        let first = try TestNode("new-1", adjust: one.adjust)
        let seed = try await first.endpoint()
        let second = try TestNode("new-2", seeds: [seed], adjust: two.adjust)
        try await eventually("one mesh") { await allSee([first, second]) }

        for node in [first, second] { await node.service.finalize(at: 2) }

        try await eventually("the new is on") {
            one.senders(of: NextRelease.feature) == [second.id]
                && two.senders(of: NextRelease.feature) == [first.id]
        }
        let old = try TestNode("old", seeds: [seed])
        for node in [first, old] {
            try await eventually("\(node.name) says why") {
                await node.service.status().troubles.contains { $0.path == .version }
            }
        }
        let told = await first.service.status().troubles.first { $0.path == .version }
        #expect(told?.cause.contains("since the fleet was finalized") == true)
        #expect(await old.service.members().count == 1)
        // Who starts anew does not know yet that the fleet was finalized.
        let third = try TestNode("new-3", seeds: [seed], adjust: NextRelease().adjust)
        try await eventually("a newcomer of the new release") {
            await allSee([first, second, third])
        }
        for node in [first, second, third, old] { await node.kill() }
    }

    @Test("meet by datagrams alone")
    func datagramsOnly() async throws {
        func withoutStreams(_ configuration: inout ClusterConfiguration) {
            configuration.streams.inbound = 0
            configuration.streams.outbound = 0
        }
        let first = try TestNode("new-1") {
            $0.wire = WireDialect(versions: WireVersions(2...2))
            withoutStreams(&$0)
        }
        let seed = try await first.endpoint()
        let second = try TestNode("new-2", seeds: [seed]) {
            $0.wire = WireDialect(versions: WireVersions(1...2))
            withoutStreams(&$0)
        }

        try await eventually("one mesh") { await allSee([first, second]) }
        for node in [first, second] { await node.kill() }
    }
}
