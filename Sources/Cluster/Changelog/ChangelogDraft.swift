internal import HashTreeCollections
public import MeshPrimitives

/// A write before it has a place in the log.
public struct ChangelogDraft: Equatable, Sendable {
    /// What is to be changed.
    private enum Content: Sendable {
        /// What is listed, with what replay needs to know of it, when somebody has worked it out.
        case listed([String: [UInt8]?], PreparedChanges?)
        /// All contents of what was worked out.
        case created(PreparedChanges)
    }

    private var content: Content

    /// New content by key, `nil` to delete; what is there already in this form is left out.
    ///
    /// Reading them costs O(changes) where the draft was made of details.
    public var changes: [String: [UInt8]?] {
        get {
            switch self.content {
            case .listed(let changes, _): changes
            case .created(let prepared):
                Dictionary(uniqueKeysWithValues: prepared.details.map { ($0.key, $0.body) })
            }
        }
        _modify {
            var changes = self.changes
            // Nobody else holds them while they are changed.
            self.content = .listed([:], nil)
            defer { self.content = .listed(changes, nil) }
            yield &changes
        }
    }

    /// Who asks for it; empty when unknown.
    public var author: String
    /// Why; may be empty.
    public var message: String
    /// The wall clock in milliseconds since 1970; shown, never compared.
    public var wallMilliseconds: UInt64
    /// What the writer must have seen.
    public var expecting: Expectation = .anything
    /// What replay needs to know of its changes, when somebody has worked it out.
    var prepared: PreparedChanges? {
        switch self.content {
        case .listed(_, let prepared): prepared
        case .created(let prepared): prepared
        }
    }

    /// What must hold when the write gets its place, or it is refused.
    public enum Expectation: Equatable, Sendable {
        /// Nothing: the write stands upon whatever is there.
        case anything
        /// The whole configuration has this hash.
        case head(ContentHash)
        /// These entities have these hashes; `nil`: do not exist.
        case entities([String: ContentHash?])
    }

    /// Creates a draft.
    public init(
        changes: [String: [UInt8]?],
        author: String = "",
        message: String = "",
        wallMilliseconds: UInt64 = 0
    ) {
        self.content = .listed(changes, nil)
        self.author = author
        self.message = message
        self.wallMilliseconds = wallMilliseconds
    }

    /// Creates a draft that writes everything that was worked out, and deletes nothing.
    public init(creating prepared: PreparedChanges) {
        self.init(changes: [:])
        self.content = .created(prepared)
    }

    /// Takes over what replay needs to know of the draft's contents, by rising key.
    ///
    /// Changing the draft afterwards forgets it.
    public mutating func prepare(with details: [PreparedChanges.Detail]) {
        self.content = .listed(self.changes, PreparedChanges(details))
    }

    /// Whether something is to be changed whose key is such.
    public func containsKey(where isSuch: (String) -> Bool) -> Bool {
        switch self.content {
        case .listed(let changes, _): changes.keys.contains(where: isSuch)
        case .created(let prepared): prepared.details.contains { isSuch($0.key) }
        }
    }

    /// Whether nothing is to be changed.
    public var isEmpty: Bool {
        switch self.content {
        case .listed(let changes, _): changes.isEmpty
        case .created(let prepared): prepared.details.isEmpty
        }
    }

    /// Whether two would write the same.
    public static func == (left: ChangelogDraft, right: ChangelogDraft) -> Bool {
        left.changes == right.changes && left.author == right.author
            && left.message == right.message && left.wallMilliseconds == right.wallMilliseconds
            && left.expecting == right.expecting
    }

    /// Bytes of keys and contents, to bound a batch.
    ///
    /// - Throws: ``ChangelogError/invalidKey(_:)``.
    func checkedByteCount() throws(ChangelogError) -> Int {
        var byteCount = 0
        func add(_ key: String, _ body: [UInt8]?) throws(ChangelogError) {
            guard EncodedChangeset.isKey(key) else { throw .invalidKey(key) }
            byteCount += key.utf8.count + (body?.count ?? 0) + 32
        }
        switch self.content {
        case .listed(let changes, _):
            for (key, body) in changes { try add(key, body) }
        case .created(let prepared):
            for detail in prepared.details { try add(detail.key, detail.body) }
        }
        return byteCount
    }

    /// Why the writer saw something else than what is there; `nil` when it did not.
    func staleness(at head: ChangelogHead, of state: ConfigurationState) -> ChangelogError? {
        switch self.expecting {
        case .anything: return nil
        case .head(let hash): return hash == head.hash ? nil : .stale(held: head)
        case .entities(let expected):
            for (key, hash) in expected.sorted(by: { $0.key < $1.key }) {
                let held = state.entities[key]?.hash
                guard held == hash else { return .entityChanged(key: key, held: held) }
            }
            return nil
        }
    }

    /// The parts of ``changes``, by rising key.
    private var ordered: [(key: String, body: [UInt8]?)] {
        self.all?.map { ($0.key, $0.body) }
            ?? self.changes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// What was prepared, which is in order already, when it is all there is: when nothing is deleted.
    private var all: [PreparedChanges.Detail]? {
        switch self.content {
        case .created(let prepared): prepared.details
        case .listed(let changes, let prepared):
            prepared.flatMap { $0.details.count == changes.count ? $0.details : nil }
        }
    }

    /// The changes that make a difference, by ascending key, with what each replaces.
    func changes(of state: ConfigurationState) -> [Changeset.Change] {
        if state.entities.isEmpty, let all = self.all {
            return all.map { Changeset.Change(key: $0.key, replaces: nil, body: $0.body) }
        }
        return self.ordered.compactMap { key, body in
            let held = state.entities.isEmpty ? nil : state.entities[key]
            guard held?.body != body else { return nil }
            return Changeset.Change(key: key, replaces: held?.stamp, body: body)
        }
    }
}
