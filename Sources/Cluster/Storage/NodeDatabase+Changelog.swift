internal import GRDB
public import MeshChangelog
internal import MeshPrimitives

extension NodeDatabase {
    /// Rows of the table `changelog`.
    private enum Part: String {
        case writer
        case checkpoint
        case conflicts
    }

    /// The changelog as it was saved last, empty in a new store.
    ///
    /// - Throws: ``StorageError/damaged(file:reason:)`` rather than part of it.
    public func changelog() throws(StorageError) -> StoredChangelog {
        try self.read { database in
            var stored = StoredChangelog()
            let parts = try self.pairs(in: .changelog, of: database)
            if let bytes = parts[Part.writer.rawValue] {
                var reader = ByteReader(bytes)
                stored.writer = try reader.readWriterID()
            }
            if let bytes = parts[Part.checkpoint.rawValue] {
                stored.checkpoint = StoredCheckpoint(
                    bytes: bytes,
                    conflicts: parts[Part.conflicts.rawValue] ?? []
                )
            }
            stored.changesets = Array(try self.pairs(in: .changesets, of: database).values)
            stored.displaced = Array(try self.pairs(in: .displaced, of: database).values)
            return stored
        }
    }

    /// Saves one transaction of the changelog, all or nothing; costs O(what it changes).
    ///
    /// - Throws: ``StorageError``; nothing is saved then.
    public func save(_ batch: ChangelogBatch) throws(StorageError) {
        try self.write { database in
            try self.change(.changelog, in: database) { rows in
                if let writer = batch.writer {
                    try rows.put(Part.writer.rawValue, writer.bytes)
                }
                guard let checkpoint = batch.checkpoint else { return }
                try rows.put(Part.checkpoint.rawValue, checkpoint.bytes)
                try rows.put(Part.conflicts.rawValue, checkpoint.conflicts)
            }
            try self.change(.changesets, in: database) { rows in
                for id in batch.removed { try rows.remove(id.rowName) }
                for entry in batch.added { try rows.put(entry.id.rowName, entry.bytes) }
            }
            try self.change(.displaced, in: database) { rows in
                for entry in batch.displaced { try rows.put("\(entry.hash)", entry.bytes) }
                for hash in batch.settled { try rows.remove("\(hash)") }
            }
        }
    }

    func change(
        _ table: StoreSchema.Table,
        in database: Database,
        _ body: (inout TableRows) throws -> Void
    ) throws {
        var rows = TableRows(
            table: table,
            database: database,
            total: try self.total(of: table, in: database)
        )
        let before = rows.total
        try body(&rows)
        if rows.total != before { try rows.total.save(as: table, in: database) }
    }
}

/// The rows of one table of names and contents, and their total, within one transaction.
struct TableRows {
    let table: StoreSchema.Table
    let database: Database
    var total: TableTotal

    /// Adds a row, or replaces the one of this name.
    mutating func put(_ name: String, _ content: [UInt8]) throws {
        try self.forget(name)
        self.total.add(
            try NodeDatabase.insert(name, content, into: self.table, in: self.database)
        )
    }

    /// Removes a row, if it is there.
    mutating func remove(_ name: String) throws {
        try self.forget(name)
        let statement = try self.database.cachedStatement(
            sql: "DELETE FROM \(self.table.rawValue) WHERE name = ?"
        )
        try statement.execute(arguments: [name])
    }

    private mutating func forget(_ name: String) throws {
        let statement = try self.database.cachedStatement(
            sql: "SELECT checksum FROM \(self.table.rawValue) WHERE name = ?"
        )
        guard let row = try Row.fetchOne(statement, arguments: [name]),
            let checksum = row.integer(0)
        else { return }
        self.total.remove(UInt64(bitPattern: checksum))
    }
}

extension ChangesetID {
    /// The name of its row: both halves of the writer and the number, in hexadecimal.
    fileprivate var rowName: String {
        [self.writer.high, self.writer.low, self.sequence]
            .map { String($0, radix: 16) }
            .joined(separator: ":")
    }
}

extension WriterID {
    fileprivate var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 16)
        writer.write(self)
        return writer.bytes
    }
}
