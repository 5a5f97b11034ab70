public import MeshPrimitives

/// Why a write was refused, or bytes are no changeset; nothing has changed then.
public indirect enum ChangelogError: Error, Equatable, Sendable {
    /// The write changes nothing that a changeset could name.
    case invalidKey(String)
    /// The configuration is not, or is no longer, what the caller saw.
    case stale(held: ChangelogHead)
    /// An entity is not, or is no longer, what the caller saw; `held` is its hash, `nil`: none.
    case entityChanged(key: String, held: ContentHash?)
    /// The result would break a rule that every configuration obeys.
    case refused(reason: String)
    /// A backup was to be taken over by a log that holds something.
    case occupied(held: ChangelogHead)
    /// More bytes than one changeset may have.
    case tooLarge(found: Int, limit: Int)
    /// Too many writes wait for the disk.
    case busy(limit: Int)
    /// The disk did not take it; nobody has seen it.
    case notSaved(reason: String)
    /// Generations have run out, which only a damaged store can cause.
    case exhausted
    /// The sender's fault: bytes that are no changeset, checkpoint or vector.
    case malformed(reason: String)
}

extension ChangelogError: CustomStringConvertible {
    /// One sentence for the operator: what is wrong, what to do.
    public var description: String {
        switch self {
        case .invalidKey(let key):
            "'\(key.prefix(64))' is no key of an entity: use kind/id in visible ASCII"
        case .stale(let held):
            "the configuration is at \(held) and not what you based the change on: "
                + "read it again and repeat the change"
        case .entityChanged(let key, let held):
            "'\(key)' " + (held.map { "is now \($0)" } ?? "does not exist")
                + ", not what you based the change on: read it again and repeat the change"
        case .refused(let reason): "the change was refused: \(reason)"
        case .occupied(let held):
            "there is a configuration already, \(held): replace it by a new changeset, or restore "
                + "into a mesh without one"
        case .tooLarge(let found, let limit):
            "the change has \(found) bytes, more than \(limit): split it"
        case .busy(let limit): "\(limit) writes wait for the disk already: try again later"
        case .notSaved(let reason): "the change was not saved and not applied: \(reason)"
        case .exhausted: "generations have run out: restore the store from a backup"
        case .malformed(let reason): "not a changeset: \(reason)"
        }
    }
}

/// Which configuration: its generation and the hash of its content.
public struct ChangelogHead: Equatable, Sendable {
    /// The highest generation of any changeset in it; 0 when there is none.
    public let generation: UInt64
    /// The hash over all entities; zero when there is none.
    public let hash: ContentHash

    /// Creates a head.
    public init(generation: UInt64, hash: ContentHash) {
        self.generation = generation
        self.hash = hash
    }
}

extension ChangelogHead: CustomStringConvertible {
    /// As operators see it: `g41 7c1e`.
    public var description: String {
        "g\(self.generation) \(self.hash.description.prefix(4))"
    }
}
