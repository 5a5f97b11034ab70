import MeshPrimitives
import Testing

@testable import MeshHealth

/// One node, and targets of one upstream that get requests by unequal weights.
@Suite("A target that answers slowly")
struct SlowTargetTests {
    /// Lets targets answer, in 10 ms unless they are slow.
    ///
    /// - Parameters:
    ///   - seconds: for how long.
    ///   - rate: answers per second, by target and second.
    ///   - slow: how many milliseconds a target takes longer, by target and second.
    /// - Returns: by target, the first and the last second at which it had less than half its weight.
    private func run(
        for seconds: Int = 15,
        rate: (Int, Double) -> Double,
        slow: (Int, Double) -> UInt64
    ) -> [Int: ClosedRange<Double>] {
        var node = ServingNode()
        node.configure(3)
        var found: [Int: ClosedRange<Double>] = [:]
        var due = [0.0, 0, 0]
        for tick in 1..<(seconds * 100) {
            let now = MonotonicInstant(nanoseconds: Int64(tick) * 10_000_000)
            let second = Double(tick) / 100
            for index in due.indices {
                due[index] += rate(index, second) / 100
                guard due[index] >= 1 else { continue }
                let count = UInt32(due[index])
                due[index] -= Double(count)
                var seen = TargetObservation(id: node.targets[index].id)
                seen.statuses = [.init(status: 200, count: count)]
                let extra = slow(index, second)
                seen.latencySteps =
                    UInt64(count) * LatencyLogarithm.step(microseconds: 10_000 + extra * 1_000)
                _ = node.machine.observe([seen], at: now)
            }
            guard tick % 5 == 0 else { continue }
            _ = node.machine.wake(at: now)
            for view in node.machine.views(at: now) where view.factor < 0.5 {
                let index = node.targets.firstIndex { $0.id == view.target.id } ?? -1
                found[index] = (found[index]?.lowerBound ?? second)...second
            }
        }
        return found
    }

    @Test("is not blamed for what all share, whatever the weights", arguments: [0.7, 1.5, 4])
    func shared(seconds: Double) {
        for tenth in 0..<10 {
            let start = 5 + Double(tenth) / 10
            for rates in [[2_000.0, 20, 20], [2_000, 40, 20], [400, 4, 4], [500, 500, 500]] {
                let found = self.run(
                    rate: { index, _ in rates[index] },
                    slow: { _, now in (start..<(start + seconds)).contains(now) ? 300 : 0 }
                )
                #expect(found.isEmpty, "\(rates) from \(start): \(found)")
            }
        }
    }

    @Test("is found within a second among its like, and within three among rarely asked ones")
    func alone() {
        for tenth in 0..<10 {
            let start = 5 + Double(tenth) / 10
            for (rates, limit) in [([500.0, 500, 500], 1.0), ([2_000, 20, 20], 3)] {
                let found = self.run(
                    rate: { index, _ in rates[index] },
                    slow: { index, now in index == 0 && now >= start ? 300 : 0 }
                )
                #expect(found.keys.sorted() == [0])
                let second = found[0]?.lowerBound ?? 15
                #expect(second - start < limit, "\(rates): found at \(second) from \(start)")
            }
        }
    }

    @Test("has its share back within a minute where all get few requests")
    func recovery() {
        for few in [0.11, 0.12, 0.13, 0.14, 0.15] {
            let found = self.run(for: 180) { index, now in
                now < 20 ? 500 : index == 0 ? few : 1
            } slow: { index, now in
                index == 0 && (5..<20).contains(now) ? 300 : 0
            }
            #expect(found.keys.sorted() == [0])
            #expect((20...80).contains(found[0]?.upperBound ?? 0), "\(few) a second: \(found)")
        }
    }
}
