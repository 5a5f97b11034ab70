import Glibc
import MeshPrimitives
import Testing

@testable import MeshBalancing

@Suite("A region with more requests than it bears")
struct BearableLoadTests {
    /// Two regions of four targets, eight places each, that answer in the order of requests.
    private struct Fleet {
        let balancer = Balancer(
            algorithm: .leastConnections,
            targets: targets(Array(repeating: 1, count: 8), groups: [0, 0, 0, 0, 1, 1, 1, 1]),
            seed: 3
        )
        var generator = SeededGenerator(seed: 11)
        /// When each place is free, by target, in milliseconds.
        var free = Array(repeating: Array(repeating: 0.0, count: 8), count: 8)
        var running: [(end: Double, target: Int, begun: Double)] = []
        var now = 0.0

        private mutating func exponential(_ mean: Double) -> Double {
            let part = Double(self.generator.next(below: 1 << 30)) + 1
            return -mean * log(part / Double(1 << 30))
        }

        private mutating func finish() {
            for one in self.running where one.end <= self.now {
                self.balancer.measured(
                    microseconds: Int64((one.end - one.begun) * 1_000),
                    isFailure: false,
                    at: one.target,
                    now: Int64(self.now)
                )
                self.balancer.ended(one.target)
            }
            self.running.removeAll { $0.end <= self.now }
        }

        /// Requests at a rate per millisecond, for so long, that take so long.
        ///
        /// - Returns: how many each target got, and what they took, in order.
        mutating func run(
            rate: Double,
            milliseconds: Double,
            service: (Int) -> Double = { _ in 10 }
        ) -> (counts: [Int], times: [Double], overflows: Int) {
            let end = self.now + milliseconds
            var counts = Array(repeating: 0, count: 8)
            var times: [Double] = []
            while self.now < end {
                self.now += self.exponential(1 / rate)
                self.finish()
                let target = self.balancer.pick(hash: 0, tried: TriedTargets())
                counts[target] += 1
                self.balancer.began(target)
                let free = self.free[target]
                let place = free.indices.min { free[$0] < free[$1] } ?? 0
                let start = max(self.now, self.free[target][place])
                let done = start + self.exponential(service(target))
                self.free[target][place] = done
                self.running.append((done, target, self.now))
                times.append(done - self.now)
            }
            let overflows = (0..<8).reduce(0) { $0 + Int(self.balancer.takeOverflows(at: $1)) }
            return (counts, times.sorted(), overflows)
        }
    }

    private static func west(_ counts: [Int]) -> Double {
        Double(counts[4...].reduce(0, +)) / Double(counts.reduce(0, +))
    }

    @Test("sends away what it does not bear, and no answer waits long")
    func spills() {
        var fleet = Fleet()
        fleet.balancer.setShares([1_000, 0], open: [0, 1])
        let calm = fleet.run(rate: 1.9, milliseconds: 3_000)
        #expect(calm.counts[4...].allSatisfy { $0 == 0 })
        _ = fleet.run(rate: 3.84, milliseconds: 2_000)
        let busy = fleet.run(rate: 3.84, milliseconds: 6_000)
        #expect((0.15...0.35).contains(Self.west(busy.counts)), "\(busy.counts)")
        #expect(busy.times[busy.times.count / 2] <= 20, "\(busy.times[busy.times.count / 2])")
        #expect(busy.times[busy.times.count * 99 / 100] <= 80)
        #expect(busy.overflows == busy.counts[4...].reduce(0, +))
        _ = fleet.run(rate: 1.9, milliseconds: 12_000)
        let after = fleet.run(rate: 1.9, milliseconds: 3_000)
        #expect(after.counts[4...].allSatisfy { $0 == 0 }, "it bears that again")
    }

    @Test("still sends away no more than that after a hundred seconds")
    func doesNotDrift() {
        var fleet = Fleet()
        fleet.balancer.setShares([1_000, 0], open: [0, 1])
        _ = fleet.run(rate: 1.9, milliseconds: 2_000)
        _ = fleet.run(rate: 3.84, milliseconds: 100_000)
        let busy = fleet.run(rate: 3.84, milliseconds: 4_000)
        #expect((0.15...0.4).contains(Self.west(busy.counts)), "\(busy.counts)")
        #expect(busy.times[busy.times.count / 2] <= 20, "\(busy.times[busy.times.count / 2])")
    }

    @Test("finds what it bears within seconds when all begins in an overload")
    func begins() {
        var fleet = Fleet()
        fleet.balancer.setShares([1_000, 0], open: [0, 1])
        _ = fleet.run(rate: 3.84, milliseconds: 8_000)
        let busy = fleet.run(rate: 3.84, milliseconds: 4_000)
        #expect((0.1...0.4).contains(Self.west(busy.counts)), "\(busy.counts)")
        #expect(busy.times[busy.times.count / 2] <= 20, "\(busy.times[busy.times.count / 2])")
        #expect(busy.times[busy.times.count * 99 / 100] <= 90)
    }

    @Test("keeps its requests while no other region may take them")
    func closed() {
        var fleet = Fleet()
        fleet.balancer.setShares([1_000, 0])
        _ = fleet.run(rate: 1.9, milliseconds: 2_000)
        let busy = fleet.run(rate: 3.84, milliseconds: 1_000)
        #expect(busy.counts[4...].allSatisfy { $0 == 0 })
        #expect(busy.overflows == 0)
    }

    @Test("keeps its requests when answers just vary, or only few are there")
    func varies() {
        var fleet = Fleet()
        fleet.balancer.setShares([1_000, 0], open: [0, 1])
        // One request in ten takes fifty times as long as the others.
        var turn = 0
        let mixed = fleet.run(rate: 0.3, milliseconds: 60_000) { _ in
            turn += 1
            return turn % 10 == 0 ? 100 : 2
        }
        #expect(Self.west(mixed.counts) < 0.01, "\(mixed.counts)")
    }

    @Test("takes it for usual within twenty seconds when answers take longer for another reason")
    func slower() {
        var fleet = Fleet()
        fleet.balancer.setShares([1_000, 0], open: [0, 1])
        _ = fleet.run(rate: 0.4, milliseconds: 5_000) { _ in 5 }
        let slow = fleet.run(rate: 0.4, milliseconds: 20_000) { $0 < 4 ? 25 : 5 }
        #expect(Self.west(slow.counts) > 0.01, "\(slow.counts)")
        let later = fleet.run(rate: 0.4, milliseconds: 5_000) { $0 < 4 ? 25 : 5 }
        #expect(Self.west(later.counts) < 0.05, "\(later.counts)")
    }
}
