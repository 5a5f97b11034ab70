public import MeshPrimitives

/// One node's copy of everything the mesh shares: configuration for ever, observations for a while.
///
/// Pure: opens no socket, touches no disk, reads no clock. Merging is last writer wins per record by
/// (stamp, writer), so it is commutative, associative and idempotent: stores that have seen the same
/// records in any order are equal.
///
/// News travels in two ways. It is *pushed*: at once when urgent, then a bounded number of times to
/// random peers by every node that learns it. And it is *pulled*: nodes compare root hashes, carried
/// by probes and announcements, and exchange what differs. A push may be lost, a pull repairs it.
///
/// Only durable kinds are in the root hash. Ephemeral ones end by age at each node on its own, so
/// their stores would differ at any moment, and a peer that still holds an ended record would bring
/// it back; they are pushed only, to a new peer by their owners, and renewed by them.
///
/// A changeset that fits one datagram is pushed; a larger one is announced and pulled whole, so that
/// peers see it in one piece up to ``ReplicationConfiguration/streamByteCount``.
public struct Replication: Sendable {
    /// What happened so far.
    public internal(set) var counters = ReplicationCounters()

    let configuration: ReplicationConfiguration
    let node: NodeID
    var table: RecordTable
    var clock: HybridClock
    var generator: SeededGenerator
    var queue: BroadcastQueue

    /// Alive peers in order, and what is known of each.
    var peers: [NodeID] = []
    var syncs: [NodeID: PeerSync] = [:]
    /// The peers whose ``PeerSync/isBusy`` holds.
    var busy: Set<NodeID> = []

    /// Ticks that still announce the root.
    var announceRounds = 0
    var nextTick: MonotonicInstant?
    var nextExpiry: MonotonicInstant?
    var nextCollection: MonotonicInstant?
    private var scheduled: MonotonicInstant?
    private var wall: WallReading?

    var memory = ReplicationMemory()

    private struct WallReading: Sendable {
        let milliseconds: UInt64
        let at: MonotonicInstant
    }

    /// Creates a store holding what was on disk.
    ///
    /// - Parameters:
    ///   - configuration: validated settings.
    ///   - node: this node.
    ///   - records: what the disk held; ephemeral and invalid ones are dropped, and those beyond
    ///     a bound that was lowered since (``ReplicationCounters/overLimit``).
    ///   - hash: a cryptographic hash, the same at every node.
    ///   - generator: picks peers.
    public init(
        configuration: ReplicationConfiguration,
        node: NodeID,
        records: [Record],
        hash: @escaping @Sendable ([UInt8]) -> ContentHash,
        generator: SeededGenerator
    ) {
        self.configuration = configuration
        self.node = node
        self.generator = generator
        self.table = RecordTable(configuration: configuration, hash: hash)
        self.queue = BroadcastQueue(limit: configuration.queueLimit)
        var latest = HybridTimestamp.zero
        for record in records where record.key.kind.isDurable && record.key.isValid {
            if let current = self.table[record.key], !record.wins(over: current.record) { continue }
            if self.table.set(record, since: nil) != nil { self.counters.overLimit += 1 }
            latest = max(latest, record.version.stamp)
        }
        self.clock = HybridClock(latest: latest)
        self.table.refresh()
    }

    /// Hash over all durable records; equal at two nodes that hold the same.
    public var rootDigest: ContentHash { self.table.tree.root }

    /// Hash over names and bodies of the entities; nodes with equal hashes route the same.
    public var configurationHash: ContentHash { self.table.configurationDigest.hash }

    /// The highest stamp of all entity records, deletions included.
    public var configurationStamp: HybridTimestamp { self.table.configurationDigest.stamp }

    /// Records of one kind without deletions, in key order.
    public func records(of kind: RecordKind) -> [Record] {
        self.table.entries(of: kind).map(\.record)
            .filter { !$0.isTombstone }
            .sorted { $0.key < $1.key }
    }

    /// The record of a key, a deletion too.
    public func record(_ key: RecordKey) -> Record? { self.table[key]?.record }

    /// Writes one changeset of this node.
    ///
    /// Durable changes that change nothing are left out; writing an ephemeral record renews it.
    /// Stamps are consecutive in the order given.
    ///
    /// - Throws: ``ReplicationError``; nothing is changed then.
    public mutating func write(
        _ changes: [RecordChange],
        urgency: RecordUrgency,
        wallMilliseconds: UInt64,
        at now: MonotonicInstant
    ) throws(ReplicationError) -> [Effect] {
        self.note(wallMilliseconds, at: now)
        var clock = self.clock
        let records = try self.prepare(changes, with: &clock, wallMilliseconds: wallMilliseconds)
        if let (record, limit) = self.table.refusal(of: records) {
            throw .full(record.key, limit: limit)
        }
        self.clock = clock
        for record in records { _ = self.table.set(record, since: now) }
        self.noteChange(of: records, at: now)
        var effects = self.publish(records, visible: records)
        effects += self.spread(records, urgency: urgency, at: now)
        return self.settle(effects, at: now)
    }

    /// Takes in one message; may be hostile.
    ///
    /// - Parameters:
    ///   - message: what came.
    ///   - sender: who sent it, as proven by the seal.
    ///   - wallMilliseconds: this node's wall clock.
    ///   - now: this node's steady clock.
    /// - Returns: what to do, in order.
    public mutating func receive(
        _ message: ReplicationMessage,
        from sender: NodeID,
        wallMilliseconds: UInt64,
        at now: MonotonicInstant
    ) -> [Effect] {
        self.note(wallMilliseconds, at: now)
        guard sender != self.node else {
            self.counters.ignored += 1
            return []
        }
        let effects =
            switch message {
            case .push(let records, let offers, let relays):
                self.receivePush(records, offers, relays: relays, from: sender, at: now)
            case .announce(let root, _): self.receiveAnnounce(root, from: sender)
            case .digest(let buckets): self.answer(digest: buckets, to: sender, at: now)
            case .summary(let buckets, let entries):
                self.receiveSummary(buckets, entries, from: sender, at: now)
            case .exchange(let records, let wants):
                self.receiveExchange(records, wants, from: sender, at: now)
            case .records(let records, let more):
                self.receiveRecords(records, more: more, from: sender, at: now)
            }
        return self.settle(effects, at: now)
    }

    /// Sets who is alive; this node may be among them or not.
    ///
    /// A peer that was not alive before gets the root and this node's own ephemeral records.
    public mutating func setPeers(_ alive: [NodeID], at now: MonotonicInstant) -> [Effect] {
        let current = Set(alive).subtracting([self.node])
        let arrivals = current.subtracting(self.peers).sorted()
        self.peers = current.sorted()
        self.syncs = self.syncs.filter { current.contains($0.key) }
        for arrival in arrivals { self.syncs[arrival] = PeerSync() }
        self.busy.formIntersection(current)
        self.noteTombstones(at: now)
        return self.settle(self.greet(arrivals, at: now), at: now)
    }

    /// Learns a peer's root digest from a probe or its answer.
    public mutating func peerDigest(
        _ peer: NodeID,
        _ digest: ContentHash,
        at now: MonotonicInstant
    ) -> [Effect] {
        self.noteRoot(digest, of: peer)
        return self.settle([], at: now)
    }

    /// Moves on if a deadline has passed; early and spurious wakes are harmless.
    public mutating func wake(at now: MonotonicInstant) -> [Effect] {
        self.scheduled = nil
        var effects = self.expire(at: now)
        effects += self.collect(at: now)
        self.endOverdue(at: now)
        effects += self.tick(at: now)
        return self.settle(effects, at: now)
    }

    /// The wall clock, carried on from its last reading; `nil` before the first.
    func wallMilliseconds(at now: MonotonicInstant) -> UInt64? {
        guard let wall = self.wall else { return nil }
        let elapsed = max(0, wall.at.duration(to: now).saturatedNanoseconds / 1_000_000)
        return wall.milliseconds &+ UInt64(elapsed)
    }

    private mutating func note(_ wallMilliseconds: UInt64, at now: MonotonicInstant) {
        self.wall = WallReading(milliseconds: wallMilliseconds, at: now)
    }

    /// Starts what may start, and asks for the next wake when it changed.
    private mutating func settle(_ effects: [Effect], at now: MonotonicInstant) -> [Effect] {
        var result = effects
        result += self.startExchanges(at: now)
        if let next = self.nextDeadline(after: now), next != self.scheduled {
            self.scheduled = next
            result.append(.wake(at: next))
        }
        return result
    }
}
