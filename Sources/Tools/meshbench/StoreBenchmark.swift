import MeshPrimitives
import MeshReplication
import MeshWire

/// What records cost the replicated store, with 1,000 entities in it and four peers.
enum StoreBenchmark: Benchmark {
    private static let node = NodeID(high: 1, low: 1)
    private static let peer = NodeID(high: 2, low: 2)
    private static let wall: UInt64 = 1_800_000_000_000
    private static let body = [UInt8](repeating: 0x20, count: 256)

    static func measure(with stopwatch: Stopwatch) throws -> [Measurement] {
        let insert = Self.insert(with: stopwatch)
        return [
            insert,
            try Self.write(
                "store.write-observation",
                key: RecordKey(kind: .health, owner: Self.node),
                urgency: .normal,
                over: insert,
                stopwatch
            ),
            try Self.write(
                "store.write-entity",
                key: RecordKey(kind: .entity, name: "services/written"),
                urgency: .urgent,
                over: insert,
                stopwatch
            ),
            try Self.merge(over: insert, stopwatch),
        ]
    }

    /// The baseline: a value put into a plain dictionary of the same size.
    private static func insert(with stopwatch: Stopwatch) -> Measurement {
        var values = Dictionary(
            uniqueKeysWithValues: Self.keys.map { ($0, Self.body(number: 0)) }
        )
        let keys = Self.keys
        return stopwatch.time("store.dictionary") { repetitions in
            for number in 0..<repetitions {
                values[keys[number % keys.count]] = Self.body(number: number)
            }
            return values.count
        }
    }

    private static func write(
        _ name: String,
        key: RecordKey,
        urgency: RecordUrgency,
        over baseline: Measurement,
        _ stopwatch: Stopwatch
    ) throws -> Measurement {
        var store = try Self.store()
        var number = 0
        return try stopwatch.time(name, over: baseline) { repetitions in
            var sum = 0
            for _ in 0..<repetitions {
                number += 1
                let effects = try store.write(
                    [RecordChange(key: key, body: Self.body(number: number))],
                    urgency: urgency,
                    wallMilliseconds: Self.wall,
                    at: MonotonicInstant(nanoseconds: 0)
                )
                sum &+= effects.count
            }
            return sum
        }
    }

    /// A peer's pushes of one observation each.
    private static func merge(
        over baseline: Measurement,
        _ stopwatch: Stopwatch
    ) throws -> Measurement {
        var store = try Self.store()
        let key = RecordKey(kind: .health, owner: Self.peer)
        var stamp = HybridTimestamp(milliseconds: Self.wall - 3_600_000, counter: 0).rawValue
        return stopwatch.time("store.merge-observation", over: baseline) { repetitions in
            var sum = 0
            for _ in 0..<repetitions {
                stamp += 1
                let record = Record(
                    key: key,
                    version: RecordVersion(
                        stamp: HybridTimestamp(rawValue: stamp),
                        writer: Self.peer
                    ),
                    body: Self.body
                )
                let effects = store.receive(
                    .push(records: [record], offers: [], relays: 0),
                    from: Self.peer,
                    wallMilliseconds: Self.wall,
                    at: MonotonicInstant(nanoseconds: 0)
                )
                sum &+= effects.count
            }
            return sum
        }
    }

    private static let keys = (0..<1_000).map { number in
        RecordKey(kind: .entity, name: "services/\(number)")
    }

    private static func body(number: Int) -> [UInt8] {
        var body = Self.body
        withUnsafeBytes(of: number) { body.replaceSubrange(0..<8, with: $0) }
        return body
    }

    private static func store() throws -> Replication {
        var store = Replication(
            configuration: ReplicationConfiguration(),
            node: Self.node,
            records: [],
            hash: contentHash(of:),
            generator: SeededGenerator(seed: 1)
        )
        let start = MonotonicInstant(nanoseconds: 0)
        _ = try store.write(
            Self.keys.map { RecordChange(key: $0, body: Self.body) },
            urgency: .normal,
            wallMilliseconds: Self.wall,
            at: start
        )
        _ = store.setPeers((2...5).map { NodeID(high: $0, low: $0) }, at: start)
        return store
    }
}
