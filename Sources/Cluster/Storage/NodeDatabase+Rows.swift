internal import Foundation
internal import GRDB

extension NodeDatabase {
    /// Bytes as SQLite takes them.
    static func blob(_ bytes: [UInt8]) -> Data { Data(bytes) }

    /// Writes one named value's row; returns the checksum of what is stored.
    static func insert(
        _ name: String,
        _ content: [UInt8],
        into table: StoreSchema.Table,
        in database: Database
    ) throws -> UInt64 {
        let stored = PackedBytes.pack(content)
        let checksum = RowChecksum.of(name: name, content: stored)
        try database.execute(
            sql: """
                INSERT OR REPLACE INTO \(table.rawValue) (name, content, checksum) VALUES (?, ?, ?)
                """,
            arguments: [name, Self.blob(stored), Int64(bitPattern: checksum)]
        )
        return checksum
    }
}
