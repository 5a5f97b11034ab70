internal import MeshPrimitives
internal import MeshReplication

/// The form of a record inside the conflict log, and what its row's checksum covers.
enum StoredRecord {
    /// Longest body this reads back.
    private static let bodyLimit = 16 << 20

    /// Writes every field.
    static func encode(_ record: Record) -> [UInt8] {
        var writer = ByteWriter(capacity: record.wireByteCount)
        writer.append(record.key.kind.rawValue)
        writer.write(record.key.name)
        Self.write(record.version, to: &writer)
        writer.append(record.isTombstone ? 1 : 0)
        writer.append(record.replaces == nil ? 0 : 1)
        if let replaces = record.replaces { Self.write(replaces, to: &writer) }
        writer.write(sized: record.body)
        return writer.bytes
    }

    /// Reads what ``encode(_:)`` wrote.
    ///
    /// - Throws: `ByteReaderError` when the bytes are cut or wrong.
    static func decode(_ bytes: [UInt8]) throws(ByteReaderError) -> Record {
        var reader = ByteReader(bytes)
        let kind = RecordKind(rawValue: try reader.read())
        let name = try reader.readString()
        let version = try Self.readVersion(&reader)
        let isTombstone = try reader.read(UInt8.self) != 0
        let hasReplaces = try reader.read(UInt8.self) != 0
        return Record(
            key: RecordKey(kind: kind, name: name),
            version: version,
            replaces: hasReplaces ? try Self.readVersion(&reader) : nil,
            isTombstone: isTombstone,
            body: try reader.readSized(limit: Self.bodyLimit)
        )
    }

    /// Writes stamp and writer, 24 bytes.
    static func encode(_ version: RecordVersion) -> [UInt8] {
        var writer = ByteWriter(capacity: 24)
        Self.write(version, to: &writer)
        return writer.bytes
    }

    /// Reads 24 bytes; `nil` for any other count.
    static func decodeVersion(_ bytes: [UInt8]) -> RecordVersion? {
        var reader = ByteReader(bytes)
        guard let version = try? Self.readVersion(&reader), reader.remaining == 0 else {
            return nil
        }
        return version
    }

    private static func write(_ version: RecordVersion, to writer: inout ByteWriter) {
        writer.write(version.stamp.rawValue)
        writer.write(version.writer)
    }

    private static func readVersion(
        _ reader: inout ByteReader
    ) throws(ByteReaderError) -> RecordVersion {
        RecordVersion(
            stamp: HybridTimestamp(rawValue: try reader.read()),
            writer: try reader.readNodeID()
        )
    }
}
