public import MeshPrimitives

/// One state of the replicated configuration: which one, and its entities as they are stored.
///
/// Cheap to make and to hand on, whatever its size: the entities are listed when somebody asks, and
/// a state that came soon after another one says in what it differs.
public struct RoutedState: Sendable {
    /// Which state it is; nodes with the same hash route the same.
    public struct Head: Hashable, Sendable {
        /// Rises with every change; shown, never compared to decide.
        public var generation: UInt64
        /// Hash of all entities.
        public var hash: ContentHash

        /// Creates a head.
        public init(generation: UInt64, hash: ContentHash) {
            self.generation = generation
            self.hash = hash
        }

        /// Of a store that nobody has written to.
        public static let none = Head(generation: 0, hash: .zero)
    }

    /// In what a state differs from an earlier one.
    public struct Changes: Equatable, Sendable {
        /// The earlier one.
        public var base: ContentHash
        /// Every entity that may differ, by key: its body now, `nil` when it is gone.
        public var bodies: [String: [UInt8]?]

        /// Creates changes.
        public init(base: ContentHash, bodies: [String: [UInt8]?]) {
            self.base = base
            self.bodies = bodies
        }
    }

    /// Which one.
    public var head: Head
    /// Whether there is no entity.
    public let isEmpty: Bool
    /// What differs from the state that was received before; `nil` when that is not known.
    public var changes: Changes?
    private let list: @Sendable () -> [StoredEntity]

    /// All entities by key, rising; takes time in proportion to them.
    public var entities: [StoredEntity] { self.list() }

    /// Of a store that nobody has written to.
    public static let empty = RoutedState(head: .none, entities: [])

    /// Creates a state whose entities `list` gives, by rising keys.
    public init(
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
    public init(head: Head, entities: [StoredEntity]) {
        self.init(head: head, isEmpty: entities.isEmpty) { entities }
    }

    /// The same state as seen from the one before `earlier`, when what both differ in is known.
    public func following(_ earlier: RoutedState?) -> RoutedState {
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

extension RoutedState: Equatable {
    /// States of one head hold the same entities.
    public static func == (left: RoutedState, right: RoutedState) -> Bool {
        left.head == right.head && left.changes == right.changes
    }
}

/// One entity as the store holds it.
public struct StoredEntity: Equatable, Sendable {
    /// Collection and identity, such as `routes/0b5c…`.
    public var key: String
    /// Its document as canonical JSON.
    public var body: [UInt8]

    /// Creates an entity.
    public init(key: String, body: [UInt8]) {
        self.key = key
        self.body = body
    }
}
