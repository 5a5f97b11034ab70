import MeshPrimitives

@testable import MeshCounters

/// Some nodes and a network that delays, loses and parts, in virtual milliseconds; a run is a function
/// of its seed.
struct CounterSimulation {
    private struct Flight {
        let effect: MeshCounters.Effect
        let from: Int
        let at: Int64
    }

    private(set) var nodes: [MeshCounters]
    /// What each node has counted itself, as the workers' table has it.
    private var counts: [[CounterWindow: UInt32]]
    /// What each node knew last of each key, as the workers see it.
    private var standings: [[UInt64: (end: UInt32, standing: CounterStanding)]]
    let ids: [NodeID]
    private(set) var now: Int64 = 0
    private var flights: [Flight] = []
    private var generator: SeededGenerator
    private let delay: Int
    /// Of a thousand messages so many are lost.
    var loss = 0
    /// Nodes that do nothing any more.
    var dead: Set<Int> = []
    /// The side of each node; messages between sides are lost.
    var sides: [Int]

    init(nodes count: Int, seed: UInt64, delay: Int = 3) {
        self.ids = (0..<count).map { NodeID(high: 7, low: UInt64($0) &* 0x9E37_79B9) }
        self.nodes = self.ids.map { MeshCounters(own: $0) }
        self.counts = .init(repeating: [:], count: count)
        self.standings = .init(repeating: [:], count: count)
        self.generator = SeededGenerator(seed: seed)
        self.delay = delay
        self.sides = .init(repeating: 0, count: count)
        for index in self.nodes.indices { self.nodes[index].setMembers(self.ids) }
    }

    /// Lets every node that is alive, and on a side, know who else is there.
    mutating func learnMembers() {
        for index in self.nodes.indices where !self.dead.contains(index) {
            let alive = self.ids.indices.filter { other in
                !self.dead.contains(other) && self.sides[other] == self.sides[index]
            }
            self.nodes[index].setMembers(alive.map { self.ids[$0] })
        }
    }

    /// A window of the second at hand.
    func window(of key: UInt64 = 42, seconds: Int64 = 1) -> CounterWindow {
        CounterWindow(key: key, end: UInt32((self.now / 1_000 / seconds + 1) * seconds))
    }

    /// What a worker does: it decides by what it was told and counts at once.
    mutating func take(_ node: Int, _ window: CounterWindow, limit: UInt32) -> Bool {
        let own = self.counts[node][window] ?? 0
        let standing = self.standing(node, window)
        guard standing.allows(own: own, limit: limit, at: self.now) else { return false }
        self.counts[node][window] = own + 1
        self.nodes[node].note(own + 1, in: window, limit: limit, at: self.now)
        return true
    }

    func estimate(_ node: Int, _ window: CounterWindow) -> UInt32 {
        self.standing(node, window)
            .estimate(own: self.counts[node][window] ?? 0, at: self.now)
    }

    private func standing(_ node: Int, _ window: CounterWindow) -> CounterStanding {
        guard let known = self.standings[node][window.key] else { return CounterStanding() }
        return known.end == window.end ? known.standing : known.standing.next(at: self.now)
    }

    private mutating func publish(_ node: Int) {
        for (window, standing) in self.nodes[node].takeLearned() {
            self.standings[node][window.key] = (window.end, standing)
        }
    }

    mutating func receive(_ report: CounterReport, at node: Int, from sender: NodeID) {
        self.nodes[node].receive(report, from: sender)
    }

    mutating func receive(_ totals: CounterTotals, at node: Int, from sender: NodeID) {
        self.nodes[node].receive(totals, from: sender, at: self.now)
        self.publish(node)
    }

    /// Goes on by a millisecond; every node ticks each 50 ms, in a phase of its own.
    mutating func step() {
        self.now += 1
        let arrived = self.flights.filter { $0.at <= self.now }
        self.flights.removeAll { $0.at <= self.now }
        for flight in arrived { self.deliver(flight) }
        for index in self.nodes.indices where !self.dead.contains(index) {
            guard (self.now + Int64(index * 11)) % 50 == 0 else { continue }
            let second = UInt32(self.now / 1_000)
            let effects = self.nodes[index].tick(at: self.now, second: second)
            self.publish(index)
            for effect in effects {
                guard self.generator.next(below: 1_000) >= self.loss else { continue }
                let delay = 1 + self.generator.next(below: self.delay)
                self.flights.append(
                    Flight(effect: effect, from: index, at: self.now + Int64(delay))
                )
            }
        }
    }

    private mutating func deliver(_ flight: Flight) {
        let target =
            switch flight.effect {
            case .report(_, let node), .totals(_, let node): self.ids.firstIndex(of: node)
            }
        guard let target, !self.dead.contains(target),
            self.sides[target] == self.sides[flight.from]
        else { return }
        switch flight.effect {
        case .report(let report, _):
            self.nodes[target].receive(report, from: self.ids[flight.from])
        case .totals(let totals, _):
            self.nodes[target].receive(totals, from: self.ids[flight.from], at: self.now)
            self.publish(target)
        }
    }

    mutating func run(milliseconds: Int) { for _ in 0..<milliseconds { self.step() } }

    /// A number below a bound, of the run's own.
    mutating func draw(below bound: Int) -> Int { self.generator.next(below: bound) }
}
