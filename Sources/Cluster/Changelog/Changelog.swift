internal import HashTreeCollections
public import MeshPrimitives

/// The configuration as a log of changesets that every node replays alike.
///
/// Pure: opens no socket, touches no disk, reads no clock, rolls no dice. The shell carries out the
/// effects in order and answers ``ChangelogEffect/persist(_:token:)`` when the disk has.
///
/// What a node holds is a set of changesets, and its state is a function of that set. Nothing is
/// part of it, shown or passed on before it is durable here. The set is compared by one hash and
/// completed by fetching, so every message may be lost.
///
///     write --persist--> durable here --acknowledgements--> durable at min(3, fleet) nodes
///     peer's root differs --inquiry, want--> staged --persist--> durable here, passed on once
public struct Changelog: Sendable {
    /// This node.
    public let node: NodeID

    /// Whether this node is about to join a fleet of which nobody has answered: a write that it alone
    /// holds is not safe then.
    public var expectsPeers = false

    let region: String
    let configuration: ChangelogConfiguration
    let rules: StructuralRules
    let keys: WriterKeys?
    var log: ReplayLog
    var checkpointBytes: [UInt8] = []
    var staging: Staging
    /// What the disk was given, but for a checkpoint.
    var flight: Flight?
    /// A checkpoint that is being made and saved, while changesets go on being saved beside it.
    var folding: Flight?
    var nextToken: UInt64 = 1
    var generator: SeededGenerator

    var writer: WriterID
    var isWriterSaved: Bool
    /// Own changesets of which the disk may hold what was told to have failed.
    var uncertain: [ChangesetID] = []
    var drafts: [(ticket: UInt64, draft: ChangelogDraft, byteCount: Int)] = []
    var pending: [PendingWrite] = []
    var displaced: [Displaced] = []

    var peers = ChangelogPeers()
    var covered: [NodeID: Int] = [:]
    var past = PastVectors()

    /// Large changesets that peers are fetching, the one asked for last at the end.
    var served: [Served] = []
    var session: FetchSession?
    var partial = PartialContent()
    var candidates: Set<NodeID> = []
    /// Peers that did not answer the last session, by stream; the next one is by datagram.
    var withoutStreams: Set<NodeID> = []
    var pauses: [NodeID: FetchPause] = [:]
    var fetchAfter: MonotonicInstant?
    var adoption: Adoption?
    var askers: Set<NodeID> = []
    var shown: Set<ChangesetID> = []
    /// Entries from which on folding is looked at again, since looking costs.
    var foldCheck = 0
    /// When folding may be tried again, after the disk has refused it.
    var foldAfter: MonotonicInstant?
    /// When the next look at what is due was asked for; `nil` before the first.
    private var nextLook: MonotonicInstant?

    /// The hash of all that is held durably, as probes carry it; equal roots mean equal sets.
    public private(set) var root: ContentHash
    /// Why the disk did not take what it was given last; `nil` when it did.
    public internal(set) var diskFault: String?

    /// What waits to be written again, because its place was taken or folded.
    struct Displaced: Sendable {
        let entry: EncodedChangeset
        var since: MonotonicInstant?
    }

    /// A checkpoint of a peer that this node goes on from.
    struct Adoption: Sendable {
        let checkpoint: Checkpoint
        let bytes: [UInt8]
    }

    /// The bytes of a changeset of which a part was asked for.
    struct Served: Sendable {
        let hash: ContentHash
        let bytes: [UInt8]
        let at: MonotonicInstant
    }

    /// When a peer may be asked again.
    struct FetchPause: Sendable {
        var until: MonotonicInstant
        var length: Duration
    }

    /// A transaction that the disk has been given.
    struct Flight: Sendable {
        enum Kind: Sendable {
            case append(writes: [(ticket: UInt64, id: ChangesetID?)])
            case fold
            case rebase(Checkpoint, kept: [EncodedChangeset])
            case restore(Checkpoint, kept: [EncodedChangeset], ticket: UInt64)
        }

        let token: UInt64
        let kind: Kind
        let batch: ChangelogBatch
        /// Peers that wait to hear that it is durable.
        let askers: Set<NodeID>
        /// What its own writes lead to, worked out when they were taken in.
        var advance: ReplayLog.Advance?
    }

    /// Creates a log from what its store holds.
    ///
    /// - Parameters:
    ///   - node: this node.
    ///   - region: its region.
    ///   - stored: what was read from disk; changesets that do not follow each other are left out
    ///     and fetched again.
    ///   - rules: hash and structural rules.
    ///   - configuration: pace and bounds.
    ///   - keys: seal what is written here, and check what comes from peers; without, anything is
    ///     taken in that has a place.
    ///   - seed: drawn from the system's generator at every start; names new writers.
    /// - Throws: ``ChangelogError/malformed(reason:)`` when the checkpoint is unreadable.
    public init(
        node: NodeID,
        region: String,
        stored: StoredChangelog,
        rules: StructuralRules,
        configuration: ChangelogConfiguration = ChangelogConfiguration(),
        keys: WriterKeys? = nil,
        seed: UInt64
    ) throws(ChangelogError) {
        self.node = node
        self.region = region
        self.configuration = configuration
        self.rules = rules
        self.keys = keys
        self.generator = SeededGenerator(seed: seed ^ node.low)
        // Nobody would take in what is sealed under the store of another node.
        let writer = stored.writer.flatMap { keys == nil || $0.belongs(to: node) ? $0 : nil }
        self.isWriterSaved = writer != nil
        self.writer = writer ?? WriterID(of: node, using: &self.generator)
        var checkpoint = Checkpoint()
        if let saved = stored.checkpoint {
            checkpoint = try Checkpoint(decoding: saved.bytes, rules: rules)
            checkpoint.conflicts = Conflict.decoded(saved.conflicts)
            self.checkpointBytes = saved.bytes
        }
        self.log = ReplayLog(checkpoint: checkpoint, rules: rules)
        self.log.replace([], with: Self.following(checkpoint, stored.changesets, rules))
        self.staging = Staging(self.log)
        self.root = self.log.vector.root(hash: rules.hash)
        self.past.add(self.log.vector, root: self.root)
        for bytes in stored.displaced {
            guard let entry = try? EncodedChangeset(decoding: bytes, hash: rules.hash) else {
                continue
            }
            self.displaced.append(Displaced(entry: entry, since: nil))
        }
    }

    /// The newest configuration, all of it durable here.
    public var state: ConfigurationState { self.log.state }

    /// Its generation and hash.
    public var head: ChangelogHead {
        ChangelogHead(generation: self.log.generation, hash: self.log.state.hash)
    }

    /// What is held durably, by writer.
    public var vector: VersionVector { self.log.vector }

    /// Changes that met others which their writers had not seen, oldest first.
    ///
    /// Open while the winner still stands: ``isOpen(_:)``.
    public var conflicts: [Conflict] {
        self.log.checkpoint.conflicts
            + self.log.outcomes.flatMap { outcome -> [Conflict] in
                if case .applied(let conflicts) = outcome { conflicts } else { [] }
            }
    }

    /// Whether a conflict's winner still stands as it was, so that nobody has looked after it.
    public func isOpen(_ conflict: Conflict) -> Bool {
        let held = self.log.state.entities[conflict.key]
        return held?.body == conflict.winner.body && held?.body != conflict.loser.body
    }

    /// Whether a changeset is held durably, or was written again as a late one.
    ///
    /// Of a folded one only its number is known.
    public func includes(_ id: ChangesetID, _ hash: ContentHash) -> Bool {
        if self.log.state.includes(origin: hash) { return true }
        guard let held = self.log.hash(of: id) else { return self.log.vector.covers(id) }
        return held == hash
    }

    /// Keys among which are all entities that differ from the configuration with this hash; `nil`:
    /// compare everything.
    ///
    /// Costs O(what changed since).
    public func keysChanged(since hash: ContentHash) -> Set<String>? {
        self.log.keysChanged(since: hash)
    }

    /// Starts the machine's timer.
    public mutating func begin(at now: MonotonicInstant) -> [ChangelogEffect] { self.wake(at: now) }

    /// Takes in who is in the fleet beside this node, also who is not reachable now.
    ///
    /// Nothing is folded before every one of them holds it.
    public mutating func setPeers(_ peers: [ChangelogPeer]) {
        self.setPeers(ChangelogPeers(peers))
    }

    /// Takes in the fleet, this node perhaps among it, and shares its memory.
    public mutating func setPeers(_ peers: ChangelogPeers) {
        self.peers = peers
        self.peers.remove(self.node)
        self.covered = self.covered.filter { self.peers[$0.key] != nil }
        self.pauses = self.pauses.filter { self.peers[$0.key] != nil }
        self.candidates = self.candidates.filter { self.peers[$0] != nil }
        self.withoutStreams = self.withoutStreams.filter { self.peers[$0] != nil }
    }

    /// Does what is due; early and spurious calls are harmless.
    public mutating func wake(at now: MonotonicInstant) -> [ChangelogEffect] {
        var effects: [ChangelogEffect] = []
        self.forgetServed(at: now)
        effects += self.repeatSession(at: now)
        effects += self.attendWrites(at: now)
        effects += self.startFlight(at: now)
        effects += self.startSession(at: now)
        let (quiet, busy) = (self.configuration.quietInterval, self.configuration.tickInterval)
        let next = now.advanced(by: self.isQuiet ? quiet : busy)
        self.nextLook = next
        effects.append(.wake(at: next))
        return effects
    }

    /// Whether nothing is under way that a look would move on.
    private var isQuiet: Bool {
        self.session == nil && self.candidates.isEmpty && self.pending.isEmpty
            && self.displaced.isEmpty && self.staging.isEmpty && self.adoption == nil
            && self.drafts.isEmpty && self.isDiskIdle
    }

    /// Asks to be woken soon when something has got under way, which the next look is too late for.
    mutating func hasten(
        _ effects: [ChangelogEffect],
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        let due = now.advanced(by: self.configuration.tickInterval)
        guard let next = self.nextLook, due < next, !self.isQuiet else { return effects }
        self.nextLook = due
        return effects + [.wake(at: due)]
    }

    /// Takes in the root that a peer's probe carried.
    public mutating func peerRoot(
        _ peer: NodeID,
        _ root: ContentHash,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        guard self.peers[peer] != nil else { return [] }
        if let number = self.past.number(of: root) {
            self.covered[peer] = max(number, self.covered[peer] ?? 0)
        }
        guard root != self.root else {
            self.candidates.remove(peer)
            self.pauses[peer] = nil
            return self.confirmed(by: peer) { _ in true }
        }
        self.candidates.insert(peer)
        let effects = self.startSession(at: now)
        return self.hasten(effects, at: now)
    }

    /// Takes in a message of a peer's changelog; what is asked is answered the way it came.
    public mutating func receive(
        _ message: ChangelogMessage,
        from peer: NodeID,
        by path: ChangelogPath = .stream,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        if self.session?.peer == peer { self.session?.repeats = 0 }
        if path == .stream { self.withoutStreams.remove(peer) }
        let effects = self.take(message, from: peer, by: path, at: now)
        return self.hasten(effects, at: now)
    }

    private mutating func take(
        _ message: ChangelogMessage,
        from peer: NodeID,
        by path: ChangelogPath,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        switch message {
        case .push(let parts, let wantsAnswer):
            self.receivePush(parts, from: peer, wantsAnswer: wantsAnswer, at: now)
        case .announce(let root, _, let wantsAnswer):
            self.receiveAnnounce(root, from: peer, wantsAnswer: wantsAnswer, at: now)
        case .held(let changesets): self.receiveHeld(changesets, from: peer)
        case .inquiry(let summary):
            self.receiveInquiry(summary, from: peer, by: path, at: now)
        case .summary(let summary): self.receiveSummary(summary, from: peer, at: now)
        case .want(let vector, let progress):
            self.serve(vector, progress, to: peer, by: path, at: now)
        case .parts(let parts, let isLast):
            self.receiveParts(parts, isLast: isLast, from: peer, at: now)
        case .wantCheckpoint(let hash, let offset):
            self.serveCheckpoint(hash, offset: offset, to: peer, by: path)
        case .checkpointPart(let hash, let total, let offset, let bytes):
            self.receiveCheckpoint(hash, total, offset, bytes, from: peer, at: now)
        }
    }

    /// Whether nothing is on its way to the disk.
    var isDiskIdle: Bool { self.flight == nil && self.folding == nil }

    /// Takes note of a changed set, after the log has changed.
    mutating func logChanged() {
        self.root = self.log.vector.root(hash: self.rules.hash)
        self.past.add(self.log.vector, root: self.root)
    }

    /// Of stored changesets those that continue the checkpoint without gaps.
    private static func following(
        _ checkpoint: Checkpoint,
        _ stored: [[UInt8]],
        _ rules: StructuralRules
    ) -> [EncodedChangeset] {
        var vector = checkpoint.vector
        let entries = stored.compactMap { try? EncodedChangeset(decoding: $0, hash: rules.hash) }
        return entries.sorted { $0.id < $1.id }.filter { entry in
            let last = vector[entry.id.writer]
            guard entry.id.sequence == (last?.sequence ?? 0) &+ 1,
                entry.changeset.previous == last?.head ?? .zero,
                entry.changeset.position > checkpoint.horizon
            else { return false }
            vector[entry.id.writer] = VersionVector.Entry(
                sequence: entry.id.sequence,
                head: entry.hash
            )
            return true
        }
    }
}
