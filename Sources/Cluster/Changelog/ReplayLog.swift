internal import MeshPrimitives

/// A checkpoint to be made of the oldest changesets of a log.
struct Folding: Equatable, Sendable {
    /// How many of them.
    let count: Int
    /// Complete but for ``entries``.
    let unfinished: Checkpoint
    /// What its state has yet to take in.
    let entries: [EncodedChangeset]

    /// The place of the last one of them.
    var horizon: ChangesetPosition { self.unfinished.horizon }

    /// Makes it; costs O(entities), so whoever can wait does it.
    func checkpoint(by rules: StructuralRules) -> (checkpoint: Checkpoint, bytes: [UInt8]) {
        var checkpoint = self.unfinished
        for entry in self.entries { _ = checkpoint.state.apply(entry, rules: rules) }
        let bytes = checkpoint.encoded
        checkpoint.hash = rules.hash(bytes)
        return (checkpoint, bytes)
    }
}

/// Changesets in the order of applying, and the state that they add up to.
///
/// The state is a function of the set: a late changeset is put where it belongs, and what follows is
/// replayed from the nearest state kept. States are kept every ``markInterval`` changesets, so that
/// placing one `n` places before the end costs at most `n` plus that many applications.
struct ReplayLog: Sendable {
    /// Changesets between two states kept.
    static let markInterval = 64
    /// Changes that are told one by one.
    private static let changedKeyLimit = 4_096
    private struct Mark: Sendable {
        /// How many changesets the state includes.
        let count: Int
        let state: ConfigurationState
    }

    /// What entries lead to that were applied to a log before it had them.
    struct Advance: Sendable {
        /// What that log held.
        let vector: VersionVector
        /// By entry, in order.
        var steps: [(hash: ContentHash, outcome: ChangesetOutcome, state: ConfigurationState)] = []

        init(of log: ReplayLog) { self.vector = log.vector }
    }

    /// What came before the first entry.
    private(set) var checkpoint: Checkpoint
    /// In order of applying.
    private(set) var entries: [EncodedChangeset] = []
    /// What became of each entry.
    private(set) var outcomes: [ChangesetOutcome] = []
    /// The hash of the configuration with each entry.
    private(set) var hashes: [ContentHash] = []
    /// After the last entry.
    private(set) var state: ConfigurationState
    /// All that is held, the checkpoint's included.
    private(set) var vector: VersionVector
    /// Bytes of all entries.
    private(set) var byteCount = 0
    private var marks: [Mark] = []
    private var chains: [WriterID: [EncodedChangeset]] = [:]
    private let rules: StructuralRules

    init(checkpoint: Checkpoint, rules: StructuralRules) {
        self.checkpoint = checkpoint
        self.state = checkpoint.state
        self.vector = checkpoint.vector
        self.rules = rules
    }

    /// The highest generation held.
    var generation: UInt64 {
        max(self.checkpoint.horizon.generation, self.entries.last?.changeset.generation ?? 0)
    }

    /// The changeset named `id`; `nil` when it is folded in or not held.
    func entry(_ id: ChangesetID) -> EncodedChangeset? {
        let floor = self.checkpoint.vector.sequence(of: id.writer)
        guard id.sequence > floor, let chain = self.chains[id.writer],
            id.sequence - floor <= UInt64(chain.count)
        else { return nil }
        return chain[Int(id.sequence - floor - 1)]
    }

    /// The hash of the changeset named `id` as far as it is known; folded ones only at the floor.
    func hash(of id: ChangesetID) -> ContentHash? {
        if let entry = self.entry(id) { return entry.hash }
        guard let floor = self.checkpoint.vector[id.writer], floor.sequence == id.sequence else {
            return nil
        }
        return floor.head
    }

    /// What became of an entry; `nil` when it is not held.
    func outcome(of entry: EncodedChangeset) -> ChangesetOutcome? {
        var low = 0
        var high = self.entries.count
        while low < high {
            let middle = (low + high) / 2
            if self.entries[middle].changeset.position < entry.changeset.position {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low < self.entries.count, self.entries[low].id == entry.id else { return nil }
        return self.outcomes[low]
    }

    /// Takes changesets out and others in; what goes in continues each writer without gaps.
    ///
    /// - Parameters:
    ///   - removed: what goes.
    ///   - added: what comes.
    ///   - advance: what the added ones lead to when the log holds what it held then, and nothing
    ///     comes after them.
    mutating func replace(
        _ removed: Set<ChangesetID>,
        with added: [EncodedChangeset],
        advance: Advance? = nil
    ) {
        let known = removed.isEmpty && advance?.vector == self.vector ? advance : nil
        var first = self.entries.count
        if !removed.isEmpty {
            first = self.entries.firstIndex { removed.contains($0.id) } ?? first
            for entry in self.entries[first...] where removed.contains(entry.id) {
                self.byteCount -= entry.byteCount
            }
            self.entries.removeAll { removed.contains($0.id) }
            for writer in Set(removed.map(\.writer)) { self.unchain(writer, removed) }
        }
        for entry in added.sorted(by: { $0.id < $1.id }) { self.chain(entry) }
        first = min(
            first,
            self.place(added.sorted { $0.changeset.position < $1.changeset.position })
        )
        self.replay(from: first, known)
    }

    /// Starts over from another checkpoint; keeps `kept`, which it neither holds nor outdates.
    mutating func rebase(onto checkpoint: Checkpoint, keeping kept: [EncodedChangeset]) {
        self = ReplayLog(checkpoint: checkpoint, rules: self.rules)
        self.replace([], with: kept)
    }

    /// What a checkpoint of the first `count` entries, at least one, is made of.
    func folding(of count: Int) -> Folding {
        var checkpoint = self.checkpoint
        let mark = self.marks.last { $0.count <= count }
        checkpoint.state = mark?.state ?? self.checkpoint.state
        for (entry, outcome) in zip(self.entries, self.outcomes).prefix(count) {
            checkpoint.vector[entry.id.writer] = VersionVector.Entry(
                sequence: entry.id.sequence,
                head: entry.hash
            )
            if case .applied(let conflicts) = outcome { checkpoint.conflicts += conflicts }
        }
        checkpoint.conflicts = Array(checkpoint.conflicts.suffix(Checkpoint.conflictLimit))
        checkpoint.horizon = self.entries[count - 1].changeset.position
        checkpoint.hash = .zero
        return Folding(
            count: count,
            unfinished: checkpoint,
            entries: Array(self.entries[(mark?.count ?? 0)..<count])
        )
    }

    /// Puts a checkpoint made by ``folding(of:)`` in the place of the first `count` entries.
    mutating func fold(_ count: Int, into checkpoint: Checkpoint) {
        for entry in self.entries.prefix(count) {
            self.byteCount -= entry.byteCount
            self.chains[entry.id.writer]?.removeFirst()
            if self.chains[entry.id.writer]?.isEmpty == true { self.chains[entry.id.writer] = nil }
        }
        self.checkpoint = checkpoint
        if self.rules.flaw == .forgetsFolded {
            self.vector = VersionVector()
            for (writer, chain) in self.chains {
                self.vector[writer] = chain.last.map {
                    VersionVector.Entry(sequence: $0.id.sequence, head: $0.hash)
                }
            }
        }
        self.entries.removeFirst(count)
        self.outcomes.removeFirst(count)
        self.hashes.removeFirst(count)
        self.marks = self.marks.filter { $0.count > count }
            .map { Mark(count: $0.count - count, state: $0.state) }
    }

    /// Keys among which are all that differ from the configuration with this hash; `nil` when that is
    /// not remembered, or when they are so many that comparing everything costs no more.
    ///
    /// The same content is the same whatever led to it, so what came after its last occurrence in
    /// today's order is all that can differ.
    func keysChanged(since hash: ContentHash) -> Set<String>? {
        let index = self.hashes.lastIndex(of: hash)
        guard index != nil || hash == self.checkpoint.state.hash else { return nil }
        let entries = self.entries[(index.map { $0 + 1 } ?? 0)...]
        guard entries.reduce(0, { $0 + $1.changeset.changes.count }) <= Self.changedKeyLimit else {
            return nil
        }
        var keys: Set<String> = []
        for entry in entries {
            keys.formUnion(entry.changeset.changes.lazy.map(\.key))
        }
        return keys
    }

    private mutating func chain(_ entry: EncodedChangeset) {
        assert(entry.id.sequence == self.vector.sequence(of: entry.id.writer) + 1, "no gaps")
        self.chains[entry.id.writer, default: []].append(entry.settled)
        self.vector[entry.id.writer] = VersionVector.Entry(
            sequence: entry.id.sequence,
            head: entry.hash
        )
        self.byteCount += entry.byteCount
    }

    private mutating func unchain(_ writer: WriterID, _ removed: Set<ChangesetID>) {
        self.chains[writer]?.removeAll { removed.contains($0.id) }
        if let last = self.chains[writer]?.last {
            self.vector[writer] = VersionVector.Entry(sequence: last.id.sequence, head: last.hash)
        } else {
            self.chains[writer] = nil
            self.vector[writer] = self.checkpoint.vector[writer]
        }
    }

    /// Puts entries where they belong; gives the first place that changed.
    private mutating func place(_ added: [EncodedChangeset]) -> Int {
        guard self.rules.flaw != .appliesInOrderOfArrival else {
            self.entries += added
            return self.entries.count - added.count
        }
        guard let lowest = added.first?.changeset.position else { return self.entries.count }
        var index = self.entries.count
        while index > 0, self.entries[index - 1].changeset.position > lowest { index -= 1 }
        let tail = (self.entries[index...] + added)
            .sorted { $0.changeset.position < $1.changeset.position }
        self.entries.replaceSubrange(index..., with: tail)
        return index
    }

    /// Applies all entries from `index` on again.
    private mutating func replay(from index: Int, _ advance: Advance? = nil) {
        var next = self.outcomes.count
        let isKnown =
            index == next
            && advance?.steps.map(\.hash) == self.entries[next...].map(\.hash)
        let steps = isKnown ? advance?.steps ?? [] : []
        if index < next {
            self.marks.removeAll { $0.count > index }
            next = self.marks.last?.count ?? 0
            self.state = self.marks.last?.state ?? self.checkpoint.state
            self.outcomes.removeLast(self.outcomes.count - next)
            self.hashes.removeLast(self.hashes.count - next)
        }
        for index in next..<self.entries.count {
            if let step = steps.dropFirst(index - next).first {
                self.outcomes.append(step.outcome)
                self.state = step.state
            } else {
                self.outcomes.append(self.state.apply(self.entries[index], rules: self.rules))
            }
            self.entries[index] = self.entries[index].settled
            self.hashes.append(self.state.hash)
            guard self.outcomes.count - (self.marks.last?.count ?? 0) >= Self.markInterval else {
                continue
            }
            self.marks.append(Mark(count: self.outcomes.count, state: self.state))
        }
    }
}
