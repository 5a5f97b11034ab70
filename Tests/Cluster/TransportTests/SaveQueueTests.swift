import MeshPrimitives
import MeshReplication
import Testing

@testable import MeshTransport

@Suite("A save queue")
struct SaveQueueTests {
    private static let node = NodeID(high: 1, low: 1)
    private let durable = Self.record(.entity)
    private let ephemeral = Self.record(.health)
    private var queue = SaveQueue()

    @Test("lets through what needs no disk, in order")
    mutating func passesThrough() {
        let free = self.add([.applied([self.ephemeral]), .wake(at: Self.start)])

        #expect(free.isEmpty)
        #expect(self.turns() == ["applied", "wake"])
        #expect(self.queue.isIdle)
    }

    @Test("holds what follows a save until it has ended")
    mutating func holds() {
        #expect(self.add([.persist([self.durable]), .applied([self.durable])]).isEmpty)

        #expect(self.turns() == ["save 1"])
        let undone = self.queue.saved(.success(()))
        #expect(undone?.records == nil)
        #expect(self.turns() == ["applied"])
        #expect(self.queue.isIdle)
    }

    @Test("keeps later steps about durable records behind the save")
    mutating func ordersSteps() {
        _ = self.add([.persist([self.durable])])
        #expect(self.turns() == ["save 1"])
        #expect(self.add([.send(Self.push(self.durable), to: Self.node)]).isEmpty)
        #expect(self.add([.persist([self.durable]), .applied([self.durable])]).isEmpty)

        _ = self.queue.saved(.success(()))

        #expect(self.turns() == ["send", "save 1"])
        _ = self.queue.saved(.success(()))
        #expect(self.turns() == ["applied"])
    }

    @Test("lets observations and timers overtake a slow disk")
    mutating func overtakes() {
        _ = self.add([.persist([self.durable])])
        #expect(self.turns() == ["save 1"])

        let free = self.add([
            .applied([self.ephemeral]), .send(Self.push(self.ephemeral), to: Self.node),
            .send(Self.push(self.durable), to: Self.node), .wake(at: Self.start),
        ])

        #expect(free.map(Self.name) == ["applied", "send", "wake"])
        #expect(self.queue.count == 2)
    }

    @Test("goes on after a failed save of news from peers, which is in use already")
    mutating func survivesFailure() {
        _ = self.add([.persist([self.durable]), .applied([self.durable])])
        #expect(self.turns() == ["save 1"])

        let undone = self.queue.saved(.failure(Disk.Failure()))
        #expect(undone?.records == nil)

        #expect(self.turns() == ["applied"])
    }

    private static let start = MonotonicInstant(nanoseconds: 0)

    private mutating func add(_ effects: [Replication.Effect]) -> [Replication.Effect] {
        self.queue.add(SaveQueue.Entry(effects: effects[...]))
    }

    private mutating func turns() -> [String] {
        var names: [String] = []
        while let turn = self.queue.next() {
            switch turn {
            case .perform(let effect): names.append(Self.name(effect))
            case .save(let records): names.append("save \(records.count)")
            case .finished: names.append("finished")
            }
        }
        return names
    }

    private static func name(_ effect: Replication.Effect) -> String {
        switch effect {
        case .send: "send"
        case .stream: "stream"
        case .persist: "persist"
        case .applied: "applied"
        case .expired: "expired"
        case .conflict: "conflict"
        case .clockRefused: "clockRefused"
        case .collected: "collected"
        case .wake: "wake"
        }
    }

    private static func push(_ record: Record) -> ReplicationMessage {
        .push(records: [record], offers: [], relays: 0)
    }

    private static func record(_ kind: RecordKind) -> Record {
        let stamp = HybridTimestamp(rawValue: 1)
        return Record(
            key: RecordKey(kind: kind, owner: Self.node),
            version: RecordVersion(stamp: stamp, writer: Self.node)
        )
    }
}
