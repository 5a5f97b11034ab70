import MeshBalancing
import MeshPrimitives
import Testing

@Suite("Region machines of several nodes")
struct RegionFleetTests {
    @Test("return in step, whenever each has seen the region back", arguments: UInt64(0)..<10)
    func returnsInStep(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let nodes = (0..<9).map { NodeID(high: 1, low: UInt64($0)) }
        // Clocks differ by up to 500 ms from the fleet's.
        var machines = nodes.map { _ in
            RegionMachine(fleetOffset: .milliseconds(Int64(generator.next(below: 1_000)) - 500))
        }
        let seenAt = nodes.map { _ in Int64(generator.next(below: 4_000)) + 10_000 }
        for place in machines.indices {
            _ = machines[place].configure(
                [regionUpstream(RegionPolicy(), ["eu", "us"])],
                at: second(0)
            )
            for index in 0..<2 {
                _ = machines[place].setFactor(0, of: regionTarget("eu", index), at: second(1))
            }
        }
        for tick in stride(from: Int64(10_000), to: 190_000, by: 100) {
            let now = MonotonicInstant(sinceStart: .milliseconds(tick))
            for place in machines.indices {
                if tick / 100 == seenAt[place] / 100 {
                    for index in 0..<2 {
                        _ = machines[place].setFactor(1, of: regionTarget("eu", index), at: now)
                    }
                }
                _ = machines[place].wake(at: now)
            }
            // Everybody hears everybody within 200 ms.
            if tick.isMultiple(of: 200) {
                for (place, node) in nodes.enumerated() {
                    for other in machines.indices where other != place {
                        _ = machines[other].setReturns(
                            Dictionary(
                                uniqueKeysWithValues: machines[place].returns.map {
                                    ($0.key.number, $0.value)
                                }
                            ),
                            of: node,
                            at: now
                        )
                    }
                }
            }
            guard tick > 76_000 else { continue }
            let shares = machines.map { $0.views(at: now)["api"]?.first?.share ?? 0 }
            let (least, most) = (shares.min() ?? 0, shares.max() ?? 0)
            #expect(most - least <= 50, "seed \(seed), \(tick) ms: \(shares)")
        }
        let shares = machines.map { machine in
            machine.views(at: second(190))["api"]?.first?.share
        }
        #expect(shares.allSatisfy { $0 == 1_000 })
    }

    /// A machine whose first region was out of use from 1 s on, and answers again since 2 s.
    private static func returning() -> RegionMachine {
        var machine = RegionMachine()
        _ = machine.configure([regionUpstream(RegionPolicy(), ["eu", "us"])], at: second(0))
        for index in 0..<2 {
            _ = machine.setFactor(0, of: regionTarget("eu", index), at: second(1))
        }
        for index in 0..<2 {
            _ = machine.setFactor(1, of: regionTarget("eu", index), at: second(2))
        }
        return machine
    }

    @Test("one that lies about its return moves nobody else's")
    func resistsALiar() {
        var machine = Self.returning()
        let id = RegionReturnID(upstream: "api", region: "eu").number
        _ = machine.setReturns([id: second(1)], of: NodeID(high: 0, low: 1), at: second(3))
        _ = machine.wake(at: second(61))
        #expect(machine.views(at: second(61))["api"]?.first?.share == 0, "its own hold is not over")
        _ = machine.wake(at: second(62))
        _ = machine.setReturns([id: second(63)], of: NodeID(high: 0, low: 2), at: second(63))
        _ = machine.wake(at: second(64))
        let share = machine.views(at: second(64))["api"]?.first?.share ?? 0
        #expect((100...120).contains(share))
    }

    @Test("does not return to a region whose nodes are not plainly there, nor while cut off")
    func waitsWhileInDoubt() {
        var machine = Self.returning()
        _ = machine.setDoubts(about: ["eu"], isIsolated: false, at: second(3))
        _ = machine.wake(at: second(100))
        #expect(machine.views(at: second(100))["api"]?.first?.share == 0)
        _ = machine.setDoubts(about: [], isIsolated: false, at: second(101))
        _ = machine.wake(at: second(103))
        let share = machine.views(at: second(103))["api"]?.first?.share ?? 0
        #expect((100...120).contains(share))
    }
}
