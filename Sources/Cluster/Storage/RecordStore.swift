internal import GRDB
public import MeshReplication

/// The durable part of one node's state, in one SQLite file.
///
/// Every method is one transaction, on disk when it returns, and blocks the calling thread. A file
/// that was cut or changed from outside is refused as a whole: each row carries a checksum, and each
/// table a count and a sum over its rows, so that neither a changed nor a lost row is ever served.
/// A cut journal costs its last transactions whole; anti-entropy brings them back.
public final class RecordStore: Sendable {
    /// Conflicts kept; the oldest go first.
    public static let conflictLimit = 1_000

    private let path: String
    let queue: DatabaseQueue

    /// Opens the file at `path`, or creates it in an existing directory.
    ///
    /// - Throws: ``StorageError``.
    public init(path: String) throws(StorageError) {
        self.path = path
        self.queue = try StoreFile.open(path)
    }

    /// Everything saved and not removed.
    ///
    /// - Throws: ``StorageError/damaged(file:reason:)`` rather than part of it.
    public func load() throws(StorageError) -> [MeshReplication.Record] {
        try self.read { database in
            var records: [MeshReplication.Record] = []
            var total = TableTotal()
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT kind, name, version, replaces, tombstone, body, checksum FROM records
                    """
            )
            while let row = try rows.next() {
                guard let (record, checksum) = Self.record(from: row) else {
                    throw self.damaged("a record does not match its checksum")
                }
                records.append(record)
                total.add(checksum)
            }
            try self.compare(total, with: .records, in: database)
            return records
        }
    }

    /// Saves records of one changeset or message, all or none.
    ///
    /// A record older than what is stored under its key is left out, so that saves may overtake
    /// each other.
    ///
    /// - Throws: ``StorageError``; nothing is saved then.
    public func save(_ records: [MeshReplication.Record]) throws(StorageError) {
        guard !records.isEmpty else { return }
        try self.write { database in
            var total = try self.total(of: .records, in: database)
            for record in records {
                let stored = try self.stored(record.key, in: database)
                if let stored {
                    guard stored.version <= record.version else { continue }
                    total.remove(stored.checksum)
                }
                total.add(try Self.insert(record, in: database))
            }
            try total.save(as: .records, in: database)
        }
    }

    /// Removes exactly these versions; newer ones under the same keys stay.
    ///
    /// - Throws: ``StorageError``; nothing is removed then.
    public func remove(_ records: [MeshReplication.Record]) throws(StorageError) {
        guard !records.isEmpty else { return }
        try self.write { database in
            var total = try self.total(of: .records, in: database)
            for record in records {
                guard let stored = try self.stored(record.key, in: database),
                    stored.version == record.version
                else { continue }
                total.remove(stored.checksum)
                try database.execute(
                    sql: "DELETE FROM records WHERE kind = ? AND name = ?",
                    arguments: [Int64(record.key.kind.rawValue), record.key.name]
                )
            }
            try total.save(as: .records, in: database)
        }
    }

    /// Keeps a lost edit for the operator.
    ///
    /// - Throws: ``StorageError``.
    public func log(_ conflict: StoredConflict) throws(StorageError) {
        let winner = StoredRecord.encode(conflict.winner)
        let loser = StoredRecord.encode(conflict.loser)
        let checksum = RowChecksum.of(name: "\(conflict.noticed)", content: winner + loser)
        try self.write { database in
            try database.execute(
                sql: """
                    INSERT INTO conflicts (noticed, winner, loser, checksum) VALUES (?, ?, ?, ?)
                    """,
                arguments: [
                    Int64(clamping: conflict.noticed), Self.blob(winner), Self.blob(loser),
                    Int64(bitPattern: checksum),
                ]
            )
            try database.execute(
                sql: """
                    DELETE FROM conflicts WHERE id <= (SELECT max(id) FROM conflicts) - ?
                    """,
                arguments: [Self.conflictLimit]
            )
        }
    }

    /// The newest lost edits, newest first.
    ///
    /// - Throws: ``StorageError``.
    public func conflicts(
        limit: Int = RecordStore.conflictLimit
    ) throws(StorageError)
        -> [StoredConflict]
    {
        try self.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT noticed, winner, loser, checksum FROM conflicts
                    ORDER BY id DESC LIMIT ?
                    """,
                arguments: [limit]
            )
            return try rows.map { row in
                guard let conflict = Self.conflict(from: row) else {
                    throw self.damaged("an entry of the conflict log does not match its checksum")
                }
                return conflict
            }
        }
    }

    /// Replaces the member snapshot.
    ///
    /// - Throws: ``StorageError``; the old snapshot stays then.
    public func saveMembers(_ members: [String: [UInt8]]) throws(StorageError) {
        try self.write { database in
            try database.execute(sql: "DELETE FROM members")
            var total = TableTotal()
            for (name, content) in members {
                total.add(try Self.insert(name, content, into: .members, in: database))
            }
            try total.save(as: .members, in: database)
        }
    }

    /// The member snapshot saved last.
    ///
    /// - Throws: ``StorageError``.
    public func members() throws(StorageError) -> [String: [UInt8]] {
        try self.read { database in try self.pairs(in: .members, of: database) }
    }

    /// A small value by name, such as the node's identity; `nil` when it was never set.
    ///
    /// - Throws: ``StorageError``.
    public func value(_ name: String) throws(StorageError) -> [UInt8]? {
        try self.read { database in try self.pairs(in: .settings, of: database)[name] }
    }

    /// Sets a small value.
    ///
    /// - Throws: ``StorageError``; the old value stays then.
    public func setValue(_ content: [UInt8], for name: String) throws(StorageError) {
        try self.write { database in
            var pairs = try self.pairs(in: .settings, of: database)
            pairs[name] = content
            _ = try Self.insert(name, content, into: .settings, in: database)
            var total = TableTotal()
            for (name, content) in pairs {
                total.add(RowChecksum.of(name: name, content: content))
            }
            try total.save(as: .settings, in: database)
        }
    }

    /// Closes the file; every later call fails.
    ///
    /// - Throws: ``StorageError``.
    public func close() throws(StorageError) {
        try StoreFile.translating(self.path, failure: .writing) { try self.queue.close() }
    }

    func read<Result>(
        _ body: (Database) throws -> Result
    ) throws(StorageError) -> Result {
        try StoreFile.translating(self.path, failure: .reading) { try self.queue.read(body) }
    }

    func write(_ body: (Database) throws -> Void) throws(StorageError) {
        try StoreFile.translating(self.path, failure: .writing) { try self.queue.write(body) }
    }

    private func damaged(_ reason: String) -> StorageError {
        .damaged(file: self.path, reason: reason)
    }

    func total(of table: StoreSchema.Table, in database: Database) throws -> TableTotal {
        guard let total = try TableTotal.saved(for: table, in: database) else {
            throw self.damaged("the total of table \(table.rawValue) is unreadable")
        }
        return total
    }

    private func compare(
        _ total: TableTotal,
        with table: StoreSchema.Table,
        in database: Database
    ) throws {
        let saved = try self.total(of: table, in: database)
        guard saved == total else {
            throw self.damaged(
                "table \(table.rawValue) has \(total.count) rows where \(saved.count) were saved, "
                    + "or others"
            )
        }
    }

    func pairs(
        in table: StoreSchema.Table,
        of database: Database
    ) throws -> [String: [UInt8]] {
        var result: [String: [UInt8]] = [:]
        var total = TableTotal()
        let rows = try Row.fetchCursor(
            database,
            sql: "SELECT name, content, checksum FROM \(table.rawValue)"
        )
        while let row = try rows.next() {
            guard let name = row.text(0), let content = row.bytes(1),
                let checksum = row.integer(2),
                RowChecksum.of(name: name, content: content) == UInt64(bitPattern: checksum)
            else { throw self.damaged("a row of \(table.rawValue) does not match its checksum") }
            result[name] = content
            total.add(UInt64(bitPattern: checksum))
        }
        try self.compare(total, with: table, in: database)
        return result
    }

    private func stored(
        _ key: RecordKey,
        in database: Database
    ) throws -> (version: RecordVersion, checksum: UInt64)? {
        let row = try Row.fetchOne(
            database,
            sql: "SELECT version, checksum FROM records WHERE kind = ? AND name = ?",
            arguments: [Int64(key.kind.rawValue), key.name]
        )
        guard let row else { return nil }
        guard let version = row.bytes(0).flatMap(StoredRecord.decodeVersion),
            let checksum = row.integer(1)
        else { throw self.damaged("a record is unreadable") }
        return (version, UInt64(bitPattern: checksum))
    }
}
