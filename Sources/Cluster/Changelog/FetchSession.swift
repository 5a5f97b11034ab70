internal import MeshPrimitives

/// One fetch from one peer, which may take many messages.
///
///     inquiring --summary--> changesets --last parts--> over
///         \----- its checkpoint is ahead -----> checkpoint --last part--> over
struct FetchSession: Sendable {
    enum Stage: Sendable {
        case inquiring
        case changesets
        case checkpoint(ContentHash)
    }

    let peer: NodeID
    var stage = Stage.inquiring
    var deadline: MonotonicInstant
    /// How often in a row it was asked the same by datagram.
    var repeats = 0
    /// Whether anything of use has come.
    var isUseful = false
    /// Whether it waits for the disk before it asks on.
    var isHeld = false
    /// Writers of whom two contents exist under one name: all of theirs is wanted again.
    var contested: Set<WriterID> = []
    /// Whether all of theirs has been asked for.
    var hasContested = false
}

/// The beginning of a changeset or checkpoint; outlives a session, so that any peer can go on.
struct PartialContent: Sendable {
    private(set) var hash = ContentHash.zero
    private(set) var bytes: [UInt8] = []

    /// Where to go on; `nil` at a start.
    var progress: PartProgress? {
        self.bytes.isEmpty ? nil : PartProgress(hash: self.hash, offset: UInt64(self.bytes.count))
    }

    /// Takes in a stretch; gives the whole when it is complete.
    ///
    /// A stretch that does not follow is dropped; one of another content starts over.
    mutating func add(
        _ hash: ContentHash,
        total: UInt64,
        offset: UInt64,
        bytes: [UInt8],
        limit: Int
    ) -> [UInt8]? {
        if hash != self.hash || offset == 0 {
            self.hash = hash
            self.bytes = []
        }
        guard total <= UInt64(limit), offset == UInt64(self.bytes.count),
            UInt64(bytes.count) <= total - offset
        else { return nil }
        self.bytes += bytes
        guard UInt64(self.bytes.count) == total else { return nil }
        defer { self.bytes = [] }
        return self.bytes
    }
}
