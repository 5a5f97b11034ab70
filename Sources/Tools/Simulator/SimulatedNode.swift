import MeshChangelog
import MeshDissemination
import MeshMembership
import MeshObservations
import MeshPrimitives

/// One node: the cores that run on it, and the disk that survives them.
struct SimulatedNode {
    /// What is left after a crash.
    struct Disk {
        var bootCount: UInt64 = 0
        /// The next start counts on from here at least.
        var bootFloor: UInt64 = 0
        var members: [MemberUpdate] = []
        /// Drawn at the first start.
        var mesh: MeshClaim?
        private var stored = StoredChangelog()
        private var changesets: [ChangesetID: [UInt8]] = [:]
        private var displaced: [ContentHash: [UInt8]] = [:]

        /// What a changelog that starts from this disk finds.
        var changelog: StoredChangelog {
            var stored = self.stored
            stored.changesets = self.changesets.sorted { $0.key < $1.key }.map(\.value)
            stored.displaced = self.displaced
                .sorted { ($0.key.high, $0.key.low) < ($1.key.high, $1.key.low) }.map(\.value)
            return stored
        }

        /// Saves a transaction whole.
        mutating func save(_ batch: ChangelogBatch) {
            self.stored.writer = batch.writer ?? self.stored.writer
            self.stored.checkpoint = batch.checkpoint ?? self.stored.checkpoint
            for id in batch.removed { self.changesets[id] = nil }
            for entry in batch.added { self.changesets[entry.id] = entry.bytes }
            for entry in batch.displaced { self.displaced[entry.hash] = entry.bytes }
            for hash in batch.settled { self.displaced[hash] = nil }
        }
    }

    let index: Int
    private(set) var profile: MemberProfile
    var disk = Disk()
    /// Set while the node runs.
    var membership: Membership?
    var changelog: Changelog?
    var observations: ObservationTable?
    /// Who the observations were told is there.
    var observers: [Peer] = []
    /// What it sees of targets.
    var votes = ObserverVotes()
    var isLeaving = false
    var pausedUntil = MonotonicInstant(nanoseconds: 0)
    var diskFullUntil = MonotonicInstant(nanoseconds: 0)
    var diskSlowUntil = MonotonicInstant(nanoseconds: 0)
    /// The number of the only wake that counts, per core.
    var membershipWake: UInt64 = 0
    var changelogWake: UInt64 = 0
    var observationWake: UInt64 = 0

    /// Creates a node that does not run yet.
    init(index: Int, generator: inout SeededGenerator) {
        self.index = index
        self.profile = MemberProfile(
            id: NodeID(high: generator.next(), low: UInt64(index)),
            name: "node-\(index)",
            region: index % 2 == 0 ? "eu" : "us",
            zone: "a",
            address: Self.endpoint(of: index),
            version: "sim"
        )
    }

    /// Who the node is.
    var id: NodeID { self.profile.id }

    /// Whether the cores run.
    var isRunning: Bool { self.membership != nil }

    /// Where a node is reached.
    static func endpoint(of index: Int) -> Endpoint {
        Endpoint(address: .v4(0x7F00_0001 + UInt32(index)), port: 7_946)
    }

    /// The node at an address.
    static func index(of endpoint: Endpoint) -> Int? {
        guard case .v4(let address) = endpoint.address, address >= 0x7F00_0001 else { return nil }
        return Int(address - 0x7F00_0001)
    }

    /// Loads the disk into fresh cores.
    mutating func boot(
        _ configuration: MembershipConfiguration,
        _ changelog: ChangelogConfiguration,
        _ rules: StructuralRules,
        generator: inout SeededGenerator,
        at now: MonotonicInstant
    ) {
        self.disk.bootCount = max(self.disk.bootCount, self.disk.bootFloor) + 1
        self.isLeaving = false
        self.pausedUntil = now
        self.membershipWake += 1
        self.changelogWake += 1
        self.observationWake += 1
        let mesh =
            self.disk.mesh ?? MeshClaim(id: MeshID(generator.next()), standing: .alone)
        self.disk.mesh = mesh
        var membership = Membership(
            configuration: configuration,
            profile: self.profile,
            identity: SimulatedKeys.identity(of: self.id),
            start: MemberStart(boot: self.disk.bootCount, token: generator.next()),
            mesh: mesh,
            generator: generator.split()
        )
        membership.restore(self.disk.members, at: now)
        self.membership = membership
        // What the disk holds was written by a changelog, so it is readable.
        self.changelog = try? Changelog(
            node: self.id,
            region: self.profile.region,
            stored: self.disk.changelog,
            rules: rules,
            configuration: changelog,
            seed: generator.next()
        )
        self.observers = []
        self.votes = ObserverVotes()
        self.observations = ObservationTable(
            configuration: ObservationConfiguration(),
            node: self.id,
            region: self.profile.region,
            boot: self.disk.bootCount,
            generator: generator.split(),
            at: now
        )
    }

    /// Sets a node that does not run up anew: an empty disk, and so another identity.
    mutating func reinstall(generator: inout SeededGenerator) {
        self.disk = Disk()
        self.profile.id = NodeID(high: generator.next(), low: UInt64(self.index))
    }

    /// Ends the cores; the disk keeps what it has.
    mutating func halt() {
        self.membership = nil
        self.changelog = nil
        self.observations = nil
    }
}

/// Keys and signatures in place of cryptography: a key is the identity's bytes, and whoever makes a
/// signature up without ``signature(of:_:)`` is found out.
enum SimulatedKeys {
    /// Who a node is.
    static func identity(of node: NodeID) -> MemberIdentity {
        var writer = ByteWriter(capacity: MemberRecord.keyByteCount)
        writer.write(node)
        writer.write(node)
        let key = writer.bytes
        return MemberIdentity(
            node: node,
            key: key,
            sign: { Self.signature(of: $0, key) },
            verify: { $0 == Self.signature(of: $1, $2) }
        )
    }

    private static func signature(of bytes: [UInt8], _ key: [UInt8]) -> [UInt8] {
        let hash = SimulatedHash.hash(bytes + key)
        var writer = ByteWriter(capacity: SignedRecord.signatureByteCount)
        for _ in 0..<4 { writer.write(hash) }
        return writer.bytes
    }
}

extension StructuralRules {
    /// Every content is an entity, and nothing stands in another's way.
    static let simulated = StructuralRules(
        facts: { _, _ in EntityFacts() },
        hash: SimulatedHash.hash
    )
}

/// A quick hash in place of the cryptographic one; nobody attacks a simulation.
enum SimulatedHash {
    /// Scatters bytes over 128 bits.
    @Sendable
    static func hash(_ bytes: [UInt8]) -> ContentHash {
        var high: UInt64 = 0xCBF2_9CE4_8422_2325
        var low: UInt64 = 0x9E37_79B9_7F4A_7C15
        for byte in bytes {
            high = (high ^ UInt64(byte)) &* 0x100_0000_01B3
            low = (low &+ UInt64(byte)) &* 0xD6E8_FEB8_6659_FD93
        }
        return ContentHash(high: SeededGenerator.mix(high), low: SeededGenerator.mix(low))
    }
}

extension MonotonicInstant {
    /// Seconds of virtual time, for people.
    var seconds: String {
        let milliseconds = self.nanoseconds / 1_000_000
        let rest = String(1_000 + milliseconds % 1_000).dropFirst()
        return "\(milliseconds / 1_000).\(rest) s"
    }
}
