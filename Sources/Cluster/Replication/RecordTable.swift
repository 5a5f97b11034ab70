internal import MeshPrimitives

/// All current records of one node with their digests and bounds; the winner per key, nothing else.
struct RecordTable: Sendable {
    /// One current record.
    struct Entry: Sendable {
        /// What won.
        let record: Record
        /// Hash over key, version and content; zero for ephemeral kinds.
        let hash: ContentHash
        /// When it came here; `nil` when it came from disk.
        let since: MonotonicInstant?

        /// Key and version.
        var summary: RecordSummary {
            RecordSummary(
                key: self.record.key,
                version: self.record.version,
                isTombstone: self.record.isTombstone,
                fingerprint: self.hash.high
            )
        }
    }

    private let configuration: ReplicationConfiguration
    private let hash: @Sendable ([UInt8]) -> ContentHash
    private var entries: [RecordKind: [RecordKey: Entry]] = [:]
    private var load = RecordLoad()

    /// Over all durable records.
    private(set) var tree = DigestTree()
    /// Over the entities.
    private(set) var configurationDigest = ConfigurationDigest()

    init(
        configuration: ReplicationConfiguration,
        hash: @escaping @Sendable ([UInt8]) -> ContentHash
    ) {
        self.configuration = configuration
        self.hash = hash
    }

    /// Deletions of durable kinds held.
    var tombstoneCount: Int { self.load.tombstones }

    /// The current record of a key.
    subscript(key: RecordKey) -> Entry? { self.entries[key.kind]?[key] }

    /// All records of one kind, in no order.
    func entries(of kind: RecordKind) -> some Collection<Entry> {
        (self.entries[kind] ?? [:]).values
    }

    /// Kinds that have records, in order.
    var kinds: [RecordKind] { self.entries.keys.sorted() }

    /// Puts in a record that wins over the current one.
    ///
    /// - Returns: the name of the bound that refuses it, or `nil` when it is in.
    mutating func set(_ record: Record, since: MonotonicInstant?) -> String? {
        let previous = self[record.key]
        if let limit = self.load.refusal(
            of: record,
            replacing: previous?.record,
            configuration: self.configuration
        ) {
            return limit
        }
        self.load.replace(previous?.record, by: record)
        let hash = record.key.kind.isDurable ? self.recordHash(record) : .zero
        if record.key.kind.isDurable {
            let bucket = record.key.bucket
            if let previous { self.tree.toggle(previous.hash, in: bucket) }
            self.tree.toggle(hash, in: bucket)
        }
        if record.key.kind == .entity {
            self.configurationDigest.set(record, hash: self.contentHash(record))
        }
        self.entries[record.key.kind, default: [:]][record.key] = Entry(
            record: record,
            hash: hash,
            since: since
        )
        return nil
    }

    /// The bound that would refuse these records, and the first record it refuses.
    func refusal(of records: [Record]) -> (record: Record, limit: String)? {
        var load = self.load
        for record in records {
            let old = self[record.key]?.record
            if let limit = load.refusal(
                of: record,
                replacing: old,
                configuration: self.configuration
            ) {
                return (record, limit)
            }
            load.replace(old, by: record)
        }
        return nil
    }

    /// Takes a deletion or an ephemeral record out without a trace.
    mutating func remove(_ key: RecordKey) {
        guard let entry = self.entries[key.kind]?.removeValue(forKey: key) else { return }
        if self.entries[key.kind]?.isEmpty == true { self.entries[key.kind] = nil }
        self.load.replace(entry.record, by: nil)
        if key.kind.isDurable { self.tree.toggle(entry.hash, in: key.bucket) }
    }

    /// Brings the configuration hash up to date; call after a batch of changes.
    mutating func refresh() { self.configurationDigest.refresh(with: self.hash) }

    /// All durable records of the chosen buckets, in key order per bucket.
    func durable(in buckets: [UInt8]) -> [[Entry]] {
        var slots = [Int?](repeating: nil, count: DigestTree.bucketCount)
        for (slot, bucket) in buckets.enumerated() { slots[Int(bucket)] = slot }
        var result = [[Entry]](repeating: [], count: buckets.count)
        for (kind, entries) in self.entries where kind.isDurable {
            for entry in entries.values {
                guard let slot = slots[Int(entry.record.key.bucket)] else { continue }
                result[slot].append(entry)
            }
        }
        return result.map { $0.sorted { $0.record.key < $1.record.key } }
    }

    private func recordHash(_ record: Record) -> ContentHash {
        var writer = ByteWriter(capacity: record.wireByteCount)
        writer.append(record.key.kind.rawValue)
        writer.write(record.key.name)
        writer.write(record.version.stamp.rawValue)
        writer.write(record.version.writer)
        writer.append(record.isTombstone ? 1 : 0)
        writer.write(sized: record.body)
        return self.hash(writer.bytes)
    }

    private func contentHash(_ record: Record) -> ContentHash {
        var writer = ByteWriter(capacity: record.wireByteCount)
        writer.write(record.key.name)
        writer.write(sized: record.body)
        return self.hash(writer.bytes)
    }
}
