internal import GRDB
internal import Synchronization

/// The durable part of one node's state, in one SQLite file.
///
/// Every method is one transaction, on disk when it returns, and blocks the calling thread. A file
/// that was cut or changed from outside is refused as a whole: each row carries a checksum, and each
/// table a count and a sum over its rows, so that neither a changed nor a lost row is ever served.
/// A cut journal costs its last transactions whole; peers send them again.
public final class NodeDatabase: Sendable {
    private let path: String
    private let opened: Mutex<Opened>

    private struct Opened {
        let queue: DatabaseQueue
        /// SQLite is not to be called any more then: a read would end the process.
        var isClosed = false
    }

    /// Opens the file at `path`, or creates it in an existing directory.
    ///
    /// - Throws: ``StorageError``.
    public init(path: String) throws(StorageError) {
        self.path = path
        self.opened = Mutex(Opened(queue: try StoreFile.open(path)))
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
            try self.change(.settings, in: database) { rows in try rows.put(name, content) }
        }
    }

    /// Closes the file; every later call fails until ``reopen()``.
    ///
    /// - Throws: ``StorageError``.
    public func close() throws(StorageError) {
        try StoreFile.translating(self.path, failure: .writing) {
            try self.opened.withLock { opened in
                try opened.queue.close()
                opened.isClosed = true
            }
        }
    }

    /// Opens the file again after ``close()``.
    ///
    /// - Throws: ``StorageError``; it stays closed then.
    public func reopen() throws(StorageError) {
        let file = try StoreFile.open(self.path)
        self.opened.withLock { $0 = Opened(queue: file) }
    }

    var queue: DatabaseQueue { self.opened.withLock { $0.queue } }

    func read<Result: Sendable>(
        _ body: (Database) throws -> Result
    ) throws(StorageError) -> Result {
        try StoreFile.translating(self.path, failure: .reading) {
            try self.whileOpen { queue in try queue.read(body) }
        }
    }

    func write(_ body: (Database) throws -> Void) throws(StorageError) {
        try StoreFile.translating(self.path, failure: .writing) {
            try self.whileOpen { queue in try queue.write(body) }
        }
    }

    /// Keeps the file open while `body` runs.
    private func whileOpen<Result: Sendable>(
        _ body: (DatabaseQueue) throws -> Result
    ) throws -> Result {
        try self.opened.withLock { opened in
            guard !opened.isClosed else { throw StorageError.closed(file: self.path) }
            return try body(opened.queue)
        }
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
            guard let name = row.text(0), let stored = row.bytes(1),
                let checksum = row.integer(2),
                RowChecksum.of(name: name, content: stored) == UInt64(bitPattern: checksum),
                let content = PackedBytes.unpack(stored)
            else { throw self.damaged("a row of \(table.rawValue) does not match its checksum") }
            result[name] = content
            total.add(UInt64(bitPattern: checksum))
        }
        try self.compare(total, with: table, in: database)
        return result
    }
}
