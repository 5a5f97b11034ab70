public import MeshPrimitives

/// One write: everything that one Admin call or one `apply` changes, applied whole or not at all.
///
/// Encoded once, by its writer; every other node keeps and relays those bytes. Their hash is its
/// identity check and what later changes name as what they replace.
public struct Changeset: Equatable, Sendable {
    /// Its name.
    public let id: ChangesetID
    /// The hash of the writer's changeset before this one; zero for the first.
    ///
    /// Chains a writer's changesets, so that the newest hash stands for all of them.
    public let previous: ContentHash
    /// One more than the highest generation that its writer had seen; from 1.
    public let generation: UInt64
    /// The node whose store wrote it.
    public let node: NodeID
    /// When it was written by that node's clock, in milliseconds since 1970.
    ///
    /// Shown, never compared: clocks decide nothing here.
    public let wallMilliseconds: UInt64
    /// Who asked for it; empty when unknown.
    public let author: String
    /// Why, in the author's words; may be empty.
    public let message: String
    /// Set on a changeset that repeats one which could no longer be placed: the hash of that one.
    ///
    /// Such a changeset is late: it stands only where nobody has changed the entity meanwhile, and a
    /// second one with the same origin changes nothing.
    public let origin: ContentHash?
    /// What it changes, by ascending key, no key twice.
    public let changes: [Change]

    /// One entity's new content.
    public struct Change: Equatable, Sendable {
        /// The entity, `<kind>/<id>`.
        public let key: String
        /// The hash of the changeset whose content the writer saw and replaces; `nil`: none existed.
        public let replaces: ContentHash?
        /// The new content; `nil` deletes the entity.
        public let body: [UInt8]?

        /// Creates a change.
        public init(key: String, replaces: ContentHash?, body: [UInt8]?) {
            self.key = key
            self.replaces = replaces
            self.body = body
        }
    }

    /// Creates a changeset; `changes` must ascend by key without repeating one.
    public init(
        id: ChangesetID,
        previous: ContentHash,
        generation: UInt64,
        node: NodeID,
        wallMilliseconds: UInt64,
        author: String,
        message: String,
        origin: ContentHash? = nil,
        changes: [Change]
    ) {
        self.id = id
        self.previous = previous
        self.generation = generation
        self.node = node
        self.wallMilliseconds = wallMilliseconds
        self.author = author
        self.message = message
        self.origin = origin
        self.changes = changes
    }

    /// Its place in the order of applying.
    public var position: ChangesetPosition {
        ChangesetPosition(generation: self.generation, writer: self.id.writer)
    }

    /// Whether it was written again because its first version came too late to be placed.
    public var isLate: Bool { self.origin != nil }
}
