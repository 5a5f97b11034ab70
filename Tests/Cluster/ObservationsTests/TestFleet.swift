import MeshDissemination
import MeshPrimitives

@testable import MeshObservations

func node(_ number: Int) -> NodeID { NodeID(high: 0x6D65_7368, low: UInt64(number)) }

func target(_ number: Int) -> TargetID {
    TargetID(rawValue: SeededGenerator.mix(UInt64(number) &+ 1))
}

func instant(_ milliseconds: Int) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(milliseconds) * 1_000_000)
}

func down(isChecker: Bool = false) -> TargetVote {
    TargetVote(stance: .down, reason: 2, isChecker: isChecker, failures: 3)
}

func votes(_ targets: some Sequence<Int>, isChecker: Bool = false) -> ObserverVotes {
    var votes = ObserverVotes()
    for number in targets { votes.votes[target(number)] = down(isChecker: isChecker) }
    return votes
}

/// Nodes that talk over a network whose faults can be set, in virtual time.
///
/// Of a large fleet some nodes may stand for all: what they send to one that is only a name reaches
/// one of them instead.
struct TestFleet {
    /// What a path carries.
    struct Network {
        var latency: Duration = .milliseconds(1)
        var loss = 0.0
        var carriesDatagrams = true
        var carriesStreams = true
    }

    private enum Event {
        case wake(Int, number: Int)
        case message(ObservationMessage, from: Int, to: Int)
    }

    private struct Slot {
        let at: MonotonicInstant
        let order: Int
        let event: Event
    }

    var tables: [ObservationTable]
    var network = Network()
    /// Nodes that send and receive nothing.
    var dead: Set<Int> = []
    private(set) var changes: [[NodeID: ObservationAspects]]
    private(set) var largestDatagram = 0
    private(set) var now = instant(0)
    private var heap: [Slot] = []
    private var order = 0
    private var wakes: [Int]
    private var generator = SeededGenerator(seed: 11)
    private let peers: [Peer]

    init(
        _ count: Int,
        running: Int? = nil,
        regions: [String] = ["eu"],
        _ configuration: ObservationConfiguration = ObservationConfiguration()
    ) {
        let running = running ?? count
        let peers = (0..<count).map {
            Peer(id: node($0), region: regions[$0 % regions.count])
        }
        var generator = SeededGenerator(seed: 5)
        self.peers = peers
        self.tables = (0..<running).map { index in
            ObservationTable(
                configuration: configuration,
                node: node(index),
                region: peers[index].region,
                boot: 3,
                generator: generator.split(),
                at: instant(0)
            )
        }
        self.wakes = Array(repeating: 0, count: running)
        self.changes = Array(repeating: [:], count: running)
    }

    /// Makes nodes known to each other: all to all, or only some.
    mutating func meet(_ indices: Range<Int>? = nil) {
        let peers = (indices ?? self.peers.indices).map { self.peers[$0] }
        for index in indices ?? self.tables.indices {
            self.step(index) { $0.setPeers(peers, at: $1) }
        }
    }

    mutating func step(
        _ index: Int,
        _ action: (inout ObservationTable, MonotonicInstant) -> [ObservationTable.Effect]
    ) {
        let now = self.now
        for effect in action(&self.tables[index], now) { self.perform(effect, at: index) }
    }

    /// Runs until a moment, or until `isDone` holds; returns whether it did.
    @discardableResult
    mutating func run(
        for duration: Duration,
        until isDone: (TestFleet) -> Bool = { _ in false }
    ) -> Bool {
        let end = self.now.advanced(by: duration)
        while let next = self.heap.first, next.at <= end {
            self.pop()
            self.now = max(self.now, next.at)
            self.deliver(next.event)
            if isDone(self) { return true }
        }
        self.now = end
        return isDone(self)
    }

    /// Bytes a node has sent, both ways together.
    func sentByteCount(of index: Int) -> Int {
        let counters = self.tables[index].counters
        return Int(counters.datagramBytes + counters.streamBytes)
    }

    mutating func forgetChanges() {
        self.changes = Array(repeating: [:], count: self.tables.count)
    }

    private mutating func deliver(_ event: Event) {
        switch event {
        case .wake(let index, let number):
            guard self.wakes[index] == number, !self.dead.contains(index) else { return }
            self.step(index) { $0.wake(at: $1) }
        case .message(let message, let source, let index):
            guard !self.dead.contains(index) else { return }
            self.step(index) { $0.receive(message, from: node(source), at: $1) }
        }
    }

    private mutating func perform(_ effect: ObservationTable.Effect, at index: Int) {
        switch effect {
        case .changed(let owner, let aspects):
            self.changes[index][owner, default: []].formUnion(aspects)
        case .wake(let instant):
            self.wakes[index] += 1
            self.push(.wake(index, number: self.wakes[index]), at: max(instant, self.now))
        case .send(let message, let peer, let path):
            var target = Int(peer.low)
            while target >= self.tables.count || target == index {
                target = self.generator.next(below: self.tables.count)
            }
            let isCarried =
                switch path {
                case .datagram:
                    self.network.carriesDatagrams
                        && self.generator.nextUnit() >= self.network.loss
                case .stream: self.network.carriesStreams
                }
            if path == .datagram {
                self.largestDatagram = max(self.largestDatagram, message.wireByteCount)
            }
            guard isCarried, !self.dead.contains(index) else { return }
            let delay = self.network.latency * (0.5 + self.generator.nextUnit())
            self.push(
                .message(message, from: index, to: target),
                at: self.now.advanced(by: delay)
            )
        }
    }

    private mutating func push(_ event: Event, at instant: MonotonicInstant) {
        self.order += 1
        self.heap.append(Slot(at: instant, order: self.order, event: event))
        var child = self.heap.count - 1
        while child > 0, self.isSooner(child, (child - 1) / 2) {
            self.heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func pop() {
        self.heap.swapAt(0, self.heap.count - 1)
        self.heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < self.heap.count && self.isSooner(child, least) {
                least = child
            }
            guard least != parent else { return }
            self.heap.swapAt(parent, least)
            parent = least
        }
    }

    private func isSooner(_ left: Int, _ right: Int) -> Bool {
        (self.heap[left].at, self.heap[left].order) < (self.heap[right].at, self.heap[right].order)
    }
}
