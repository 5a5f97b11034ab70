internal import Foundation
internal import GRDB

/// Opens, creates and checks the state file.
enum StoreFile {
    /// Opens a file that is whole, or creates a new one.
    ///
    /// A new file is made beside its place and moved there when complete, so that an empty or
    /// half-made file in its place can only mean damage.
    static func open(_ path: String) throws(StorageError) -> DatabaseQueue {
        try self.checkDirectory(of: path)
        return try self.translating(path, failure: .opening) {
            if !FileManager.default.fileExists(atPath: path) { try self.create(path) }
            return try self.openExisting(path)
        }
    }

    /// What was being done when SQLite failed.
    enum Failure {
        case opening
        case reading
        case writing
    }

    /// Runs `body` and turns SQLite's errors into ours.
    static func translating<Result>(
        _ path: String,
        failure: Failure,
        _ body: () throws -> Result
    ) throws(StorageError) -> Result {
        do {
            return try body()
        } catch let error as StorageError {
            throw error
        } catch let error as DatabaseError {
            throw self.translate(error, path: path, failure: failure)
        } catch {
            throw .notWritable(file: path, reason: "\(error)")
        }
    }

    private static func translate(
        _ error: DatabaseError,
        path: String,
        failure: Failure
    ) -> StorageError {
        let reason = error.message ?? "SQLite error \(error.resultCode.rawValue)"
        return switch (error.resultCode, failure) {
        case (.SQLITE_CORRUPT, _), (.SQLITE_NOTADB, _): .damaged(file: path, reason: reason)
        case (.SQLITE_BUSY, _), (.SQLITE_LOCKED, _): .inUse(file: path)
        case (.SQLITE_CANTOPEN, _), (.SQLITE_READONLY, _), (.SQLITE_PERM, _):
            .notWritable(file: path, reason: reason)
        case (_, .opening), (_, .reading): .damaged(file: path, reason: reason)
        case (_, .writing): .writeFailed(file: path, reason: reason)
        }
    }

    private static func checkDirectory(of path: String) throws(StorageError) {
        let directory = self.directory(of: path)
        var isDirectory: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory)
        guard exists, isDirectory.boolValue else { throw .directoryMissing(directory: directory) }
        guard access(directory, W_OK) == 0 else {
            throw .notWritable(file: path, reason: "the directory is read-only")
        }
    }

    private static func directory(of path: String) -> String {
        let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
        return parent.isEmpty ? "/" : parent
    }

    private static func create(_ path: String) throws {
        let draft = path + ".new"
        for leftover in [draft, draft + "-journal", path + "-wal", path + "-shm"] {
            unlink(leftover)
        }
        let queue = try DatabaseQueue(path: draft)
        try StoreSchema.migrator.migrate(queue)
        try queue.close()
        guard rename(draft, path) == 0 else {
            throw StorageError.notWritable(file: path, reason: String(cString: strerror(errno)))
        }
        self.synchronize(self.directory(of: path))
    }

    /// Makes the new name itself durable.
    private static func synchronize(_ directory: String) {
        let descriptor = Foundation.open(directory, O_RDONLY)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        Foundation.close(descriptor)
    }

    private static func openExisting(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        // A transaction that has returned survives a power cut; one process owns the file.
        configuration.prepareDatabase { database in
            try database.execute(
                sql: """
                    PRAGMA locking_mode = EXCLUSIVE;
                    PRAGMA journal_mode = WAL;
                    PRAGMA synchronous = FULL;
                    PRAGMA cell_size_check = ON;
                    """
            )
        }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.write { database in try self.check(database, path: path) }
        try StoreSchema.migrator.migrate(queue)
        return queue
    }

    private static func check(_ database: Database, path: String) throws {
        let mark = try Int64.fetchOne(database, sql: "PRAGMA application_id")
        guard mark == Int64(StoreSchema.applicationID) else {
            throw StorageError.damaged(file: path, reason: "it is not a state file of this program")
        }
        let verdict = try String.fetchOne(database, sql: "PRAGMA integrity_check(1)")
        guard verdict == "ok" else {
            throw StorageError.damaged(file: path, reason: verdict ?? "unreadable")
        }
        guard try !StoreSchema.migrator.hasBeenSuperseded(database) else {
            throw StorageError.newerSchema(file: path)
        }
        let applied = try StoreSchema.migrator.appliedMigrations(database)
        guard !applied.isEmpty else {
            throw StorageError.damaged(file: path, reason: "its tables are missing")
        }
    }
}
