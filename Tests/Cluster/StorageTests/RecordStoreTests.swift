import Foundation
import GRDB
import MeshPrimitives
import MeshReplication
import Testing

@testable import MeshStorage

private typealias Record = MeshReplication.Record

@Suite("A record store")
struct RecordStoreTests {
    private let directory: TemporaryDirectory

    init() throws { self.directory = try TemporaryDirectory() }

    @Test("is empty when its file is new")
    func startsEmpty() throws {
        let store = try RecordStore(path: self.directory.file())

        #expect(try store.load().isEmpty)
        #expect(try store.members().isEmpty)
        #expect(try store.conflicts().isEmpty)
        #expect(try store.value("node.id") == nil)
    }

    @Test("gives back every field after it was opened again")
    func roundTrip() throws {
        let records = [
            StoreFixture.record("routes/a", "{}", at: 1),
            StoreFixture.record("routes/b", nil, at: 2, replaces: 1),
            StoreFixture.record("routes/c", "", at: 3),
            Record(
                key: RecordKey(kind: RecordKind(rawValue: 77), name: "future"),
                version: RecordVersion(
                    stamp: HybridTimestamp(rawValue: .max),
                    writer: NodeID(high: .max, low: .max)
                ),
                body: Array(0...255)
            ),
        ]
        let first = try RecordStore(path: self.directory.file())
        try first.save(records)
        try first.close()

        let second = try RecordStore(path: self.directory.file())

        #expect(StoreFixture.sorted(try second.load()) == StoreFixture.sorted(records))
    }

    @Test("keeps the newer of two records whatever order they are saved in")
    func keepsNewer() throws {
        let store = try RecordStore(path: self.directory.file())
        let old = StoreFixture.record("routes/a", "old", at: 1)
        let new = StoreFixture.record("routes/a", "new", at: 2)

        try store.save([new])
        try store.save([old])

        #expect(try store.load() == [new])
    }

    @Test("removes exactly the version it is told")
    func removesExactly() throws {
        let store = try RecordStore(path: self.directory.file())
        let old = StoreFixture.record("routes/a", nil, at: 1)
        let new = StoreFixture.record("routes/a", "new", at: 2)
        let gone = StoreFixture.record("routes/b", nil, at: 1)
        try store.save([new, gone])

        try store.remove([old, gone])

        #expect(try store.load() == [new])
    }

    @Test("keeps lost edits, newest first, up to its bound")
    func logsConflicts() throws {
        let store = try RecordStore(path: self.directory.file())
        let winner = StoreFixture.record("routes/a", "won", at: 9)
        for number in 1...UInt64(3) {
            let loser = StoreFixture.record("routes/a", "lost \(number)", at: number)
            try store.log(StoredConflict(noticed: number, winner: winner, loser: loser))
        }

        let newest = try store.conflicts(limit: 2)

        #expect(newest.map(\.noticed) == [3, 2])
        #expect(newest.first?.winner == winner)
        #expect(newest.first?.loser == StoreFixture.record("routes/a", "lost 3", at: 3))
    }

    @Test("replaces the member snapshot and single values")
    func keepsValues() throws {
        let store = try RecordStore(path: self.directory.file())
        try store.saveMembers(["a": [1], "b": [2]])
        try store.saveMembers(["b": [3], "c": []])
        try store.setValue([1, 2, 3], for: "node.id")
        try store.setValue([9], for: "boot")
        try store.setValue([10], for: "boot")
        try store.close()

        let again = try RecordStore(path: self.directory.file())

        #expect(try again.members() == ["b": [3], "c": []])
        #expect(try again.value("node.id") == [1, 2, 3])
        #expect(try again.value("boot") == [10])
    }

    @Test("saves a changeset whole or not at all when the disk is full, and says so")
    func refusesWhenFull() throws {
        let store = try RecordStore(path: self.directory.file())
        let kept = StoreFixture.record("routes/a", "kept", at: 1)
        try store.save([kept])
        try store.queue.writeWithoutTransaction { database in
            let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            _ = try Int.fetchOne(database, sql: "PRAGMA max_page_count = \(pages + 2)")
        }

        let big = (0..<10).map {
            StoreFixture.record("big/\($0)", String(repeating: "x", count: 4_000), at: 2)
        }
        let error = #expect(throws: StorageError.self) { try store.save(big) }

        #expect(
            error
                == .writeFailed(
                    file: self.directory.file(),
                    reason: "database or disk is full"
                )
        )
        #expect(try store.load() == [kept])
    }

    @Test("names the directory that is missing")
    func namesMissingDirectory() throws {
        let missing = self.directory.file("none")

        let error = #expect(throws: StorageError.self) {
            try RecordStore(path: missing + "/state.sqlite")
        }

        #expect(error == .directoryMissing(directory: missing))
        #expect("\(try #require(error))".contains("create it, or set node.data_dir"))
    }

    @Test("names the file that cannot be written")
    func namesReadOnlyPlace() throws {
        let error = #expect(throws: StorageError.self) {
            try RecordStore(path: "/proc/state.sqlite")
        }

        guard case .notWritable(let file, _) = error else {
            Issue.record("expected notWritable, got \(String(describing: error))")
            return
        }
        #expect(file == "/proc/state.sqlite")
    }

    @Test("refuses a file that another store has open")
    func refusesSecondOwner() throws {
        let store = try RecordStore(path: self.directory.file())

        let error = #expect(throws: StorageError.self) {
            try RecordStore(path: self.directory.file())
        }

        #expect(error == .inUse(file: self.directory.file()))
        #expect(try store.load().isEmpty)
    }

    @Test("refuses a file of a newer version and leaves it alone")
    func refusesNewerSchema() throws {
        let file = self.directory.file()
        let store = try RecordStore(path: file)
        try store.queue.write { database in
            try database.execute(sql: "INSERT INTO grdb_migrations VALUES ('999')")
        }
        try store.close()

        let error = #expect(throws: StorageError.self) { try RecordStore(path: file) }

        #expect(error == .newerSchema(file: file))
    }

    @Test("refuses another program's database and an empty file")
    func refusesForeignFiles() throws {
        let foreign = self.directory.file("foreign.sqlite")
        try DatabaseQueue(path: foreign).write { try $0.execute(sql: "CREATE TABLE t (x)") }
        let empty = self.directory.file("empty.sqlite")
        try Data().write(to: URL(fileURLWithPath: empty))

        for file in [foreign, empty] {
            let error = #expect(throws: StorageError.self) { try RecordStore(path: file) }
            #expect(
                error == .damaged(file: file, reason: "it is not a state file of this program")
            )
        }
    }

    @Test("starts again after it died while making its file")
    func survivesDeathAtBirth() throws {
        let file = self.directory.file()
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: file + ".new"))

        let store = try RecordStore(path: file)

        #expect(try store.load().isEmpty)
    }
}
