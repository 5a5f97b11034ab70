import MeshBalancing
import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshDataPlane

@Suite("A worker's living upstreams")
struct LiveUpstreamsTests {
    /// One upstream per given name, whose tag decides whether its shape is the same.
    private func snapshot(_ tags: [String: Int]) throws -> Snapshot {
        var entities = GatewayConfiguration()
        entities.upstreams = EntityList(
            tags.sorted { $0.key < $1.key }.map { name, tag in
                var upstream = Upstream(
                    id: EntityID(high: 1, low: UInt64(name.utf8.first ?? 0)),
                    name: name
                )
                upstream.tags = ["\(tag)"]
                return upstream
            }
        )
        return try Snapshot(
            configuration: entities,
            addresses: HostAddresses(),
            localRegion: "eu",
            version: 1
        )
    }

    /// What a worker does, without targets.
    private final class Model {
        var lineage = SnapshotLineage(workers: 1)
        var upstreams = LiveUpstreams()

        func begin(_ snapshot: Snapshot) -> (number: Int, upstreams: [ObjectIdentifier]) {
            let installation = self.lineage.installation(of: snapshot, TLSContexts())
            let count = installation.shapes.count
            let live = UnsafeMutablePointer<Unmanaged<LiveUpstream>>
                .allocate(capacity: max(1, count))
            defer { live.deallocate() }
            let (number, changed) = self.upstreams.beginView(installation, into: live)
            for place in changed {
                let shape = installation.shapes[place]
                let upstream = LiveUpstream(
                    shape: shape,
                    balancer: Balancer(shape.balancer, seed: 1),
                    targets: .allocate(capacity: 1),
                    pools: .allocate(capacity: 1),
                    retries: RetryBudget(
                        share: 20,
                        floor: 10,
                        shared: shape.retryFloor,
                        now: 0
                    ),
                    hedging: Hedging(shape.hedgeFloor, at: 0),
                    room: nil
                )
                _ = self.upstreams.replace(installation.slots[place].number, with: upstream)
                (live + place).initialize(to: Unmanaged.passUnretained(upstream))
            }
            _ = self.upstreams.retireUnseen()
            let found = (0..<count).map { ObjectIdentifier(live[$0].takeUnretainedValue()) }
            return (number, found)
        }
    }

    @Test("are the same objects in every view until their shape changes")
    func stay() throws {
        let model = Model()
        let first = model.begin(try self.snapshot(["a": 1, "b": 1]))
        let second = model.begin(try self.snapshot(["a": 1, "b": 2, "c": 1]))

        #expect(first.upstreams[0] == second.upstreams[0])
        #expect(first.upstreams[1] != second.upstreams[1])
        #expect(model.upstreams.retiredCount == 1)
        #expect(model.upstreams.endView(first.number).count == 1)
        #expect(model.upstreams.retiredCount == 0)
        #expect(model.upstreams.removeAll().count == 3)
    }

    @Test("leave their budgets to the same upstream only, whoever gets their number")
    func budgets() throws {
        let model = Model()
        _ = model.begin(try self.snapshot(["a": 1]))
        let before = try #require(Array(model.upstreams.current).first)
        let changed = model.lineage.installation(
            of: try self.snapshot(["a": 2]),
            TLSContexts()
        )
        #expect(before.retries(for: changed.shapes[0]) != nil)
        #expect(before.hedging(for: changed.shapes[0]) != nil)
        let other = model.lineage.installation(of: try self.snapshot(["b": 1]), TLSContexts())
        #expect(before.retries(for: other.shapes[0]) == nil)
        #expect(before.hedging(for: other.shapes[0]) == nil)
    }

    @Test("are given back with the last view that had them, whatever the order views end in")
    func areGivenBack() throws {
        for seed in UInt64(0)..<40 {
            var generator = SeededGenerator(seed: seed)
            let model = Model()
            var views: [(number: Int, upstreams: [ObjectIdentifier])] = []
            var live: Set<ObjectIdentifier> = []
            for _ in 0..<60 {
                if views.count > 1, generator.next(below: 2) == 0 {
                    // Any but the newest may end.
                    let view = views.remove(at: generator.next(below: views.count - 1))
                    for upstream in model.upstreams.endView(view.number) {
                        #expect(live.remove(ObjectIdentifier(upstream)) != nil, "seed \(seed)")
                    }
                } else {
                    var tags: [String: Int] = [:]
                    for name in ["a", "b", "c", "d"] where generator.next(below: 4) > 0 {
                        tags[name] = generator.next(below: 2)
                    }
                    let view = model.begin(try self.snapshot(tags))
                    views.append(view)
                    live.formUnion(view.upstreams)
                }
                #expect(live.isSuperset(of: views.flatMap(\.upstreams)), "seed \(seed)")
            }
            while views.count > 1 {
                let view = views.removeFirst()
                for upstream in model.upstreams.endView(view.number) {
                    live.remove(ObjectIdentifier(upstream))
                }
            }
            #expect(live == Set(views[0].upstreams), "seed \(seed)")
            #expect(model.upstreams.retiredCount == 0, "seed \(seed)")
        }
    }
}
