internal import HashTreeCollections
public import MeshPrimitives

/// What older changesets add up to, in their stead.
public struct Checkpoint: Equatable, Sendable {
    /// Which changesets are folded into it.
    public internal(set) var vector = VersionVector()
    /// The place of the last one; a changeset at or before it that is not folded in came too late.
    public internal(set) var horizon = ChangesetPosition.start
    /// The configuration at that place.
    public internal(set) var state = ConfigurationState()
    /// Conflicts among folded changesets, oldest first; the oldest beyond 1,000 are dropped.
    public internal(set) var conflicts: [Conflict] = []
    /// The hash of its encoded form; zero for the checkpoint of nothing.
    public internal(set) var hash = ContentHash.zero

    /// Conflicts kept.
    static let conflictLimit = 1_000
    private static let format: UInt8 = 1

    /// Creates the checkpoint of nothing.
    public init() {}

    /// Whether two hold the same.
    public static func == (left: Checkpoint, right: Checkpoint) -> Bool {
        left.horizon == right.horizon && left.vector == right.vector && left.hash == right.hash
            && left.state.hash == right.state.hash && left.conflicts == right.conflicts
    }

    /// Of two checkpoints that do not hold the same, the one that every node takes.
    func outranks(_ horizon: ChangesetPosition, _ hash: ContentHash) -> Bool {
        guard self.horizon == horizon else { return self.horizon > horizon }
        return (self.hash.high, self.hash.low) > (hash.high, hash.low)
    }

    /// Encodes it; costs O(entities), so it is done once per folding.
    ///
    /// Conflicts are not in it: they differ between nodes that folded at different times.
    public var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 1 << 16)
        writer.append(Self.format)
        writer.write(self.vector)
        writer.write(self.horizon.generation)
        writer.write(self.horizon.writer)
        let keys = self.state.entities.keys.sorted()
        writer.write(UInt32(clamping: keys.count))
        for key in keys {
            guard let entity = self.state.entities[key] else { continue }
            writer.write(key)
            writer.write(entity.changeset)
            writer.write(entity.stamp)
            writer.write(sized: entity.body)
        }
        let removed = self.state.removals.keys.sorted()
        writer.write(UInt32(clamping: removed.count))
        for key in removed {
            guard let removal = self.state.removals[key] else { continue }
            writer.write(key)
            writer.write(removal.changeset)
            writer.write(removal.stamp)
        }
        let origins = self.state.origins.sorted { ($0.high, $0.low) < ($1.high, $1.low) }
        writer.write(UInt32(clamping: origins.count))
        for origin in origins { writer.write(origin) }
        return writer.bytes
    }

    /// Reads a checkpoint from bytes that may be hostile.
    ///
    /// - Throws: ``ChangelogError/malformed(reason:)``.
    public init(decoding bytes: [UInt8], rules: StructuralRules) throws(ChangelogError) {
        do throws(ByteReaderError) {
            var reader = ByteReader(bytes)
            let format: UInt8 = try reader.read()
            guard format == Self.format else {
                throw .invalidValue(field: "format", found: UInt64(format))
            }
            self.vector = try reader.readVersionVector()
            self.horizon = ChangesetPosition(
                generation: try reader.read(),
                writer: try reader.readWriterID()
            )
            try self.readState(from: &reader, rules: rules)
        } catch {
            throw .malformed(reason: "\(error)")
        }
        self.hash = rules.hash(bytes)
    }

    private mutating func readState(
        from reader: inout ByteReader,
        rules: StructuralRules
    ) throws(ByteReaderError) {
        let entities: UInt32 = try reader.read()
        for _ in 0..<entities {
            self.state.restore(
                try reader.readString(),
                changeset: try reader.readChangesetID(),
                stamp: try reader.readHash(),
                body: try reader.readSized(limit: reader.remaining),
                rules: rules
            )
        }
        let removals: UInt32 = try reader.read()
        for _ in 0..<removals {
            let key = try reader.readString()
            let removal = ConfigurationState.Removal(
                changeset: try reader.readChangesetID(),
                stamp: try reader.readHash()
            )
            self.state.restore(removal, of: key)
        }
        let origins: UInt32 = try reader.read()
        for _ in 0..<origins { self.state.restore(origin: try reader.readHash()) }
    }
}
