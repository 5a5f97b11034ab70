import MeshPrimitives
import MeshReplication

/// Bits of a record's or summary's flags byte.
private enum RecordFlag {
    static let isTombstone: UInt8 = 1
    static let hasReplaced: UInt8 = 2
}

extension ReplicationMessage {
    /// The type of the record that carries this message.
    var recordType: RecordType {
        switch self {
        case .push: .push
        case .announce: .announce
        case .digest: .digest
        case .summary: .summary
        case .exchange: .exchange
        case .records: .records
        }
    }
}

extension ByteWriter {
    /// Writes a replication record's content; lists without record headers have a 32-bit count.
    mutating func write(_ message: ReplicationMessage) {
        switch message {
        case .push(let records, let offers, let relays):
            self.append(relays)
            self.writeList(offers) { $0.write($1) }
            self.write(records)
        case .announce(let root, let stamp):
            self.write(root)
            self.write(stamp.rawValue)
        case .digest(let buckets):
            self.writeList(buckets) { $0.write($1) }
        case .summary(let buckets, let entries):
            self.write(sized: buckets)
            self.writeList(entries) { $0.write($1) }
        case .exchange(let records, let wants):
            self.writeList(wants) { $0.write($1) }
            self.write(records)
        case .records(let records, let more):
            self.append(more ? 1 : 0)
            self.write(records)
        }
    }

    /// Writes records as inner records.
    mutating func write(_ records: [Record]) {
        for record in records {
            self.writeItem { $0.write(record) }
        }
    }

    /// Writes kind 1, flags 1, name, version 24, the replaced version when there is one, body.
    mutating func write(_ record: Record) {
        let tombstone = record.isTombstone ? RecordFlag.isTombstone : 0
        let replaced = record.replaces == nil ? 0 : RecordFlag.hasReplaced
        self.append(record.key.kind.rawValue)
        self.append(tombstone | replaced)
        self.write(record.key.name)
        self.write(record.version)
        if let replaces = record.replaces { self.write(replaces) }
        self.write(sized: record.body)
    }

    private mutating func write(_ summary: RecordSummary) {
        self.append(summary.key.kind.rawValue)
        self.append(summary.isTombstone ? RecordFlag.isTombstone : 0)
        self.write(summary.key.name)
        self.write(summary.version)
        self.write(summary.fingerprint)
    }

    private mutating func write(_ key: RecordKey) {
        self.append(key.kind.rawValue)
        self.write(key.name)
    }

    private mutating func write(_ version: RecordVersion) {
        self.write(version.stamp.rawValue)
        self.write(version.writer)
    }

    private mutating func writeList<Item>(
        _ items: [Item],
        item write: (inout ByteWriter, Item) -> Void
    ) {
        self.write(UInt32(clamping: items.count))
        for item in items { write(&self, item) }
    }
}

extension WireReader {
    mutating func readPush() throws(WireError) -> ReplicationMessage {
        let relays: UInt8 = try self.read()
        let offers = try self.readList { reader throws(WireError) in try reader.readOffer() }
        return .push(records: try self.readRecordItems(), offers: offers, relays: relays)
    }

    mutating func readAnnounce() throws(WireError) -> ReplicationMessage {
        .announce(
            root: try self.readHash(),
            configurationStamp: HybridTimestamp(rawValue: try self.read())
        )
    }

    mutating func readDigest() throws(WireError) -> ReplicationMessage {
        .digest(try self.readList { reader throws(WireError) in try reader.read(UInt64.self) })
    }

    mutating func readSummary() throws(WireError) -> ReplicationMessage {
        let count: UInt32 = try self.read()
        let buckets = Array(try self.read(count: Int(count)))
        let entries = try self.readList { reader throws(WireError) in try reader.readOffer() }
        return .summary(buckets: buckets, entries: entries)
    }

    mutating func readExchange() throws(WireError) -> ReplicationMessage {
        let wants = try self.readList { reader throws(WireError) in try reader.readKey() }
        return .exchange(records: try self.readRecordItems(), wants: wants)
    }

    mutating func readRecords() throws(WireError) -> ReplicationMessage {
        let more: UInt8 = try self.read()
        return .records(try self.readRecordItems(), more: more != 0)
    }

    private mutating func readRecordItems() throws(WireError) -> [Record] {
        try self.readItems { reader throws(WireError) in try reader.readOneRecord() }
    }

    private mutating func readOneRecord() throws(WireError) -> Record? {
        let kind = RecordKind(rawValue: try self.read())
        let flags: UInt8 = try self.read()
        let name = try self.readString()
        let version = try self.readVersion()
        let replaces = flags & RecordFlag.hasReplaced == 0 ? nil : try self.readVersion()
        let bodyCount: UInt32 = try self.read()
        return Record(
            key: RecordKey(kind: kind, name: name),
            version: version,
            replaces: replaces,
            isTombstone: flags & RecordFlag.isTombstone != 0,
            body: Array(try self.read(count: Int(bodyCount)))
        )
    }

    private mutating func readOffer() throws(WireError) -> RecordSummary {
        let kind = RecordKind(rawValue: try self.read())
        let flags: UInt8 = try self.read()
        let name = try self.readString()
        return RecordSummary(
            key: RecordKey(kind: kind, name: name),
            version: try self.readVersion(),
            isTombstone: flags & RecordFlag.isTombstone != 0,
            fingerprint: try self.read()
        )
    }

    private mutating func readKey() throws(WireError) -> RecordKey {
        RecordKey(kind: RecordKind(rawValue: try self.read()), name: try self.readString())
    }

    private mutating func readVersion() throws(WireError) -> RecordVersion {
        RecordVersion(
            stamp: HybridTimestamp(rawValue: try self.read()),
            writer: try self.readNodeID()
        )
    }

    /// Reads a counted list; memory grows with what is there, never with what is announced.
    private mutating func readList<Item>(
        _ item: (inout WireReader) throws(WireError) -> Item
    ) throws(WireError) -> [Item] {
        let count: UInt32 = try self.read()
        var items: [Item] = []
        for _ in 0..<count { items.append(try item(&self)) }
        return items
    }
}
