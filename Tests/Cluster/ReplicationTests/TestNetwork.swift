import MeshPrimitives

@testable import MeshReplication

/// A few stores in virtual time, joined by a network that loses datagrams and dead peers' streams.
struct TestNetwork {
    private struct Event {
        let at: MonotonicInstant
        let order: Int
        let target: Int
        let input: Input
    }

    private enum Input {
        case message(ReplicationMessage, from: NodeID)
        case wake
    }

    var stores: [Replication]
    /// Share of datagrams lost, 0 to 1.
    var loss = 0.0
    /// Nodes cut off from all others.
    var isolated: Set<Int> = []
    /// What left the stores besides messages, by store.
    var effects: [[Replication.Effect]]
    private(set) var now = Fixture.start
    private(set) var datagramCount = 0
    private(set) var largestDatagram = 0
    private(set) var largestStreamMessage = 0
    private var events: [Event] = []
    private var order = 0
    private var generator: SeededGenerator

    init(
        count: Int,
        seed: UInt64,
        configuration: ReplicationConfiguration = ReplicationConfiguration()
    ) {
        self.stores = (0..<count)
            .map { Fixture.store(UInt64($0 + 1), configuration: configuration) }
        self.effects = Array(repeating: [], count: count)
        self.generator = SeededGenerator(seed: seed)
        self.connect()
    }

    /// Tells every store who is reachable.
    mutating func connect() {
        for index in self.stores.indices {
            let alive = self.stores.indices.filter { self.isOpen(index, $0) }
                .map { Fixture.node(UInt64($0 + 1)) }
            self.carryOut(self.stores[index].setPeers(alive, at: self.now), of: index)
        }
    }

    mutating func write(
        _ changes: [RecordChange],
        at index: Int,
        urgency: RecordUrgency = .urgent
    ) throws {
        let effects = try self.stores[index]
            .write(changes, urgency: urgency, wallMilliseconds: self.wall, at: self.now)
        self.carryOut(effects, of: index)
    }

    /// Every store hears one random reachable peer's root, as by one round of probes.
    mutating func probe() {
        for index in self.stores.indices {
            let others = self.stores.indices.filter { $0 != index && self.isOpen(index, $0) }
            guard !others.isEmpty else { continue }
            let other = others[self.generator.next(below: others.count)]
            let effects = self.stores[index]
                .peerDigest(
                    Fixture.node(UInt64(other + 1)),
                    self.stores[other].rootDigest,
                    at: self.now
                )
            self.carryOut(effects, of: index)
        }
    }

    /// Runs for a time, with a round of probes every `period`.
    mutating func run(for time: Duration, probing period: Duration? = .seconds(1)) {
        let end = self.now.advanced(by: time)
        var nextProbe = period.map { self.now.advanced(by: $0) }
        while true {
            let next = self.events.min { ($0.at, $0.order) < ($1.at, $1.order) }
            let step = min(next?.at ?? end, nextProbe ?? end, end)
            self.now = max(self.now, step)
            if let due = nextProbe, let period, due <= step {
                self.probe()
                nextProbe = due.advanced(by: period)
            } else if let next, next.at <= step {
                self.events.removeAll { $0.order == next.order }
                self.deliver(next)
            } else {
                return
            }
            if self.now >= end, self.events.allSatisfy({ $0.at > end }) { return }
        }
    }

    /// Runs until `condition` holds; returns how long it took, `nil` when it did not.
    mutating func time(
        limit: Duration,
        probing period: Duration? = .seconds(1),
        until condition: (TestNetwork) -> Bool
    ) -> Duration? {
        let start = self.now
        var nextProbe = Duration.zero
        while start.duration(to: self.now) < limit {
            if condition(self) { return start.duration(to: self.now) }
            if let period, start.duration(to: self.now) >= nextProbe {
                if nextProbe > .zero { self.probe() }
                nextProbe += period
            }
            self.run(for: .milliseconds(10), probing: nil)
        }
        return condition(self) ? limit : nil
    }

    var haveEqualRoots: Bool { Set(self.stores.map(\.rootDigest)).count == 1 }

    private var wall: UInt64 {
        Fixture.wall + UInt64(max(0, self.now.nanoseconds / 1_000_000))
    }

    private func isOpen(_ left: Int, _ right: Int) -> Bool {
        left == right || !(self.isolated.contains(left) || self.isolated.contains(right))
    }

    private mutating func deliver(_ event: Event) {
        let effects =
            switch event.input {
            case .wake: self.stores[event.target].wake(at: self.now)
            case .message(let message, let sender):
                self.stores[event.target]
                    .receive(message, from: sender, wallMilliseconds: self.wall, at: self.now)
            }
        self.carryOut(effects, of: event.target)
    }

    private mutating func carryOut(_ effects: [Replication.Effect], of index: Int) {
        for effect in effects {
            switch effect {
            case .send(let message, let node):
                self.datagramCount += 1
                self.largestDatagram = max(self.largestDatagram, message.testByteCount)
                guard self.generator.nextUnit() >= self.loss else { continue }
                self.post(message, from: index, to: node, delay: 1)
            case .stream(let message, let node):
                self.largestStreamMessage = max(self.largestStreamMessage, message.testByteCount)
                self.post(message, from: index, to: node, delay: 3)
            case .wake(let instant):
                self.schedule(.wake, at: max(instant, self.now), for: index)
            case .persist, .applied, .expired, .conflict, .clockRefused, .collected:
                self.effects[index].append(effect)
            }
        }
    }

    private mutating func post(
        _ message: ReplicationMessage,
        from index: Int,
        to node: NodeID,
        delay milliseconds: Int
    ) {
        let target = Int(node.low) - 1
        guard self.stores.indices.contains(target), self.isOpen(index, target) else { return }
        let spread = self.generator.next(below: 3)
        self.schedule(
            .message(message, from: Fixture.node(UInt64(index + 1))),
            at: self.now.advanced(by: .milliseconds(milliseconds + spread)),
            for: target
        )
    }

    private mutating func schedule(_ input: Input, at instant: MonotonicInstant, for target: Int) {
        self.events.append(Event(at: instant, order: self.order, target: target, input: input))
        self.order += 1
    }
}

extension ReplicationMessage {
    /// Bytes of content by the sizes that the budgets are counted in.
    var testByteCount: Int {
        switch self {
        case .push(let records, let offers, _):
            records.reduce(0) { $0 + $1.wireByteCount } + offers.reduce(0) { $0 + $1.wireByteCount }
        case .announce: 24
        case .digest(let buckets): buckets.count * 8
        case .summary(let buckets, let entries):
            entries.reduce(buckets.count) { $0 + $1.wireByteCount }
        case .exchange(let records, let wants):
            records.reduce(0) { $0 + $1.wireByteCount }
                + wants.reduce(0) { $0 + $1.name.utf8.count }
        case .records(let records, _): records.reduce(0) { $0 + $1.wireByteCount }
        }
    }
}
