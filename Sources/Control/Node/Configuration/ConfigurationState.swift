import MeshPrimitives

/// One state of the replicated configuration: which one, and all its entities as they are stored.
struct ConfigurationState: Equatable, Sendable {
    /// Which state it is; nodes with the same hash route the same.
    struct Head: Hashable, Sendable {
        /// Rises with every change; shown, never compared to decide.
        var generation: UInt64
        /// Hash of all entities.
        var hash: ContentHash

        /// Of a store that nobody has written to.
        static let none = Head(generation: 0, hash: .zero)
    }

    var head: Head
    /// By key, rising.
    var entities: [StoredEntity]

    /// Of a store that nobody has written to.
    static let empty = ConfigurationState(head: .none, entities: [])
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
    /// The whole state: head and entities of one moment.
    var state: @Sendable () async -> ConfigurationState
    /// The newest state of the past of which `isSkipped` is false; `nil` when none is remembered.
    var earlier:
        @Sendable (_ isSkipped: @Sendable (ContentHash) -> Bool) async -> ConfigurationState? = {
            _ in nil
        }
    /// Whether another member answers.
    var hasPeers: @Sendable () async -> Bool
}
