import MeshPrimitives

/// One state of the replicated configuration: which one, and its entities as they are stored.
///
/// Cheap to make and to hand on, whatever its size: the entities are listed when somebody asks, and
/// a state that came soon after another one says in what it differs.
struct ConfigurationState: Sendable {
    /// Which state it is; nodes with the same hash route the same.
    struct Head: Hashable, Sendable {
        /// Rises with every change; shown, never compared to decide.
        var generation: UInt64
        /// Hash of all entities.
        var hash: ContentHash

        /// Of a store that nobody has written to.
        static let none = Head(generation: 0, hash: .zero)
    }

    /// In what a state differs from an earlier one.
    struct Changes: Equatable, Sendable {
        /// The earlier one.
        var base: ContentHash
        /// Every entity that may differ, by key: its body now, `nil` when it is gone.
        var bodies: [String: [UInt8]?]
    }

    var head: Head
    /// Whether there is no entity.
    let isEmpty: Bool
    /// What differs from the state that was received before; `nil` when that is not known.
    var changes: Changes?
    private let list: @Sendable () -> [StoredEntity]

    /// All entities by key, rising; takes time in proportion to them.
    var entities: [StoredEntity] { self.list() }

    /// Of a store that nobody has written to.
    static let empty = ConfigurationState(head: .none, entities: [])

    /// Creates a state whose entities `list` gives, by rising keys.
    init(
        head: Head,
        isEmpty: Bool,
        changes: Changes? = nil,
        list: @escaping @Sendable () -> [StoredEntity]
    ) {
        self.head = head
        self.isEmpty = isEmpty
        self.changes = changes
        self.list = list
    }

    /// Creates a state of entities with rising keys.
    init(head: Head, entities: [StoredEntity]) {
        self.init(head: head, isEmpty: entities.isEmpty) { entities }
    }

    /// The same state as seen from the one before `earlier`, when what both differ in is known.
    func following(_ earlier: ConfigurationState?) -> ConfigurationState {
        var result = self
        guard let changes = self.changes, let earlier, changes.base == earlier.head.hash,
            let before = earlier.changes
        else {
            result.changes = nil
            return result
        }
        result.changes = Changes(
            base: before.base,
            bodies: before.bodies.merging(changes.bodies) { _, now in now }
        )
        return result
    }
}

extension ConfigurationState: Equatable {
    /// States of one head hold the same entities.
    static func == (left: ConfigurationState, right: ConfigurationState) -> Bool {
        left.head == right.head && left.changes == right.changes
    }
}

/// One entity as the store holds it.
struct StoredEntity: Equatable, Sendable {
    /// Collection and identity, such as `routes/0b5c…`.
    var key: String
    /// Its document as canonical JSON.
    var body: [UInt8]
}

/// Where the newest state is read.
///
/// Level-triggered: whoever says that something changed says no more than that, and the newest state
/// is read here, so that no lost signal can lose a state.
struct ConfigurationSource: Sendable {
    /// Which state is there now; cheap.
    var head: @Sendable () async -> ConfigurationState.Head
    /// The whole state: head and entities of one moment, and its changes since the state with a hash
    /// when they are remembered.
    var state: @Sendable (_ since: ContentHash) async -> ConfigurationState
    /// The newest state of the past of which `isSkipped` is false; `nil` when none is remembered.
    var earlier:
        @Sendable (_ isSkipped: @Sendable (ContentHash) -> Bool) async -> ConfigurationState? = {
            _ in nil
        }
    /// Whether another member answers.
    var hasPeers: @Sendable () async -> Bool
}
