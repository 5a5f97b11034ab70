import Foundation
import GRDB
import MeshChangelog
import Testing

@testable import MeshStorage

@Suite("A node's database")
struct NodeDatabaseTests {
    private let directory: TemporaryDirectory

    init() throws { self.directory = try TemporaryDirectory() }

    @Test("is empty when its file is new")
    func startsEmpty() throws {
        let store = try NodeDatabase(path: self.directory.file())

        #expect(try store.changelog() == StoredChangelog())
        #expect(try store.members().isEmpty)
        #expect(try store.value("node.id") == nil)
    }

    @Test("replaces the member snapshot and single values")
    func keepsValues() throws {
        let store = try NodeDatabase(path: self.directory.file())
        try store.saveMembers(["a": [1], "b": [2]])
        try store.saveMembers(["b": [3], "c": []])
        try store.setValue([1, 2, 3], for: "node.id")
        try store.setValue([9], for: "boot")
        try store.setValue([10], for: "boot")
        try store.close()

        let again = try NodeDatabase(path: self.directory.file())

        #expect(try again.members() == ["b": [3], "c": []])
        #expect(try again.value("node.id") == [1, 2, 3])
        #expect(try again.value("boot") == [10])
    }

    @Test("names the directory that is missing")
    func namesMissingDirectory() throws {
        let missing = self.directory.file("none")

        let error = #expect(throws: StorageError.self) {
            try NodeDatabase(path: missing + "/state.sqlite")
        }

        #expect(error == .directoryMissing(directory: missing))
        #expect("\(try #require(error))".contains("create it, or set node.data_dir"))
    }

    @Test("names the file that cannot be written")
    func namesReadOnlyPlace() throws {
        let error = #expect(throws: StorageError.self) {
            try NodeDatabase(path: "/proc/state.sqlite")
        }

        guard case .notWritable(let file, _) = error else {
            Issue.record("expected notWritable, got \(String(describing: error))")
            return
        }
        #expect(file == "/proc/state.sqlite")
    }

    @Test("refuses a file that another store has open")
    func refusesSecondOwner() throws {
        let store = try NodeDatabase(path: self.directory.file())

        let error = #expect(throws: StorageError.self) {
            try NodeDatabase(path: self.directory.file())
        }

        #expect(error == .inUse(file: self.directory.file()))
        #expect(try store.changelog() == StoredChangelog())
    }

    @Test("answers while it is closed that it is, and serves when it is opened again")
    func closed() throws {
        let file = self.directory.file()
        let store = try NodeDatabase(path: file)
        try store.setValue([1], for: "name")
        try store.close()
        let error = StorageError.closed(file: file)
        #expect(throws: error) { try store.value("name") }
        #expect(throws: error) { try store.members() }
        #expect(throws: error) { try store.changelog() }
        #expect(throws: error) { try store.setValue([2], for: "name") }
        #expect(throws: error) { try store.saveMembers([:]) }
        try store.reopen()
        #expect(try store.value("name") == [1])
    }

    @Test("refuses a file of a newer version and leaves it alone")
    func refusesNewerSchema() throws {
        let file = self.directory.file()
        let store = try NodeDatabase(path: file)
        try store.queue.write { database in
            try database.execute(sql: "INSERT INTO grdb_migrations VALUES ('999')")
        }
        try store.close()

        let error = #expect(throws: StorageError.self) { try NodeDatabase(path: file) }

        #expect(error == .newerSchema(file: file))
    }

    @Test("refuses another program's database and an empty file")
    func refusesForeignFiles() throws {
        let foreign = self.directory.file("foreign.sqlite")
        try DatabaseQueue(path: foreign).write { try $0.execute(sql: "CREATE TABLE t (x)") }
        let empty = self.directory.file("empty.sqlite")
        try Data().write(to: URL(fileURLWithPath: empty))

        for file in [foreign, empty] {
            let error = #expect(throws: StorageError.self) { try NodeDatabase(path: file) }
            #expect(
                error == .damaged(file: file, reason: "it is not a state file of this program")
            )
        }
    }

    @Test("starts again after it died while making its file")
    func survivesDeathAtBirth() throws {
        let file = self.directory.file()
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: file + ".new"))

        let store = try NodeDatabase(path: file)

        #expect(try store.changelog() == StoredChangelog())
    }
}
