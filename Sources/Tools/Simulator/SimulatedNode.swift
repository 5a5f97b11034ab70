import MeshActivation
import MeshChangelog
import MeshDissemination
import MeshHealth
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshWire

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
        /// Newest last.
        private var order: [ChangesetID] = []

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
            self.order = self.order.suffix(200) + batch.added.map(\.id)
            for entry in batch.displaced { self.displaced[entry.hash] = entry.bytes }
            for hash in batch.settled { self.displaced[hash] = nil }
        }

        /// Loses all that the changelog had saved.
        mutating func loseChangelog() {
            self.stored = StoredChangelog()
            self.changesets = [:]
            self.displaced = [:]
        }

        /// Loses the changesets that were saved last, as a disk that was cut short; says whether there
        /// were any.
        mutating func cutChangelog(_ count: Int) -> Bool {
            let last = self.order.filter { self.changesets[$0] != nil }.suffix(count)
            for id in last { self.changesets[id] = nil }
            return !last.isEmpty
        }

        /// Takes over what another disk has, the store's name included.
        mutating func copyChangelog(of other: Disk) {
            self.stored = other.stored
            self.changesets = other.changesets
            self.displaced = other.displaced
            self.order = other.order
        }
    }

    let index: Int
    private(set) var profile: MemberProfile
    private var key: [UInt8]
    var disk = Disk()
    /// Set while the node runs.
    var membership: Membership?
    var changelog: Changelog?
    var observations: ObservationTable?
    var machine: ConfigurationMachine?
    var health: SimulatedHealth?
    /// What the machine had built, by revision.
    var builds: [UInt64: ConfigurationBuild] = [:]
    /// What is in use.
    var active: ConfigurationBuild?
    /// Whether anything was in use since the start.
    var hasServed = false
    /// What it says of its configuration.
    var standing = ConfigurationStanding()
    var clock = SimulatedClock()
    /// Who the observations were told is there.
    var observers: [Peer] = []
    /// What it has told of targets.
    var votes = ObserverVotes()
    var isLeaving = false
    var pausedUntil = MonotonicInstant(nanoseconds: 0)
    var diskFullUntil = MonotonicInstant(nanoseconds: 0)
    var diskSlowUntil = MonotonicInstant(nanoseconds: 0)
    /// The number of the only wake that counts, per core.
    var membershipWake: UInt64 = 0
    var changelogWake: UInt64 = 0
    var observationWake: UInt64 = 0
    var machineWake: UInt64 = 0
    var healthWake: UInt64 = 0
    var regionWake: UInt64 = 0

    /// Creates a node that does not run yet.
    init(index: Int, isMixed: Bool, generator: inout SeededGenerator) {
        self.index = index
        self.key = SimulatedKeys.key(using: &generator)
        self.profile = MemberProfile(
            id: NodeID(key: self.key),
            name: "node-\(index)",
            region: index % 2 == 0 ? "eu" : "us",
            zone: "a",
            address: Self.endpoint(of: index),
            version: "sim",
            protocolMaximum: isMixed && index % 2 == 0 ? 2 : 1
        )
        if isMixed, index % 2 == 0 { self.profile.additions = Array("next".utf8) }
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

    /// Loads the disk into fresh cores; `now` is by the node's own clock.
    mutating func boot(
        _ configuration: MembershipConfiguration,
        _ changelog: ChangelogConfiguration,
        _ rules: StructuralRules,
        _ observations: ObservationConfiguration,
        _ setup: ConfigurationMachine.Setup,
        generator: inout SeededGenerator,
        at now: MonotonicInstant,
        trueTime: MonotonicInstant
    ) {
        self.disk.bootCount = max(self.disk.bootCount, self.disk.bootFloor) + 1
        self.isLeaving = false
        self.membershipWake += 1
        self.changelogWake += 1
        self.observationWake += 1
        self.machineWake += 1
        self.healthWake += 1
        self.regionWake += 1
        self.builds = [:]
        self.active = nil
        self.hasServed = false
        self.standing = ConfigurationStanding()
        self.machine = ConfigurationMachine(setup, at: now)
        let mesh =
            self.disk.mesh ?? MeshClaim(id: MeshID(generator.next()), standing: .alone)
        self.disk.mesh = mesh
        var membership = Membership(
            configuration: configuration,
            profile: self.profile,
            identity: SimulatedKeys.identity(of: self.id, self.key),
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
        self.health = SimulatedHealth(
            HealthPeer(id: self.id, region: self.profile.region),
            fleetOffset: now.duration(to: trueTime)
        )
        self.observations = ObservationTable(
            configuration: observations,
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
        self.key = SimulatedKeys.key(using: &generator)
        self.profile.id = NodeID(key: self.key)
    }

    /// Ends the cores; the disk keeps what it has.
    mutating func halt() {
        self.membership = nil
        self.changelog = nil
        self.observations = nil
        self.machine = nil
        self.health = nil
    }
}

/// Keys and signatures in place of cryptography: a key is the identity's bytes, and whoever makes a
/// signature up without ``signature(of:_:)`` is found out.
enum SimulatedKeys {
    /// Draws a key.
    static func key(using generator: inout SeededGenerator) -> [UInt8] {
        var writer = ByteWriter(capacity: MemberRecord.keyByteCount)
        for _ in 0..<4 { writer.write(generator.next()) }
        return writer.bytes
    }

    /// Who a node is that has its identity for a key.
    static func identity(of node: NodeID) -> MemberIdentity {
        var writer = ByteWriter(capacity: MemberRecord.keyByteCount)
        writer.write(node)
        writer.write(node)
        return Self.identity(of: node, writer.bytes)
    }

    /// Who a node with a key is.
    static func identity(of node: NodeID, _ key: [UInt8]) -> MemberIdentity {
        MemberIdentity(
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
    /// See ``SimulatedRules``.
    static let simulated = StructuralRules(
        facts: SimulatedRules.facts,
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
