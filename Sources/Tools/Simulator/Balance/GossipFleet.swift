import MeshDissemination
import MeshObservations
import MeshPrimitives
import MeshWire

/// Nodes that tell each other what they see of targets, in the real encoding, over a network that loses
/// a part; every byte is counted.
struct GossipFleet: TimedRun {
    enum Event {
        case wake(Int, number: Int)
        case deliver(ClusterMessage, from: Int, to: Int)
        case see
    }

    private struct Node {
        let peer: Peer
        var table: ObservationTable
        var wakes = 0
        var bytes = 0
    }

    /// Bytes that a seal, an envelope, UDP and IP add to a datagram.
    private static let envelope = 100

    var now = MonotonicInstant(nanoseconds: 0)
    /// Bytes that each node has sent since the last ``forget()``.
    var sent: [Int] { self.nodes.map(\.bytes) }
    /// What a node says of targets from a second on; `nil` as before.
    private let see: (Int, Int) -> ObserverVotes?
    private let loss: Int
    private var nodes: [Node] = []
    private var places: [NodeID: Int] = [:]
    var events = EventQueue<Event>()
    private var generator: SeededGenerator
    private var second = 0

    /// - Parameters:
    ///   - count: how many nodes, in two regions.
    ///   - loss: per cent of messages that are lost.
    ///   - configuration: how fast words travel.
    ///   - seed: what chance does.
    ///   - see: by node, then by second, what it says of targets from then on; `nil` as before.
    init(
        nodes count: Int,
        loss: Int,
        configuration: ObservationConfiguration,
        seed: UInt64,
        see: @escaping (Int, Int) -> ObserverVotes?
    ) {
        self.see = see
        self.loss = loss
        self.generator = SeededGenerator(seed: seed)
        for number in 0..<count {
            let peer = Peer(
                id: NodeID(high: 7, low: UInt64(number)),
                region: number % 2 == 0 ? "eu" : "us"
            )
            let table = ObservationTable(
                configuration: configuration,
                node: peer.id,
                region: peer.region,
                boot: 1,
                generator: self.generator.split(),
                at: self.now
            )
            self.places[peer.id] = number
            self.nodes.append(Node(peer: peer, table: table))
        }
        let peers = self.nodes.map(\.peer)
        for number in self.nodes.indices {
            self.step(number) { table, now in table.setPeers(peers, at: now) }
        }
        self.events.push(.see, at: self.now)
    }

    /// Counts from zero.
    mutating func forget() {
        for number in self.nodes.indices { self.nodes[number].bytes = 0 }
    }

    private mutating func step(
        _ number: Int,
        _ input: (inout ObservationTable, MonotonicInstant) -> [ObservationTable.Effect]
    ) {
        for effect in input(&self.nodes[number].table, self.now) {
            switch effect {
            case .send(let message, let peer, let path):
                guard let other = self.places[peer] else { continue }
                let message = ClusterMessage.observations(message)
                self.nodes[number].bytes += message.encoded.count + Self.envelope
                let isLost = path == .datagram && self.generator.next(below: 100) < self.loss
                guard !isLost else { continue }
                let delay = Duration.milliseconds(1 + Int64(self.generator.next(below: 80)))
                self.events.push(
                    .deliver(message, from: number, to: other),
                    at: self.now.advanced(by: delay)
                )
            case .changed: continue
            case .wake(let moment):
                self.nodes[number].wakes += 1
                self.events.push(
                    .wake(number, number: self.nodes[number].wakes),
                    at: max(moment, self.now)
                )
            }
        }
    }

    mutating func take(_ event: Event) {
        switch event {
        case .wake(let node, let number):
            guard self.nodes[node].wakes == number else { return }
            self.step(node) { table, now in table.wake(at: now) }
        case .deliver(.observations(let message), let from, let to):
            let sender = self.nodes[from].peer.id
            self.step(to) { table, now in table.receive(message, from: sender, at: now) }
        case .deliver: return
        case .see:
            self.events.push(.see, at: self.now.advanced(by: .seconds(1)))
            for number in self.nodes.indices {
                guard let votes = self.see(number, self.second) else { continue }
                self.step(number) { table, now in table.setVotes(votes, at: now) }
            }
            self.second += 1
        }
    }
}
