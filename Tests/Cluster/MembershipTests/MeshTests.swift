import MeshMembership
import MeshPrimitives
import Testing

@Suite("A mesh's identity")
struct MeshTests {
    /// An identity that a node has just drawn.
    private static func drawn(_ number: UInt64) -> MeshClaim {
        MeshClaim(id: MeshID(number), standing: .alone)
    }

    private static func founded(_ number: UInt64) -> MeshClaim {
        MeshClaim(id: MeshID(number), standing: .founded)
    }

    private static func meshes(_ fleet: Fleet) -> [MeshClaim?] { fleet.nodes.map { $0?.mesh } }

    private static func sizes(_ fleet: Fleet) -> [Int?] { fleet.nodes.map { $0?.presentCount } }

    @Test("is one for nodes that are started at once with each other as seeds", arguments: 1...20)
    func agreesAtBirth(seed: UInt64) {
        var fleet = Fleet(0, seed: seed)
        let ids = [5, 3, 9, 2, 7].map { UInt64($0) &* seed % 11 &+ UInt64($0) << 8 }
        for id in ids { fleet.add(Self.drawn(id), seeds: [0, 1, 2, 3, 4]) }

        let isWhole = fleet.run(until: 10) { Self.sizes($0).allSatisfy { $0 == 5 } }
        let first = fleet.nodes[0]?.mesh.id

        #expect(isWhole)
        #expect(fleet.nodes.allSatisfy { $0?.mesh.id == first })
        #expect(ids.contains(first?.value ?? 0))
        fleet.run(until: 40)
        #expect(fleet.nodes.allSatisfy { $0?.mesh == first.map { Self.founded($0.value) } })
    }

    @Test("is one for pairs that met among themselves first", arguments: 1...10)
    func mergesWhileYoung(seed: UInt64) {
        var fleet = Fleet(0, seed: seed)
        fleet.add(Self.drawn(4), seeds: [1])
        fleet.add(Self.drawn(8), seeds: [])
        fleet.add(Self.drawn(2), seeds: [3])
        fleet.add(Self.drawn(6), seeds: [])
        fleet.run(until: 3)
        #expect(Self.meshes(fleet).map { $0?.id.value } == [4, 4, 2, 2])

        fleet.add(Self.drawn(1), seeds: [0, 2])

        #expect(fleet.run(until: 14) { Self.sizes($0).allSatisfy { $0 == 5 } })
        #expect(Set(Self.meshes(fleet).map { $0?.id.value }).count == 1)
    }

    @Test("is taken over by whoever joins, however low the one it has drawn", arguments: 1...5)
    func newcomerYields(seed: UInt64) {
        var fleet = Fleet(3, seed: seed)
        fleet.run(until: 2)
        fleet.add(Self.drawn(0), seeds: [1])

        #expect(fleet.run(until: 6) { Self.sizes($0).allSatisfy { $0 == 4 } })
        #expect(Self.meshes(fleet).allSatisfy { $0 == testMesh })
        #expect(!fleet.events.contains { $0.event.isForeignMesh })
    }

    @Test("of a node that was alone for long and holds nothing is given up for that of its seeds")
    func loneNodeJoins() {
        var fleet = Fleet(3, seed: 1)
        fleet.add(Self.drawn(0), seeds: [])
        fleet.run(until: 3_600)
        #expect(fleet.nodes[3]?.mesh == Self.drawn(0))

        let now = fleet.now
        fleet.step(3) { $0.setSeeds([endpoint(1)], at: now) }

        #expect(fleet.run(until: 3_610) { Self.sizes($0).allSatisfy { $0 == 4 } })
        #expect(Self.meshes(fleet).allSatisfy { $0 == testMesh })
    }

    @Test("keeps two meshes apart that one wrong seed connects, and both say so", arguments: 1...10)
    func neverMerges(seed: UInt64) {
        var fleet = Fleet(2, seed: seed)
        fleet.add(Self.founded(9), seeds: [])
        fleet.add(Self.founded(9), seeds: [2])
        #expect(fleet.run(until: 5) { Self.sizes($0).allSatisfy { $0 == 2 } })

        let now = fleet.now
        fleet.step(3) { $0.setSeeds([endpoint(1)], at: now) }
        fleet.run(until: 120)

        #expect(Self.sizes(fleet) == [2, 2, 2, 2])
        #expect(Self.meshes(fleet) == [testMesh, testMesh, Self.founded(9), Self.founded(9)])
        let told = Set(fleet.events.filter { $0.event.isForeignMesh }.map(\.node))
        #expect(told == [0, 3])
        #expect((fleet.nodes[0]?.statistics.foreignMessages ?? 0) > 0)
        #expect(fleet.nodes.allSatisfy { $0?.members.allSatisfy { $0.state == .alive } ?? false })
    }

    @Test("keeps them apart when a node of one comes up at an address of the other")
    func reusedAddress() {
        var bench = Bench(peers: 2)
        let foreign = Self.founded(9)
        let stranger = record(3, 9, address: 2, mesh: foreign.id)

        bench.hear(
            message(.ping(sequence: 5, target: node(1)), from: 3, of: foreign, [.record(stranger)]),
            at: 1
        )

        #expect(bench.membership.members.map(\.id) == [1, 2].map(node))
    }

    @Test("lets a member go that has moved to another mesh")
    func movedMember() {
        var bench = Bench(peers: 2)
        let moved = record(3, 9, mesh: MeshID(9))

        let reply = bench.membership.receiveStream(
            message(.sync, from: 3, of: Self.founded(9), [.record(moved)]),
            from: node(3),
            at: instant(1)
        )

        #expect(reply.answer?.kind == .gossip)
        #expect(reply.effects.events.contains(.foreignMesh(MeshID(9), profile(3))))
        #expect(bench.state(of: 3) == nil)
    }

    @Test("believes no record of another mesh, whoever relays it")
    func relayedRecord() {
        var bench = Bench(peers: 2)

        bench.hear(message(.gossip, from: 2, [.record(record(8, mesh: MeshID(9)))]), at: 1)

        #expect(bench.state(of: 8) == nil)
    }

    @Test("is founded after a time, and kept on disk then")
    func persists() {
        var fleet = Fleet(0, seed: 3)
        fleet.add(Self.drawn(4), seeds: [])
        fleet.add(Self.drawn(8), seeds: [0])
        fleet.run(until: 5)
        #expect(fleet.nodes[1]?.mesh == MeshClaim(id: MeshID(4), standing: .forming))

        fleet.run(until: 30)

        #expect(fleet.nodes[1]?.mesh == Self.founded(4))
        #expect(fleet.events.contains { $0.node == 1 && $0.event == .meshFounded(MeshID(4)) })
    }

    @Test("is read from 16 hexadecimal digits and nothing else")
    func text() {
        #expect(MeshID("00000000000000ff") == MeshID(255))
        #expect(MeshID("\(MeshID(.max))") == MeshID(.max))
        for wrong in ["", "ff", "+0000000000000ff", "000000000000000g", "00000000000000ff0"] {
            #expect(MeshID(wrong) == nil)
        }
    }
}

extension MembershipEvent {
    fileprivate var isForeignMesh: Bool {
        if case .foreignMesh = self { true } else { false }
    }
}
