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

    mutating func take(_ node: Int, _ window: CounterWindow, limit: UInt32) -> Bool {
        self.nodes[node].take(window, limit: limit, at: self.now)
    }

    func estimate(_ node: Int, _ window: CounterWindow) -> UInt32 {
        self.nodes[node].estimate(of: window, at: self.now)
    }

    mutating func receive(_ report: CounterReport, at node: Int, from sender: NodeID) {
        self.nodes[node].receive(report, from: sender)
    }

    mutating func receive(_ totals: CounterTotals, at node: Int, from sender: NodeID) {
        self.nodes[node].receive(totals, from: sender, at: self.now)
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
            for effect in self.nodes[index].tick(at: self.now, second: second) {
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
        }
    }

    mutating func run(milliseconds: Int) { for _ in 0..<milliseconds { self.step() } }

    /// A number below a bound, of the run's own.
    mutating func draw(below bound: Int) -> Int { self.generator.next(below: bound) }
}
