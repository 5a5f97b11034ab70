import Glibc
import MeshPrimitives
import Testing

@testable import MeshBalancing

@Suite("A region with more requests than it bears")
struct BearableLoadTests {
    /// Two regions of four targets, eight places each, that answer in the order of requests.
    private struct Fleet {
        var balancers: [Balancer]
        var generator = SeededGenerator(seed: 11)
        /// When each place is free, by target, in milliseconds.
        var free = Array(repeating: Array(repeating: 0.0, count: 8), count: 8)
        var running: [(end: Double, target: Int, begun: Double, worker: Int)] = []
        var now = 0.0

        init(workers: Int = 1, open: Set<Int> = [0, 1]) {
            self.balancers = (0..<workers).map { _ in Self.balancer(open) }
        }

        static func balancer(_ open: Set<Int>) -> Balancer {
            let balancer = Balancer(
                algorithm: .leastConnections,
                targets: targets(
                    Array(repeating: 1, count: 8),
                    groups: [0, 0, 0, 0, 1, 1, 1, 1]
                ),
                seed: 3
            )
            balancer.setShares([1_000, 0], open: open)
            return balancer
        }

        private mutating func exponential(_ mean: Double) -> Double {
            let part = Double(self.generator.next(below: 1 << 30)) + 1
            return -mean * log(part / Double(1 << 30))
        }

        private mutating func finish() {
            for one in self.running where one.end <= self.now {
                let balancer = self.balancers[one.worker]
                balancer.answered(
                    microseconds: Int64((one.end - one.begun) * 1_000),
                    at: one.target,
                    now: Int64(self.now)
                )
                balancer.awaits(-1, at: one.target)
                balancer.ended(one.target)
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
                let worker = self.generator.next(below: self.balancers.count)
                let target = self.balancers[worker].pick(hash: 0, tried: TriedTargets())
                counts[target] += 1
                self.balancers[worker].began(target)
                self.balancers[worker].awaits(1, at: target)
                let free = self.free[target]
                let place = free.indices.min { free[$0] < free[$1] } ?? 0
                let start = max(self.now, self.free[target][place])
                let done = start + self.exponential(service(target))
                self.free[target][place] = done
                self.running.append((done, target, self.now, worker))
                times.append(done - self.now)
            }
            let overflows = self.balancers.reduce(0) { sum, balancer in
                (0..<8).reduce(sum) { $0 + Int(balancer.takeOverflows(at: $1)) }
            }
            return (counts, times.sorted(), overflows)
        }
    }

    private static func west(_ counts: [Int]) -> Double {
        Double(counts[4...].reduce(0, +)) / Double(counts.reduce(0, +))
    }

    @Test("sends away what it does not bear, and no answer waits long")
    func spills() {
        var fleet = Fleet()
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
        _ = fleet.run(rate: 1.9, milliseconds: 2_000)
        _ = fleet.run(rate: 3.84, milliseconds: 100_000)
        let busy = fleet.run(rate: 3.84, milliseconds: 4_000)
        #expect((0.15...0.4).contains(Self.west(busy.counts)), "\(busy.counts)")
        #expect(busy.times[busy.times.count / 2] <= 20, "\(busy.times[busy.times.count / 2])")
    }

    @Test("finds what it bears within seconds when all begins in an overload")
    func begins() {
        var fleet = Fleet()
        _ = fleet.run(rate: 3.84, milliseconds: 14_000)
        let busy = fleet.run(rate: 3.84, milliseconds: 4_000)
        #expect((0.1...0.4).contains(Self.west(busy.counts)), "\(busy.counts)")
        #expect(busy.times[busy.times.count / 2] <= 20, "\(busy.times[busy.times.count / 2])")
        #expect(busy.times[busy.times.count * 99 / 100] <= 90)
    }

    @Test("keeps its requests while no other region may take them")
    func closed() {
        var fleet = Fleet(open: [])
        _ = fleet.run(rate: 1.9, milliseconds: 2_000)
        let busy = fleet.run(rate: 3.84, milliseconds: 1_000)
        #expect(busy.counts[4...].allSatisfy { $0 == 0 })
        #expect(busy.overflows == 0)
    }

    @Test("keeps its requests when answers just vary, or only few are there")
    func varies() {
        var fleet = Fleet()
        // One request in ten takes fifty times as long as the others.
        var turn = 0
        let mixed = fleet.run(rate: 0.3, milliseconds: 60_000) { _ in
            turn += 1
            return turn % 10 == 0 ? 100 : 2
        }
        #expect(Self.west(mixed.counts) < 0.01, "\(mixed.counts)")
    }

    @Test("keeps its requests when what is quick takes some times as long")
    func quick() {
        var fleet = Fleet()
        _ = fleet.run(rate: 1.9, milliseconds: 3_000) { _ in 0.5 }
        let slower = fleet.run(rate: 1.9, milliseconds: 3_000) { $0 < 4 ? 4 : 0.5 }
        #expect(slower.overflows == 0, "\(slower.counts)")
        let full = fleet.run(rate: 3.84, milliseconds: 3_000) { $0 < 4 ? 10 : 0.5 }
        #expect(full.overflows > 0, "it queues")
    }

    @Test("still does with many workers, of which each sees a part of the load")
    func workers() {
        var fleet = Fleet(workers: 8)
        _ = fleet.run(rate: 1.9, milliseconds: 10_000)
        _ = fleet.run(rate: 3.84, milliseconds: 90_000)
        let busy = fleet.run(rate: 3.84, milliseconds: 5_000)
        #expect((0.1...0.5).contains(Self.west(busy.counts)), "\(busy.counts)")
        #expect(busy.times[busy.times.count / 2] <= 25, "\(busy.times[busy.times.count / 2])")
    }

    @Test("keeps what it has learned when its targets change")
    func changes() {
        var fleet = Fleet()
        _ = fleet.run(rate: 1.9, milliseconds: 3_000)
        _ = fleet.run(rate: 3.84, milliseconds: 4_000)
        let new = Fleet.balancer([0, 1])
        new.learn(from: fleet.balancers[0])
        for target in 0..<8 {
            let running = fleet.running.count { $0.target == target }
            new.setInFlight(running, at: target)
            new.awaits(running, at: target)
        }
        fleet.balancers[0] = new
        let busy = fleet.run(rate: 3.84, milliseconds: 2_000)
        #expect(Self.west(busy.counts) > 0.1, "\(busy.counts)")
        #expect(busy.times[busy.times.count / 2] <= 20, "\(busy.times[busy.times.count / 2])")
    }

    @Test("is not kept empty by connections that stay, whatever a pause made it learn")
    func connections() {
        var fleet = Fleet()
        _ = fleet.run(rate: 1.9, milliseconds: 3_000)
        for _ in 0..<5_000 { fleet.balancers[0].began(0) }
        let pause = fleet.run(rate: 1.9, milliseconds: 1_000) { $0 < 4 ? 40 : 10 }
        #expect(pause.overflows > 0, "it has learned something")
        _ = fleet.run(rate: 1.0, milliseconds: 15_000)
        let after = fleet.run(rate: 1.0, milliseconds: 3_000)
        #expect(Self.west(after.counts) < 0.01, "\(after.counts)")
    }

    @Test("takes everything back a while after it was slow, even when few requests come")
    func fewRequests() {
        var fleet = Fleet()
        _ = fleet.run(rate: 0.6, milliseconds: 5_000) { _ in 5 }
        let slow = fleet.run(rate: 0.6, milliseconds: 3_000) { $0 < 4 ? 50 : 5 }
        #expect(slow.overflows > 0, "it has learned something")
        _ = fleet.run(rate: 0.01, milliseconds: 30_000) { _ in 5 }
        let after = fleet.run(rate: 0.6, milliseconds: 3_000) { _ in 5 }
        #expect(Self.west(after.counts) < 0.01, "\(after.counts)")
    }
}
