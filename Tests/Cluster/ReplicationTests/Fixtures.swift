import MeshPrimitives

@testable import MeshReplication

/// Short ways to make values in tests.
enum Fixture {
    /// Wall clock of every store at the start of a test.
    static let wall: UInt64 = 1_800_000_000_000
    static let start = MonotonicInstant(nanoseconds: 0)

    static func node(_ number: UInt64) -> NodeID { NodeID(high: 0, low: number) }

    static func after(_ delay: Duration) -> MonotonicInstant { self.start.advanced(by: delay) }

    static func entity(_ name: String) -> RecordKey { RecordKey(kind: .entity, name: name) }

    static func version(_ milliseconds: UInt64, _ writer: UInt64) -> RecordVersion {
        RecordVersion(
            stamp: HybridTimestamp(milliseconds: self.wall + milliseconds, counter: 0),
            writer: self.node(writer)
        )
    }

    static func record(
        _ name: String,
        _ text: String?,
        at milliseconds: UInt64,
        by writer: UInt64,
        replaces: RecordVersion? = nil
    ) -> Record {
        Record(
            key: self.entity(name),
            version: self.version(milliseconds, writer),
            replaces: replaces,
            isTombstone: text == nil,
            body: Array((text ?? "").utf8)
        )
    }

    static func health(_ owner: UInt64, _ text: String, at milliseconds: UInt64) -> Record {
        Record(
            key: RecordKey(kind: .health, owner: self.node(owner), suffix: "t"),
            version: self.version(milliseconds, owner),
            body: Array(text.utf8)
        )
    }

    static func put(_ name: String, _ text: String) -> RecordChange {
        RecordChange(key: self.entity(name), body: Array(text.utf8))
    }

    static func delete(_ name: String) -> RecordChange {
        RecordChange(key: self.entity(name), body: nil)
    }

    /// Not cryptographic; good enough that tests do not collide.
    static func hash(_ bytes: [UInt8]) -> ContentHash {
        var high: UInt64 = 0xCBF2_9CE4_8422_2325
        var low: UInt64 = 0x9AE1_6A3B_2F90_404F
        for byte in bytes {
            high = (high ^ UInt64(byte)) &* 0x100_0000_01B3
            low = SeededGenerator.mix(low ^ UInt64(byte))
        }
        return ContentHash(high: SeededGenerator.mix(high), low: low)
    }

    static func store(
        _ number: UInt64 = 1,
        records: [Record] = [],
        configuration: ReplicationConfiguration = ReplicationConfiguration()
    ) -> Replication {
        Replication(
            configuration: configuration,
            node: self.node(number),
            records: records,
            hash: { Self.hash($0) },
            generator: SeededGenerator(seed: number)
        )
    }
}

extension Replication {
    /// Takes in records as if one peer had pushed them, at the start of the test.
    mutating func take(
        _ records: [Record],
        after delay: Duration = .zero,
        wallMilliseconds: UInt64 = Fixture.wall + 1_000
    ) -> [Effect] {
        self.receive(
            .push(records: records, offers: [], relays: 0),
            from: Fixture.node(99),
            wallMilliseconds: wallMilliseconds,
            at: Fixture.after(delay)
        )
    }

    /// Every durable record held, by key.
    var durableRecords: [Record] {
        self.table.kinds.filter(\.isDurable)
            .flatMap { self.table.entries(of: $0).map(\.record) }
            .sorted { $0.key < $1.key }
    }
}

extension [Replication.Effect] {
    /// Everything but wakes.
    var acts: [Replication.Effect] {
        self.filter { effect -> Bool in
            if case .wake = effect { return false }
            return true
        }
    }

    /// What became visible.
    var applied: [Record] {
        self.flatMap { effect -> [Record] in
            guard case .applied(let records) = effect else { return [] }
            return records
        }
    }

    /// Datagrams, with their receivers.
    var sent: [(message: ReplicationMessage, to: NodeID)] {
        self.compactMap { effect -> (message: ReplicationMessage, to: NodeID)? in
            guard case .send(let message, let node) = effect else { return nil }
            return (message, node)
        }
    }

    /// Stream messages, with their receivers.
    var streamed: [(message: ReplicationMessage, to: NodeID)] {
        self.compactMap { effect -> (message: ReplicationMessage, to: NodeID)? in
            guard case .stream(let message, let node) = effect else { return nil }
            return (message, node)
        }
    }
}
