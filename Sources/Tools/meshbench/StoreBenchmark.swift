import MeshChangelog
import MeshDissemination
import MeshObservations
import MeshPrimitives
import MeshWire

/// What a write and a peer's news cost the replicated state, with 1,000 entities and four peers.
enum StoreBenchmark: Benchmark {
    private static let node = NodeID(high: 1, low: 1)
    private static let peer = NodeID(high: 2, low: 2)
    private static let start = MonotonicInstant(nanoseconds: 0)
    private static let body = [UInt8](repeating: 0x20, count: 256)

    static func measure(with stopwatch: Stopwatch) throws -> [Measurement] {
        let insert = Self.insert(with: stopwatch)
        return [
            insert,
            try Self.write(over: insert, stopwatch),
            Self.say(over: insert, stopwatch),
            Self.hear(over: insert, stopwatch),
        ]
    }

    /// The baseline: a value put into a plain dictionary of the same size.
    private static func insert(with stopwatch: Stopwatch) -> Measurement {
        let keys = Self.keys
        var values = Dictionary(uniqueKeysWithValues: keys.map { ($0, Self.body(number: 0)) })
        return stopwatch.time("store.dictionary") { repetitions in
            for number in 0..<repetitions {
                values[keys[number % keys.count]] = Self.body(number: number)
            }
            return values.count
        }
    }

    /// A changeset of one entity, until it is durable here.
    private static func write(
        over baseline: Measurement,
        _ stopwatch: Stopwatch
    ) throws -> Measurement {
        var log = try Self.changelog()
        var number = 0
        return try stopwatch.time("store.write-changeset", over: baseline) { repetitions in
            var sum = 0
            for _ in 0..<repetitions {
                number += 1
                let key = Self.keys[number % Self.keys.count]
                let draft = ChangelogDraft(changes: [key: Self.body(number: number)])
                sum &+= try Self.write(draft, UInt64(number), to: &log)
            }
            return sum
        }
    }

    /// This node's vote against one target, and its taking back.
    private static func say(over baseline: Measurement, _ stopwatch: Stopwatch) -> Measurement {
        var table = Self.observations(of: Self.node)
        var number: UInt64 = 0
        return stopwatch.time("store.set-vote", over: baseline) { repetitions in
            var sum = 0
            for _ in 0..<repetitions {
                number += 1
                sum &+= table.setVotes(Self.votes(number), at: Self.start).count
            }
            return sum
        }
    }

    /// A peer's vote against one target, and its taking back.
    private static func hear(over baseline: Measurement, _ stopwatch: Stopwatch) -> Measurement {
        var table = Self.observations(of: Self.node)
        var speaker = Self.observations(of: Self.peer)
        var number: UInt64 = 0
        return stopwatch.time("store.speak-and-hear-vote", over: baseline) { repetitions in
            var sum = 0
            for _ in 0..<repetitions {
                number += 1
                for effect in speaker.setVotes(Self.votes(number), at: Self.start) {
                    guard case .send(let message, to: Self.node, _) = effect else { continue }
                    sum &+= table.receive(message, from: Self.peer, at: Self.start).count
                }
            }
            return sum
        }
    }

    private static let keys = (0..<1_000).map { "services/\($0)" }

    private static func body(number: Int) -> [UInt8] {
        var body = Self.body
        withUnsafeBytes(of: number) { body.replaceSubrange(0..<8, with: $0) }
        return body
    }

    private static func votes(_ number: UInt64) -> ObserverVotes {
        var votes = ObserverVotes()
        guard number.isMultiple(of: 2) else { return votes }
        let target = TargetID(rawValue: number % 1_000)
        votes.votes[target] = TargetVote(stance: .down, reason: 2, isChecker: true)
        return votes
    }

    private static func observations(of node: NodeID) -> ObservationTable {
        var table = ObservationTable(
            configuration: ObservationConfiguration(),
            node: node,
            region: "eu",
            boot: 1,
            generator: SeededGenerator(seed: 1),
            at: Self.start
        )
        let peers = (1...5).map { Peer(id: NodeID(high: $0, low: $0), region: "eu") }
        _ = table.setPeers(peers, at: Self.start)
        return table
    }

    private static let rules = StructuralRules(
        facts: { _, _ in EntityFacts() },
        hash: contentHash(of:)
    )

    private static func changelog() throws -> Changelog {
        var log = try Changelog(
            node: Self.node,
            region: "eu",
            stored: StoredChangelog(),
            rules: Self.rules,
            seed: 1
        )
        let changes = Dictionary(uniqueKeysWithValues: Self.keys.map { ($0, Self.body) })
        _ = try Self.write(ChangelogDraft(changes: changes.mapValues(\.self)), 0, to: &log)
        return log
    }

    private static func write(
        _ draft: ChangelogDraft,
        _ ticket: UInt64,
        to log: inout Changelog
    ) throws -> Int {
        var effects = try log.write(draft, ticket: ticket, at: Self.start)
        var count = 0
        while !effects.isEmpty {
            count += effects.count
            effects = effects.flatMap { effect -> [ChangelogEffect] in
                guard case .persist(let batch, let token) = effect else { return [] }
                return log.persisted(token, batch.prepared(by: Self.rules), at: Self.start)
            }
        }
        return count
    }
}
