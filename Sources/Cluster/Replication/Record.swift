/// One replicated value: written as a whole, merged as a whole.
public struct Record: Hashable, Sendable {
    /// What it names.
    public let key: RecordKey
    /// Which write this is.
    public let version: RecordVersion
    /// The version its writer saw when it wrote; `nil` when it saw none.
    ///
    /// Only for telling concurrent edits from successive ones; plays no part in who wins.
    public let replaces: RecordVersion?
    /// Whether this write deletes; ``body`` is empty then.
    public let isTombstone: Bool
    /// The content; its meaning belongs to ``RecordKey/kind``.
    public let body: [UInt8]

    /// Creates a record.
    public init(
        key: RecordKey,
        version: RecordVersion,
        replaces: RecordVersion? = nil,
        isTombstone: Bool = false,
        body: [UInt8] = []
    ) {
        self.key = key
        self.version = version
        self.replaces = replaces
        self.isTombstone = isTombstone
        self.body = body
    }

    /// Most bytes the record takes inside a message.
    ///
    /// `MeshWire` may spend less, never more: tag and length 6, kind 1, flags 1, name 2 + n,
    /// version 24, replaced version 24 when there is one, body 4 + n.
    public var wireByteCount: Int {
        38 + self.key.name.utf8.count + (self.replaces == nil ? 0 : 24) + self.body.count
    }

    /// Whether both say the same about the same thing, whoever wrote it when.
    func hasContent(of other: Record) -> Bool {
        self.isTombstone == other.isTombstone && self.body == other.body
    }

    /// Whether this record takes the place of `other` at every node, in whatever order they come.
    ///
    /// Equal versions with unequal content come only from a writer that lost its disk and kept its
    /// identity; a deletion, then the greater body, wins then, so that all nodes still agree.
    func wins(over other: Record) -> Bool {
        if self.version != other.version { return self.version > other.version }
        if self.isTombstone != other.isTombstone { return self.isTombstone }
        return other.body.lexicographicallyPrecedes(self.body)
    }

    /// Whether neither writer had seen the other's write.
    ///
    /// The winner's writer replaced something older than the loser, so the loser was not there; had
    /// it been, the winner would name it or a later version.
    func isConcurrent(withLoser loser: Record) -> Bool {
        guard let replaces = self.replaces else { return true }
        return replaces < loser.version
    }
}
