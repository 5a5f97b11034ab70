import MeshPrimitives
import Testing

@testable import MeshCounters

@Suite("Counters of the fleet")
struct MeshCountersTests {
    @Test(
        "agree on the sum of what all have counted, whatever was lost on the way",
        arguments: 1...8
    )
    func convergence(seed: Int) {
        var simulation = CounterSimulation(nodes: 5, seed: UInt64(seed), delay: 40)
        simulation.loss = 300
        let window = CounterWindow(key: UInt64(seed), end: 1_000)
        var sum: UInt32 = 0
        for _ in 0..<2_000 {
            simulation.step()
            let node = simulation.draw(below: 5)
            if simulation.draw(below: 3) == 0, simulation.take(node, window, limit: .max) {
                sum += 1
            }
        }
        simulation.loss = 0
        simulation.run(milliseconds: 2_000)
        for node in 0..<5 {
            // Whoever counted last is told last; a look by counting brings all up to date.
            let isTaken = simulation.take(node, window, limit: .max)
            #expect(isTaken)
            sum += 1
        }
        simulation.run(milliseconds: 1_500)
        for node in 0..<5 { #expect(simulation.estimate(node, window) == sum) }
    }

    /// Requests admitted in each of ten seconds under a limit of 1,000 a second.
    private func admitted(
        _ shares: [Int],
        seed: UInt64,
        each: (inout CounterSimulation) -> Void = { _ in }
    ) -> [Int] {
        var simulation = CounterSimulation(nodes: 5, seed: seed)
        var admitted = [Int](repeating: 0, count: 12)
        let whole = shares.reduce(0, +)
        while simulation.now < 11_999 {
            simulation.step()
            each(&simulation)
            // Two requests a millisecond, twice the limit.
            for _ in 0..<2 {
                var draw = simulation.draw(below: whole)
                let node = shares.firstIndex { share in
                    draw -= share
                    return draw < 0
                }
                guard let node, !simulation.dead.contains(node) else { continue }
                if simulation.take(node, simulation.window(), limit: 1_000) {
                    admitted[Int(simulation.now / 1_000)] += 1
                }
            }
        }
        return Array(admitted[2...])
    }

    @Test(
        "hold a limit within 2 % over ten seconds, however the load is spread",
        arguments: [[1, 1, 1, 1, 1], [5, 0, 0, 0, 0], [3, 1, 1, 0, 0]]
    )
    func spread(shares: [Int]) {
        for seed in 1...3 {
            let sum = self.admitted(shares, seed: UInt64(seed)).reduce(0, +)
            #expect((9_800...10_200).contains(sum), "admitted \(sum) of 10,000")
        }
    }

    @Test("pass a limit by no more than one node's share when any one node dies", arguments: 0..<5)
    func death(victim: Int) {
        let seconds = self.admitted([1, 1, 1, 1, 1], seed: 9) { simulation in
            if simulation.now == 5_300 { simulation.dead.insert(victim) }
            // Membership tells it two seconds later.
            if simulation.now == 7_300 { simulation.learnMembers() }
        }
        for count in seconds { #expect(count <= 1_200, "admitted \(seconds)") }
        let sum = seconds.reduce(0, +)
        #expect((9_600...10_400).contains(sum), "admitted \(seconds)")
    }

    @Test(
        "never fall back when their owner dies: the one in waiting knows the sum",
        arguments: 1...6
    )
    func succession(seed: Int) {
        var simulation = CounterSimulation(nodes: 5, seed: UInt64(seed))
        let window = CounterWindow(key: UInt64(seed) &* 77, end: 1_000)
        for round in 0..<400 {
            simulation.step()
            _ = simulation.take(round % 5, window, limit: 1_000)
        }
        simulation.run(milliseconds: 1_300)
        let owner = CounterOwners(simulation.ids).owners(of: window.key).first
        let victim = simulation.ids.firstIndex { $0 == owner } ?? 0
        simulation.dead.insert(victim)
        simulation.learnMembers()
        for node in 0..<5 where node != victim {
            #expect(simulation.estimate(node, window) >= 400)
            let isTaken = simulation.take(node, window, limit: 1_000)
            #expect(isTaken)
        }
        simulation.run(milliseconds: 1_500)
        for node in 0..<5 where node != victim {
            #expect(simulation.estimate(node, window) == 404)
        }
    }

    /// More windows than one tick tells of, all of them far from their limits.
    private static let idle = (1...5_000).map { CounterWindow(key: UInt64($0), end: 1_000) }
    private static let busy = CounterWindow(key: .max, end: 1_000)

    @Test("tell new owners what is nearly used up before all that is not")
    func retelling() {
        let ids = (1...3).map { NodeID(high: 7, low: UInt64($0)) }
        var counters = MeshCounters(own: ids[0])
        counters.setMembers(ids)
        for window in Self.idle { counters.note(1, in: window, limit: 1_000_000, at: 0) }
        counters.note(990, in: Self.busy, limit: 1_000, at: 0)
        for tick in 1...100 { _ = counters.tick(at: Int64(tick) * 50, second: 5) }

        counters.setMembers([ids[0], ids[1]])
        let told = counters.tick(at: 5_050, second: 5).contains { effect in
            guard case .report(let report, to: ids[1]) = effect else { return false }
            return report.entries.contains { $0.window == Self.busy && $0.own == 990 }
        }
        #expect(told)
    }

    @Test("announce what is nearly used up before all that is not")
    func announcing() {
        let ids = (1...2).map { NodeID(high: 7, low: UInt64($0)) }
        var counters = MeshCounters(own: ids[0])
        counters.setMembers(ids)
        counters.note(500, in: Self.busy, limit: 1_000, at: 0)
        for window in Self.idle + [Self.busy] {
            let entry = CounterReport.Entry(window: window, own: 400, known: 400)
            counters.receive(CounterReport(entries: [entry]), from: ids[1])
        }
        var announced: [Int] = []
        for tick in 1...10 {
            for case .totals(let totals, to: ids[1]) in counters.tick(
                at: Int64(tick) * 50,
                second: 5
            ) where totals.entries.contains(where: { $0.window == Self.busy && $0.total == 900 }) {
                announced.append(tick)
            }
        }
        #expect(announced.first == 1)
        #expect(announced.count <= 3, "told once, and twice more as a sum that stays")
    }

    /// An owner that counts some windows itself, and the one that reports to it.
    private func owner(of windows: [CounterWindow]) -> (counters: MeshCounters, peer: NodeID) {
        let ids = (1...2).map { NodeID(high: 7, low: UInt64($0)) }
        var counters = MeshCounters(own: ids[0])
        counters.setMembers(ids)
        for window in windows { counters.note(1, in: window, limit: 1_000_000, at: 0) }
        return (counters, ids[1])
    }

    @Test("keep at most one entry in each list for a window, however often it changes")
    func growth() {
        var (counters, peer) = self.owner(of: Self.idle)
        var own: UInt32 = 1
        var most = 0
        for tick in 1...60 {
            // A small change, and a large one that passes it.
            for step in [1, 40_000] as [UInt32] {
                own += step
                for window in Self.idle {
                    let entry = CounterReport.Entry(window: window, own: own, known: own)
                    counters.receive(CounterReport(entries: [entry]), from: peer)
                }
            }
            _ = counters.tick(at: Int64(tick) * 50, second: 5)
            most = max(most, counters.announcementCount)
        }
        #expect(most <= 3 * Self.idle.count)
    }

    @Test("keep no entries of windows that are over")
    func stale() {
        // More than can be told of, in new windows every second.
        let (perTick, ticks) = (1_300, 20)
        var (counters, peer) = self.owner(of: [])
        var most = 0
        for tick in 0..<120 {
            let now = Int64(tick) * 50
            let second = UInt32(tick / ticks) + 1
            let first = tick % ticks * perTick
            for key in first..<(first + perTick) {
                let window = CounterWindow(key: UInt64(key), end: second)
                counters.note(1, in: window, limit: 1, at: now)
                let entry = CounterReport.Entry(window: window, own: 1, known: 1)
                counters.receive(CounterReport(entries: [entry]), from: peer)
            }
            _ = counters.tick(at: now, second: second)
            most = max(most, counters.announcementCount)
        }
        // Those of two seconds, in two lists.
        #expect(most <= 2 * 2 * ticks * perTick)
    }

    @Test("announce some of what is not nearly used up, however much is")
    func fairness() {
        var (counters, peer) = self.owner(of: Self.idle)
        let quiet = CounterWindow(key: .max - 1, end: 1_000)
        func report(_ window: CounterWindow, _ own: UInt32) {
            let entry = CounterReport.Entry(window: window, own: own, known: own)
            counters.receive(CounterReport(entries: [entry]), from: peer)
        }
        report(quiet, 1)
        var isAnnounced = false
        for tick in 1...20 {
            for window in Self.idle { report(window, UInt32(tick) * 40_000) }
            for case .totals(let totals, to: peer) in counters.tick(
                at: Int64(tick) * 50,
                second: 5
            ) where totals.entries.contains(where: { $0.window == quiet }) {
                isAnnounced = true
            }
        }
        #expect(isAnnounced)
    }

    @Test("count on through a partition, and put both sides together behind it")
    func partition() {
        var simulation = CounterSimulation(nodes: 4, seed: 3)
        let window = CounterWindow(key: 5, end: 1_000)
        for round in 0..<100 {
            simulation.step()
            _ = simulation.take(round % 4, window, limit: 1_000)
        }
        simulation.run(milliseconds: 1_500)
        simulation.sides = [0, 0, 1, 1]
        simulation.learnMembers()
        for round in 0..<200 {
            simulation.step()
            _ = simulation.take(round % 4, window, limit: 1_000)
            #expect(simulation.estimate(round % 4, window) >= 100)
        }
        simulation.run(milliseconds: 1_500)
        #expect(simulation.estimate(0, window) == 200)
        #expect(simulation.estimate(3, window) == 200)
        simulation.sides = [0, 0, 0, 0]
        simulation.learnMembers()
        for node in 0..<4 {
            let isTaken = simulation.take(node, window, limit: 1_000)
            #expect(isTaken)
        }
        simulation.run(milliseconds: 1_500)
        for node in 0..<4 { #expect(simulation.estimate(node, window) == 304) }
    }

    @Test("take any number that a peer may send without trapping")
    func hostile() {
        var simulation = CounterSimulation(nodes: 2, seed: 1)
        let window = CounterWindow(key: 1, end: .max)
        let isFirst = simulation.take(0, window, limit: 10)
        #expect(isFirst)
        let report = CounterReport(
            entries: [
                CounterReport.Entry(window: window, own: .max, known: .max),
                CounterReport.Entry(window: CounterWindow(key: 0, end: 0), own: 0, known: .max),
            ]
        )
        simulation.receive(report, at: 0, from: simulation.ids[1])
        simulation.receive(
            CounterTotals(entries: [
                CounterTotals.Entry(window: window, total: 0, included: .max, floor: 0, sharers: 0),
                CounterTotals.Entry(
                    window: window,
                    total: .max,
                    included: 0,
                    floor: .max,
                    sharers: .max
                ),
            ]),
            at: 0,
            from: simulation.ids[1]
        )
        #expect(simulation.estimate(0, window) == .max)
        let isTaken = simulation.take(0, window, limit: .max)
        #expect(!isTaken)
        simulation.run(milliseconds: 200)
    }

    @Test("send nothing when nothing is counted, and little for much that is")
    func traffic() {
        let ids = (0..<5).map { NodeID(high: 1, low: UInt64($0)) }
        var counters = MeshCounters(own: ids[0])
        counters.setMembers(ids)
        for tick in 0..<10 { #expect(counters.tick(at: Int64(tick) * 50, second: 1).isEmpty) }
        for key in 0..<1_000 {
            let window = CounterWindow(key: UInt64(key) &* 0x9E37_79B9, end: 100)
            counters.note(1, in: window, limit: 9, at: 500)
        }
        let entries = counters.tick(at: 550, second: 1).map { effect in
            switch effect {
            case .report(let report, _): report.entries.count
            case .totals(let totals, _): totals.entries.count
            }
        }
        #expect(entries.reduce(0, +) <= 2_000)
        #expect(entries.allSatisfy { $0 <= MeshCounters.messageLimit })
    }

    @Test("tell at once while little is left of a limit, and small counts a second later")
    func urgency() {
        let ids = (0..<5).map { NodeID(high: 1, low: UInt64($0)) }
        var counters = MeshCounters(own: ids[0])
        counters.setMembers(ids)
        let key = (0..<100).map { UInt64($0) }.first { key in
            let owners = CounterOwners(ids).owners(of: key)
            return owners.first != ids[0] && owners.second != ids[0]
        }
        let window = CounterWindow(key: key ?? 0, end: 100)
        counters.note(1, in: window, limit: 1_000_000, at: 0)
        // That it counts at all is told at once.
        #expect(counters.tick(at: 50, second: 1).count == 2)
        for tick in 2...5 { _ = counters.tick(at: Int64(tick) * 50, second: 1) }
        counters.note(2, in: window, limit: 1_000_000, at: 250)
        let heard = CounterTotals.Entry(
            window: window,
            total: 2,
            included: 2,
            floor: 2,
            sharers: 1
        )
        counters.receive(CounterTotals(entries: [heard]), from: ids[1], at: 260)
        var quiet = 0
        for tick in 6..<40 {
            guard counters.tick(at: Int64(tick) * 50, second: 1).isEmpty else { break }
            quiet += 1
        }
        #expect((15...20).contains(quiet), "told after \(quiet) ticks")
        counters.note(999_999, in: window, limit: 1_000_000, at: 3_000)
        #expect(counters.tick(at: 3_050, second: 1).count == 2)
    }

    @Test("send a bounded number of entries in a tick, however many keys are counted")
    func bound() {
        let ids = (0..<5).map { NodeID(high: 1, low: UInt64($0)) }
        var counters = MeshCounters(own: ids[0])
        counters.setMembers(ids)
        var reported: Set<UInt64> = []
        for key in 0..<10_000 {
            let window = CounterWindow(key: UInt64(key) &* 0x9E37_79B9, end: 100)
            counters.note(1, in: window, limit: 9, at: 0)
        }
        for tick in 1...40 {
            var count = 0
            for case .report(let report, _) in counters.tick(at: Int64(tick) * 50, second: 1) {
                count += report.entries.count
                reported.formUnion(report.entries.map(\.window.key))
            }
            #expect(count <= MeshCounters.reportLimit + 1)
        }
        // All but those that this node owns alone with nobody: every key has two owners.
        #expect(reported.count == 10_000)
    }
}

@Suite("Owners of counters")
struct CounterOwnersTests {
    private let ids = (0..<6).map { NodeID(high: UInt64($0), low: 99) }

    @Test("are the same whatever order the nodes are known in, and two of them differ")
    func agreement() {
        for key in 0..<200 {
            let owners = CounterOwners(self.ids).owners(of: UInt64(key))
            let others = CounterOwners(self.ids.reversed()).owners(of: UInt64(key))
            #expect(owners == others)
            #expect(owners.first != owners.second)
        }
        #expect(CounterOwners([]).owners(of: 1) == (nil, nil))
    }

    @Test("move only with a node that goes, to the one in waiting")
    func movement() {
        let before = CounterOwners(self.ids)
        let after = CounterOwners(Array(self.ids.dropLast()))
        for key in 0..<500 {
            let owners = before.owners(of: UInt64(key))
            let next = after.owners(of: UInt64(key)).first
            #expect(next == (owners.first == self.ids[5] ? owners.second : owners.first))
        }
    }
}
