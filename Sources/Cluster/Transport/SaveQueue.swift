import MeshReplication

/// Keeps a store's effects in order around saves: what follows a save waits for it.
///
///     idle --persist--> saving --done--> idle, goes on with what waited
///
/// What has nothing to do with the disk never waits: health news must not be held up by a slow one.
struct SaveQueue {
    /// One step of the store.
    struct Entry {
        /// What is left to do, in order.
        var effects: ArraySlice<Replication.Effect>
        /// The durable local write behind the step; `nil` for all else.
        var write: LocalWrite?
    }

    /// What to do next.
    enum Turn {
        case perform(Replication.Effect)
        case save([Record])
        case finished(LocalWrite)
    }

    private(set) var isSaving = false
    private var entries: [Entry] = []

    /// Steps that wait, the one being saved included.
    var count: Int { self.entries.count }

    /// Whether nothing waits and nothing is being saved.
    var isIdle: Bool { self.entries.isEmpty && !self.isSaving }

    /// Takes in one step; gives back what need not wait for the disk.
    mutating func add(_ entry: Entry) -> [Replication.Effect] {
        var waiting = entry
        guard !self.isIdle || entry.effects.contains(where: \.isSave) else {
            self.entries.append(entry)
            return []
        }
        waiting.effects = entry.effects.filter { !$0.isIndependentOfDisk }[...]
        let free = entry.effects.filter(\.isIndependentOfDisk)
        if !waiting.effects.isEmpty || waiting.write != nil { self.entries.append(waiting) }
        return free
    }

    /// What to do now; `nil` when a save is under way or nothing is left.
    mutating func next() -> Turn? {
        guard !self.isSaving, !self.entries.isEmpty else { return nil }
        guard let effect = self.entries[0].effects.popFirst() else {
            let entry = self.entries.removeFirst()
            return entry.write.map { .finished($0) } ?? self.next()
        }
        guard case .persist(let records) = effect else { return .perform(effect) }
        self.isSaving = true
        return .save(records)
    }

    /// Ends the save under way; gives the write that must be undone, if it was one and it failed.
    mutating func saved(_ outcome: Result<Void, any Error>) -> LocalWrite? {
        self.isSaving = false
        guard case .failure = outcome, let write = self.entries.first?.write else { return nil }
        self.entries.removeFirst()
        return write
    }
}

extension Replication.Effect {
    /// Whether this is a save.
    var isSave: Bool {
        if case .persist = self { true } else { false }
    }

    /// Whether this may overtake a save: it speaks of records that are never on disk, or of none.
    var isIndependentOfDisk: Bool {
        switch self {
        case .send(.push(let records, let offers, _), _):
            records.allSatisfy { !$0.key.kind.isDurable }
                && offers.allSatisfy { !$0.key.kind.isDurable }
        case .applied(let records): records.allSatisfy { !$0.key.kind.isDurable }
        case .expired, .clockRefused, .wake: true
        case .send, .stream, .persist, .conflict, .collected: false
        }
    }
}
