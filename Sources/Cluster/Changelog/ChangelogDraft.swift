internal import HashTreeCollections
public import MeshPrimitives

/// A write before it has a place in the log.
public struct ChangelogDraft: Equatable, Sendable {
    /// New content by key, `nil` to delete; what is there already in this form is left out.
    public var changes: [String: [UInt8]?] {
        didSet { self.prepared = nil }
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
    var prepared: PreparedChanges?

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
        self.changes = changes
        self.author = author
        self.message = message
        self.wallMilliseconds = wallMilliseconds
    }

    /// Bytes of keys and contents, to bound a batch.
    ///
    /// - Throws: ``ChangelogError/invalidKey(_:)``.
    func checkedByteCount() throws(ChangelogError) -> Int {
        var byteCount = 0
        for (key, body) in self.changes {
            guard EncodedChangeset.isKey(key) else { throw .invalidKey(key) }
            byteCount += key.utf8.count + (body?.count ?? 0) + 32
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
        guard let details = self.prepared?.details, details.count == self.changes.count else {
            return nil
        }
        return details
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
