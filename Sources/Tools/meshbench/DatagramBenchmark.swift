import MeshMembership
import MeshPrimitives
import MeshWire

/// What one gossip datagram costs: encoding, sealing, opening, decoding.
enum DatagramBenchmark: Benchmark {
    private static let sender = NodeID(high: 1, low: 1)

    static func measure(with stopwatch: Stopwatch) throws -> [Measurement] {
        let message = Self.probe(withUpdates: 6)
        let body = ClusterMessage.membership(message).encoded
        let copy = Self.copy(body, with: stopwatch)
        return [
            copy,
            stopwatch.time("datagram.encode", over: copy) { repetitions in
                var sum = 0
                for _ in 0..<repetitions {
                    sum &+= ClusterMessage.membership(message).encoded.count
                }
                return sum
            },
            try stopwatch.time("datagram.decode", over: copy) { repetitions in
                var sum = 0
                for _ in 0..<repetitions {
                    sum &+= try ClusterMessage.decode(body, from: Self.sender).count
                }
                return sum
            },
            try Self.seal(body, over: copy, stopwatch),
            try Self.sealAndOpen(body, over: copy, stopwatch),
            Self.refuse(stopwatch), Self.verify(stopwatch),
        ]
    }

    /// The baseline: copying the body byte by byte.
    private static func copy(_ body: [UInt8], with stopwatch: Stopwatch) -> Measurement {
        stopwatch.time("datagram.copy") { repetitions in
            var sum = 0
            for repetition in 0..<repetitions {
                var copy: [UInt8] = []
                copy.reserveCapacity(body.count)
                for byte in body { copy.append(byte ^ UInt8(truncatingIfNeeded: repetition)) }
                sum &+= Int(copy[repetition % copy.count])
            }
            return sum
        }
    }

    private static func seal(
        _ body: [UInt8],
        over baseline: Measurement,
        _ stopwatch: Stopwatch
    ) throws -> Measurement {
        let keys = ClusterKeys(ring: .generated(), clusterName: "bench")
        var sealer = DatagramSealer(keys: keys, sender: Self.sender, start: MemberStart(boot: 1))
        return try stopwatch.time("datagram.seal", over: baseline) { repetitions in
            var sum = 0
            for _ in 0..<repetitions { sum &+= try sealer.seal(body).count }
            return sum
        }
    }

    private static func sealAndOpen(
        _ body: [UInt8],
        over baseline: Measurement,
        _ stopwatch: Stopwatch
    ) throws -> Measurement {
        let keys = ClusterKeys(ring: .generated(), clusterName: "bench")
        var sealer = DatagramSealer(keys: keys, sender: Self.sender, start: MemberStart(boot: 1))
        var opener = DatagramOpener(keys: keys, node: NodeID(high: 2, low: 2))
        return try stopwatch.time("datagram.seal-and-open", over: baseline) { repetitions in
            var sum = 0
            for _ in 0..<repetitions {
                sum &+= try opener.open(try sealer.seal(body)).body.count
            }
            return sum
        }
    }

    /// What a stranger's datagram of full size costs before it is dropped.
    private static func refuse(_ stopwatch: Stopwatch) -> Measurement {
        let keys = ClusterKeys(ring: .generated(), clusterName: "bench")
        var opener = DatagramOpener(keys: keys, node: NodeID(high: 2, low: 2))
        let stray = [UInt8](repeating: 0x47, count: DatagramSealer.byteLimit)
        return stopwatch.time("datagram.refuse-stray") { repetitions in
            var refused = 0
            for _ in 0..<repetitions where (try? opener.open(stray)) == nil { refused &+= 1 }
            return refused
        }
    }

    /// What it costs to check the signature of a member's record, done once for each.
    private static func verify(_ stopwatch: Stopwatch) -> Measurement {
        let identity = NodeKey.generated().identity
        let bytes = [UInt8](repeating: 7, count: 110)
        let signature = identity.sign(bytes)
        return stopwatch.time("record.verify") { repetitions in
            var good = 0
            for _ in 0..<repetitions where identity.verify(signature, bytes, identity.key) {
                good &+= 1
            }
            return good
        }
    }

    private static func probe(withUpdates count: Int) -> MembershipMessage {
        let updates = (0..<count).map { number in
            let key = NodeKey.generated()
            let record = MemberRecord(
                profile: MemberProfile(
                    id: key.identity.node,
                    name: "eu-\(number)",
                    region: "eu-west",
                    zone: "a",
                    address: Endpoint(address: .v4(0x0A00_0001), port: 7_946),
                    version: "0.1.0"
                ),
                key: key.key,
                start: MemberStart(boot: 1),
                mesh: MeshID(1),
                incarnation: UInt64(number)
            )
            return MemberUpdate.record(SignedRecord(record, signing: key.identity.sign))
        }
        return MembershipMessage(
            kind: .ping(sequence: 1, target: NodeID(high: 2, low: 2)),
            sender: Self.sender,
            senderIncarnation: 1,
            digest: .zero,
            mesh: MeshClaim(id: MeshID(1), standing: .founded),
            updates: updates
        )
    }
}
