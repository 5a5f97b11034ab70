internal import Foundation
internal import GRDB
internal import MeshReplication

extension RecordStore {
    /// Bytes as SQLite takes them.
    static func blob(_ bytes: [UInt8]) -> Data { Data(bytes) }

    /// Writes one record's row; returns its checksum.
    static func insert(_ record: MeshReplication.Record, in database: Database) throws -> UInt64 {
        let checksum = RowChecksum.of(StoredRecord.encode(record))
        try database.execute(
            sql: """
                INSERT OR REPLACE INTO records
                  (kind, name, version, replaces, tombstone, body, checksum)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                Int64(record.key.kind.rawValue), record.key.name,
                Self.blob(StoredRecord.encode(record.version)),
                record.replaces.map { Self.blob(StoredRecord.encode($0)) },
                record.isTombstone ? 1 : 0, Self.blob(record.body), Int64(bitPattern: checksum),
            ]
        )
        return checksum
    }

    /// Writes one named value's row; returns its checksum.
    static func insert(
        _ name: String,
        _ content: [UInt8],
        into table: StoreSchema.Table,
        in database: Database
    ) throws -> UInt64 {
        let checksum = RowChecksum.of(name: name, content: content)
        try database.execute(
            sql: """
                INSERT OR REPLACE INTO \(table.rawValue) (name, content, checksum) VALUES (?, ?, ?)
                """,
            arguments: [name, Self.blob(content), Int64(bitPattern: checksum)]
        )
        return checksum
    }

    /// Reads one record's row; `nil` when any column is not what was written.
    static func record(from row: Row) -> (record: MeshReplication.Record, checksum: UInt64)? {
        guard let kind = row.integer(0).flatMap(UInt8.init(exactly:)), let name = row.text(1),
            let version = row.bytes(2).flatMap(StoredRecord.decodeVersion),
            let tombstone = row.integer(4), let body = row.bytes(5), let checksum = row.integer(6)
        else { return nil }
        let replaces = row.bytes(3).flatMap(StoredRecord.decodeVersion)
        let record = MeshReplication.Record(
            key: RecordKey(kind: RecordKind(rawValue: kind), name: name),
            version: version,
            replaces: replaces,
            isTombstone: tombstone != 0,
            body: body
        )
        let expected = RowChecksum.of(StoredRecord.encode(record))
        guard expected == UInt64(bitPattern: checksum) else { return nil }
        return (record, expected)
    }

    /// Reads one entry of the conflict log; `nil` when any column is not what was written.
    static func conflict(from row: Row) -> StoredConflict? {
        guard let noticed = row.integer(0).flatMap(UInt64.init(exactly:)),
            let winner = row.bytes(1), let loser = row.bytes(2), let checksum = row.integer(3),
            RowChecksum.of(name: "\(noticed)", content: winner + loser)
                == UInt64(bitPattern: checksum),
            let first = try? StoredRecord.decode(winner),
            let second = try? StoredRecord.decode(loser)
        else { return nil }
        return StoredConflict(noticed: noticed, winner: first, loser: second)
    }
}
