import MeshPrimitives
import Testing

@testable import MeshHealth

/// One node, and targets of one upstream that get requests by unequal weights.
@Suite("A target that answers slowly")
struct SlowTargetTests {
    private let targets = (1...3).map { index in
        HealthTarget(
            id: TargetID(rawValue: UInt64(index) << 40),
            upstream: "api",
            name: "t\(index):80",
            endpoint: Endpoint(address: .v4(0x7F00_0000 + UInt32(index)), port: 80),
            region: "eu"
        )
    }

    /// Lets targets answer at a rate each, by default in 10 ms, for 15 s.
    ///
    /// - Parameters:
    ///   - rates: answers per second, by target.
    ///   - slow: how many milliseconds a target takes longer, by target and second.
    /// - Returns: by target, the second at which it was found slow.
    private func run(
        _ rates: [Int],
        slow: (Int, Double) -> UInt64
    ) -> [Int: Double] {
        var machine = HealthMachine(
            node: HealthPeer(id: NodeID(high: 0, low: 1), region: "eu"),
            timing: HealthTiming()
        )
        let upstream = HealthUpstream(settings: HealthSettings(), targets: self.targets)
        _ = machine.configure([upstream], at: MonotonicInstant(nanoseconds: 0))
        var found: [Int: Double] = [:]
        for tick in 1..<1_500 {
            let now = MonotonicInstant(nanoseconds: Int64(tick) * 10_000_000)
            for (index, rate) in rates.enumerated() {
                let count = tick * rate / 100 - (tick - 1) * rate / 100
                guard count > 0 else { continue }
                var seen = TargetObservation(id: self.targets[index].id)
                seen.statuses = [.init(status: 200, count: UInt32(count))]
                let extra = slow(index, Double(tick) / 100)
                seen.latencySteps =
                    UInt64(count) * LatencyLogarithm.step(microseconds: 10_000 + extra * 1_000)
                _ = machine.observe([seen], at: now)
            }
            guard tick % 5 == 0 else { continue }
            for view in machine.views(at: now) where view.stage == .slow {
                let index = self.targets.firstIndex { $0.id == view.target.id } ?? -1
                if found[index] == nil { found[index] = Double(tick) / 100 }
            }
        }
        return found
    }

    @Test("is not blamed for what all share, whatever the weights", arguments: [0.7, 1.5, 4])
    func shared(seconds: Double) {
        for tenth in 0..<10 {
            let start = 5 + Double(tenth) / 10
            for rates in [[2_000, 20, 20], [2_000, 40, 20], [400, 4, 4], [500, 500, 500]] {
                let found = self.run(rates) { _, now in
                    (start..<(start + seconds)).contains(now) ? 300 : 0
                }
                #expect(found.isEmpty, "\(rates) from \(start): \(found)")
            }
        }
    }

    @Test("is found within a second among its like, and within three among rarely asked ones")
    func alone() {
        for tenth in 0..<10 {
            let start = 5 + Double(tenth) / 10
            let equal = self.run([500, 500, 500]) { $0 == 0 && $1 >= start ? 300 : 0 }
            #expect(equal.keys.sorted() == [0])
            #expect((equal[0] ?? 15) - start < 1, "\(equal) from \(start)")
            let heavy = self.run([2_000, 20, 20]) { $0 == 0 && $1 >= start ? 300 : 0 }
            #expect(heavy.keys.sorted() == [0])
            #expect((heavy[0] ?? 15) - start < 3, "\(heavy) from \(start)")
        }
    }
}
