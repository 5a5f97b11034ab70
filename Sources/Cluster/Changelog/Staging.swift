internal import MeshPrimitives

/// Changesets that came from peers and wait for the disk, each continuing its writer without gaps.
struct Staging: Sendable {
    private(set) var added: [EncodedChangeset] = []
    private(set) var removed: [EncodedChangeset] = []
    private(set) var byteCount = 0
    /// All that will be held once the disk has taken everything that waits.
    private(set) var vector: VersionVector
    private(set) var generation: UInt64
    private var hashes: [ChangesetID: ContentHash] = [:]
    private var generations: [WriterID: UInt64] = [:]

    /// Nothing waits beside what `log` holds.
    init(_ log: ReplayLog) {
        self.vector = log.vector
        self.generation = log.generation
    }

    var isEmpty: Bool { self.added.isEmpty && self.removed.isEmpty }

    /// The first place of what waits; `nil` when nothing does.
    var lowest: ChangesetPosition? { self.added.lazy.map(\.changeset.position).min() }

    /// The generation of a writer's newest changeset that waits; 0 when none does.
    func generation(of writer: WriterID) -> UInt64 { self.generations[writer] ?? 0 }

    /// The hash of a changeset that waits or is under way.
    func hash(of id: ChangesetID) -> ContentHash? { self.hashes[id] }

    /// Adds the next one of its writer.
    mutating func add(_ entry: EncodedChangeset) {
        self.added.append(entry)
        self.note(entry)
    }

    /// Counts a changeset that goes to the disk by another way.
    mutating func note(_ entry: EncodedChangeset) {
        self.byteCount += entry.byteCount
        self.hashes[entry.id] = entry.hash
        self.generations[entry.id.writer] = entry.changeset.generation
        self.generation = max(self.generation, entry.changeset.generation)
        self.vector[entry.id.writer] = VersionVector.Entry(
            sequence: entry.id.sequence,
            head: entry.hash
        )
    }

    /// Takes a writer's newest changesets out, so that others can come in their place.
    mutating func remove(_ entries: [EncodedChangeset], downTo entry: VersionVector.Entry?) {
        guard let writer = entries.first?.id.writer else { return }
        self.removed += entries
        self.vector[writer] = entry
    }

    /// Gives what waits to the disk; it still counts as held.
    mutating func take() -> (added: [EncodedChangeset], removed: [EncodedChangeset]) {
        defer {
            self.added = []
            self.removed = []
            self.byteCount = 0
        }
        return (self.added, self.removed)
    }
}
