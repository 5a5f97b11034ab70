import HashTreeCollections
import MeshPrimitives

@testable import MeshChangelog

/// Several changelogs in virtual time, with a network and disks that fail as told.
struct SimulatedFleet {
    /// A disk: what was saved, and nothing else, survives a crash.
    struct Disk {
        var writer: WriterID?
        var checkpoint: StoredCheckpoint?
        var changesets: [ChangesetID: [UInt8]] = [:]
        var displaced: [ContentHash: [UInt8]] = [:]

        var stored: StoredChangelog {
            var stored = StoredChangelog()
            stored.writer = self.writer
            stored.checkpoint = self.checkpoint
            stored.changesets = self.changesets.sorted { $0.key < $1.key }.map(\.value)
            stored.displaced = self.displaced.sorted { $0.key.high < $1.key.high }.map(\.value)
            return stored
        }

        mutating func save(_ batch: ChangelogBatch) {
            self.writer = batch.writer ?? self.writer
            self.checkpoint = batch.checkpoint ?? self.checkpoint
            for id in batch.removed { self.changesets[id] = nil }
            for entry in batch.added { self.changesets[entry.id] = entry.bytes }
            for entry in batch.displaced { self.displaced[entry.hash] = entry.bytes }
            for hash in batch.settled { self.displaced[hash] = nil }
        }
    }

    enum Event {
        case deliver(ChangelogMessage, from: Int, to: Int, by: ChangelogPath)
        case saved(node: Int, ChangelogBatch, token: UInt64, life: Int)
        case wake(node: Int, life: Int)
        case probe(node: Int)
    }

    struct Node {
        var log: Changelog?
        var disk = Disk()
        var life = 0
        var isDiskFull = false
        var configuration: ChangelogConfiguration
        var region: String
    }

    /// What a write of the simulation became.
    struct Written: Hashable {
        let key: String
        let value: String?
    }

    private(set) var now = MonotonicInstant.zero
    var generator: SeededGenerator
    var nodes: [Node]
    var loss = 0.0
    /// Pairs between which no stream opens.
    var withoutStreams: Set<[Int]> = []
    /// Nodes with equal numbers reach each other.
    var sides: [Int]
    private var queue: [(at: MonotonicInstant, order: Int, event: Event)] = []
    private var order = 0
    private(set) var acknowledged: [UInt64: ChangelogReceipt] = [:]
    private(set) var unconfirmed: [UInt64: ChangelogReceipt] = [:]
    private(set) var rejected: [UInt64: ChangelogError] = [:]
    private(set) var notices: [ChangelogNotice] = []
    /// What each ticket wanted.
    private(set) var tickets: [UInt64: [Written]] = [:]
    private var lastTicket: UInt64 = 0

    init(
        count: Int,
        seed: UInt64,
        regions: Int = 2,
        configuration: ChangelogConfiguration = ChangelogConfiguration()
    ) throws {
        self.generator = SeededGenerator(seed: seed)
        self.sides = Array(repeating: 0, count: count)
        self.nodes = (0..<count).map {
            Node(configuration: configuration, region: "r\($0 % regions)")
        }
        for index in 0..<count {
            try self.start(index)
            self.schedule(.probe(node: index), after: .milliseconds(Int64(100 + index * 37)))
        }
    }

    /// Starts a node from what its disk holds.
    mutating func start(_ index: Int) throws {
        let node = self.nodes[index]
        var log = try Changelog(
            node: NodeID(index),
            region: node.region,
            stored: node.disk.stored,
            rules: .test,
            configuration: node.configuration,
            seed: self.generator.next()
        )
        log.setPeers(
            self.nodes.indices.filter { $0 != index }.map {
                ChangelogPeer(node: NodeID($0), region: self.nodes[$0].region)
            }
        )
        self.nodes[index].life += 1
        let effects = log.begin(at: self.now)
        self.nodes[index].log = log
        self.perform(effects, at: index)
    }

    /// Ends a node at once; what its disk had not confirmed may or may not be there.
    mutating func crash(_ index: Int) {
        self.nodes[index].log = nil
        self.nodes[index].life += 1
        let saves = self.queue.reversed()
        self.queue.removeAll { item in
            if case .saved(index, _, _, _) = item.event { true } else { false }
        }
        for case .saved(index, let batch, _, _) in saves.map(\.event) {
            if self.generator.next(below: 2) == 0 { self.nodes[index].disk.save(batch) }
        }
    }

    /// Writes at a node; gives the ticket.
    @discardableResult
    mutating func write(_ changes: [String: String?], at index: Int) throws -> UInt64 {
        self.lastTicket += 1
        guard var log = self.nodes[index].log else { return 0 }
        self.tickets[self.lastTicket] = changes.map { Written(key: $0.key, value: $0.value) }
        let draft = ChangelogDraft(
            changes: changes.mapValues { $0.map { Array($0.utf8) } },
            author: "node \(index)",
            wallMilliseconds: self.generator.next() >> 20
        )
        let effects = try log.write(draft, ticket: self.lastTicket, at: self.now)
        self.nodes[index].log = log
        self.perform(effects, at: index)
        return self.lastTicket
    }

    /// Runs for a while.
    mutating func run(_ duration: Duration) {
        let end = self.now.advanced(by: duration)
        while let next = self.queue.last, next.at <= end {
            self.queue.removeLast()
            self.now = next.at
            self.step(next.event)
        }
        self.now = end
    }

    /// Whether all running nodes hold the same.
    var isEqual: Bool {
        let logs = self.nodes.compactMap(\.log)
        return Set(logs.map(\.root)).count == 1
    }

    /// Runs until all nodes hold the same and nothing is written again; gives up after `limit`.
    mutating func settle(_ limit: Duration = .seconds(120)) -> Bool {
        let end = self.now.advanced(by: limit)
        while self.now < end {
            self.run(.seconds(1))
            let isQuiet = self.nodes.allSatisfy { $0.log?.displaced.isEmpty ?? true }
            if isQuiet, self.isEqual { return true }
        }
        return false
    }

    /// What each node holds, for a failed test.
    var description: String {
        self.nodes.indices.map { index in
            guard let log = self.nodes[index].log else { return "\(index): down" }
            let vector = log.vector.writers.map { "\($0):\(log.vector.sequence(of: $0))" }
            return
                "\(index): \(log.head) floor g\(log.log.checkpoint.horizon.generation) \(vector) "
                + "waiting \(log.displaced.count) candidates \(log.candidates.count) "
                + "session \(String(describing: log.session?.peer)) fault \(log.diskFault ?? "")"
        }.joined(separator: "\n")
    }

    private mutating func schedule(_ event: Event, after delay: Duration) {
        self.order += 1
        let item = (at: self.now.advanced(by: delay), order: self.order, event: event)
        // The queue is short; the next event is its last element.
        let index =
            self.queue.lastIndex { ($0.at, $0.order) > (item.at, item.order) }.map { $0 + 1 } ?? 0
        self.queue.insert(item, at: index)
    }

    private mutating func step(_ event: Event) {
        switch event {
        case .deliver(let message, let from, let to, let path):
            guard self.sides[from] == self.sides[to], var log = self.nodes[to].log else { return }
            let effects = log.receive(message, from: NodeID(from), by: path, at: self.now)
            self.nodes[to].log = log
            self.perform(effects, at: to)
        case .saved(let index, let batch, let token, let life):
            guard self.nodes[index].life == life, var log = self.nodes[index].log else { return }
            let effects: [ChangelogEffect]
            if self.nodes[index].isDiskFull {
                effects = log.persistFailed(token, reason: "full", at: self.now)
            } else {
                let prepared = batch.prepared(by: .test)
                self.nodes[index].disk.save(prepared.batch)
                effects = log.persisted(token, prepared, at: self.now)
            }
            self.nodes[index].log = log
            self.perform(effects, at: index)
        case .wake(let index, let life):
            guard self.nodes[index].life == life, var log = self.nodes[index].log else { return }
            let effects = log.wake(at: self.now)
            self.nodes[index].log = log
            self.perform(effects, at: index)
        case .probe(let index): self.probe(from: index)
        }
    }

    private mutating func probe(from index: Int) {
        self.schedule(.probe(node: index), after: .milliseconds(500))
        let other = self.generator.next(below: self.nodes.count)
        guard other != index, self.sides[index] == self.sides[other],
            let root = self.nodes[index].log?.root, var log = self.nodes[other].log
        else { return }
        let effects = log.peerRoot(NodeID(index), root, at: self.now)
        self.nodes[other].log = log
        self.perform(effects, at: other)
    }

    private mutating func deliver(
        _ message: ChangelogMessage,
        from index: Int,
        to peer: Int,
        by path: ChangelogPath
    ) {
        guard self.generator.nextUnit() >= self.loss else { return }
        self.schedule(
            .deliver(message, from: index, to: peer, by: path),
            after: .milliseconds(Int64(1 + self.generator.next(below: 40)))
        )
    }

    private mutating func perform(_ effects: [ChangelogEffect], at index: Int) {
        for effect in effects {
            switch effect {
            case .send(let message, let peer):
                self.deliver(message, from: index, to: Int(peer.low), by: .datagram)
            case .stream(let message, let peer):
                let pair = [index, Int(peer.low)].sorted()
                guard !self.withoutStreams.contains(pair) else { continue }
                self.deliver(message, from: index, to: Int(peer.low), by: .stream)
            case .persist(let batch, let token):
                let life = self.nodes[index].life
                self.schedule(
                    .saved(node: index, batch, token: token, life: life),
                    after: .milliseconds(Int64(1 + self.generator.next(below: 20)))
                )
            case .acknowledged(let ticket, let receipt): self.acknowledged[ticket] = receipt
            case .unconfirmed(let ticket, let receipt): self.unconfirmed[ticket] = receipt
            case .rejected(let ticket, let error): self.rejected[ticket] = error
            case .notice(let notice): self.notices.append(notice)
            case .wake(let instant):
                let life = self.nodes[index].life
                self.schedule(
                    .wake(node: index, life: life),
                    after: self.now.duration(to: instant)
                )
            case .changed: break
            }
        }
    }
}
