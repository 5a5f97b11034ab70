import HashTreeCollections
import Logging
import MeshChangelog
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshTransport
import MeshWire
import Synchronization

/// A disk in memory whose faults can be set.
final class Disk: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description = "no space left"
    }

    private struct Content {
        var stored = StoredChangelog()
        var changesets: [ChangesetID: [UInt8]] = [:]
        var displaced: [ContentHash: [UInt8]] = [:]
    }

    private let content = Mutex(Content())
    private let isFull = Mutex(false)
    private let savedBoot = Mutex<UInt64>(0)
    private let savedRing = Mutex<KeyRing?>(nil)
    private let savedMesh = Mutex<MeshClaim?>(nil)
    private let isStalled = Mutex(false)

    /// What a node that starts from this disk finds.
    var stored: StoredChangelog {
        self.content.withLock { content in
            var stored = content.stored
            stored.changesets = Array(content.changesets.values)
            stored.displaced = Array(content.displaced.values)
            return stored
        }
    }

    /// Changesets on it.
    var count: Int { self.content.withLock { $0.changesets.count } }

    /// The ring that was changed in the running mesh; `nil` when it never was.
    var ring: KeyRing? { self.savedRing.withLock { $0 } }

    func save(_ ring: KeyRing) { self.savedRing.withLock { $0 = ring } }

    /// The boot number that peers remember and the disk had lost; 0 for none.
    var boot: UInt64 { self.savedBoot.withLock { $0 } }

    func saveBoot(_ boot: UInt64) { self.savedBoot.withLock { $0 = boot } }

    /// Which mesh the node belongs to; `nil` before its first start.
    var mesh: MeshClaim? { self.savedMesh.withLock { $0 } }

    func save(_ mesh: MeshClaim) { self.savedMesh.withLock { $0 = mesh } }

    func setFull(_ full: Bool) { self.isFull.withLock { $0 = full } }

    func setStalled(_ stalled: Bool) { self.isStalled.withLock { $0 = stalled } }

    func save(_ batch: ChangelogBatch) async throws {
        while self.isStalled.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
        guard !self.isFull.withLock({ $0 }) else { throw Failure() }
        self.content.withLock { content in
            content.stored.writer = batch.writer ?? content.stored.writer
            content.stored.checkpoint = batch.checkpoint ?? content.stored.checkpoint
            for id in batch.removed { content.changesets[id] = nil }
            for entry in batch.added { content.changesets[entry.id] = entry.bytes }
            for entry in batch.displaced { content.displaced[entry.hash] = entry.bytes }
            for hash in batch.settled { content.displaced[hash] = nil }
        }
    }
}

/// One node of a cluster under test, on loopback, at a port that the kernel chose.
final class TestNode: Sendable {
    static let ring = KeyRing(secret: [UInt8](repeating: 7, count: 32))

    static let silence = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    let service: ClusterService
    let disk: Disk
    let id: NodeID
    let name: String
    private let running: Task<Void, any Error>

    init(
        _ name: String,
        seeds: [Endpoint] = [],
        port: UInt16 = 0,
        boot: UInt64 = 1,
        ring: KeyRing = TestNode.ring,
        clusterName: String = "test",
        disk: Disk = Disk(),
        adjust: (inout ClusterConfiguration) -> Void = { _ in }
    ) throws {
        let id = Self.id(of: name)
        let service = try Self.makeService(
            name,
            seeds: seeds,
            port: port,
            boot: boot,
            ring: ring,
            clusterName: clusterName,
            disk: disk,
            adjust: adjust
        )
        self.id = id
        self.name = name
        self.disk = disk
        self.service = service
        self.running = Task { try await service.run() }
    }

    /// The service alone, for tests that run it themselves.
    static func makeService(
        _ name: String,
        seeds: [Endpoint] = [],
        port: UInt16 = 0,
        boot: UInt64 = 1,
        ring: KeyRing = TestNode.ring,
        clusterName: String = "test",
        disk: Disk = Disk(),
        adjust: (inout ClusterConfiguration) -> Void = { _ in }
    ) throws -> ClusterService {
        let key = Self.key(of: name)
        let id = key.identity.node
        let profile = MemberProfile(
            id: id,
            name: name,
            region: "eu",
            zone: "a",
            address: Self.loopback(port),
            version: "0.1.0"
        )
        var configuration = ClusterConfiguration(
            bind: Self.loopback(port),
            profile: profile,
            identity: key.identity,
            start: MemberStart(boot: boot),
            mesh: disk.mesh ?? MeshClaim(id: MeshID(id.high), standing: .alone),
            seeds: seeds,
            clusterName: clusterName,
            keyRing: ring,
            seed: id.low
        )
        configuration.membership = .local
        adjust(&configuration)
        return try ClusterService(
            configuration: configuration,
            stored: disk.stored,
            rules: StructuralRules(facts: { _, _ in EntityFacts() }, hash: { contentHash(of: $0) }),
            knownMembers: [],
            save: { try await disk.save($0) },
            saveBoot: { disk.saveBoot($0) },
            saveMesh: { disk.save($0) },
            saveRing: { disk.save($0) }
        )
    }

    private static func id(of name: String) -> NodeID { Self.key(of: name).identity.node }

    /// The key that the store of a named node holds.
    private static func key(of name: String) -> NodeKey {
        let text = Array(name.utf8.prefix(32))
        let padding = [UInt8](repeating: 0, count: NodeKey.seedByteCount - text.count)
        return NodeKey(seed: text + padding) ?? .generated()
    }

    static func loopback(_ port: UInt16) -> Endpoint {
        Endpoint(address: .v4(0x7F00_0001), port: port)
    }

    /// Where the node listens.
    func endpoint() async throws -> Endpoint {
        guard let endpoint = await self.service.boundEndpoint() else {
            try await self.running.value
            throw NeverHappened(description: "\(self.name) bound")
        }
        return endpoint
    }

    /// Closes the sockets without a word, as a killed process does.
    func kill() async {
        self.running.cancel()
        _ = await self.running.result
    }

    /// How this node sees another.
    func view(of other: TestNode) async -> Member? {
        await self.service.members().first { $0.id == other.id }
    }

    /// Whether this node sees exactly these members, all in `state`.
    func sees(_ nodes: [TestNode], _ state: MemberState = .alive) async -> Bool {
        let members = await self.service.members()
        return nodes.allSatisfy { node in
            members.contains { $0.id == node.id && $0.state == state }
        }
    }
}

/// A cluster whose nodes all see each other.
func withCluster(
    of count: Int,
    _ body: ([TestNode]) async throws -> Void
) async throws {
    let first = try TestNode("node-1")
    let seed = try await first.endpoint()
    let others = try (2...count).map { try TestNode("node-\($0)", seeds: [seed]) }
    let nodes = [first] + others
    do {
        try await eventually("all see all") { await allSee(nodes) }
        try await body(nodes)
    } catch {
        for node in nodes { await node.kill() }
        throw error
    }
    for node in nodes { await node.kill() }
}

/// Whether each node sees all of them alive.
func allSee(_ nodes: [TestNode]) async -> Bool {
    for node in nodes where !(await node.sees(nodes)) { return false }
    return true
}

/// Waited for something that did not come to pass.
struct NeverHappened: Error, CustomStringConvertible {
    let description: String
}

/// Waits until `condition` holds.
///
/// - Throws: ``NeverHappened`` after `limit`.
func eventually(
    _ what: String,
    within limit: Duration = .seconds(30),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw NeverHappened(description: what) }
        try await Task.sleep(for: .milliseconds(20))
    }
}

extension ClusterService {
    /// Writes one changeset of texts by key.
    @discardableResult
    func put(_ texts: [String: String]) async throws -> ChangesetReceipt {
        try await self.write(ChangelogDraft(changes: texts.mapValues { Array($0.utf8) }))
    }

    /// The entities' texts by key.
    func texts() async -> [String: String] {
        var texts: [String: String] = [:]
        for (key, entity) in await self.latest().state.entities {
            texts[key] = String(decoding: entity.body, as: UTF8.self)
        }
        return texts
    }
}

extension ObserverVotes {
    /// One vote against one target.
    static let against: ObserverVotes = {
        var votes = ObserverVotes()
        votes.votes[TargetID(rawValue: 7)] = TargetVote(stance: .down, reason: 2, isChecker: true)
        return votes
    }()
}
