import Foundation
import GRDB
import MeshChangelog
import MeshPrimitives
import Testing

@testable import MeshStorage

@Suite("The changelog on disk")
struct ChangelogStoreTests {
    private let directory: TemporaryDirectory

    init() throws { self.directory = try TemporaryDirectory() }

    private func entry(_ number: UInt64, text: String = "x") -> EncodedChangeset {
        EncodedChangeset(
            Changeset(
                id: ChangesetID(writer: WriterID(high: 7, low: 8), sequence: number),
                previous: .zero,
                generation: number,
                node: NodeID(high: 1, low: 1),
                wallMilliseconds: 0,
                author: "ann",
                message: text,
                changes: []
            ),
            hash: { ContentHash(high: UInt64($0.count), low: number) }
        )
    }

    private func bytes(_ stored: StoredChangelog) -> Set<[UInt8]> { Set(stored.changesets) }

    @Test("is a fraction of its size on disk when it is long, and read back whole")
    func compressed() throws {
        let file = self.directory.file()
        let text = (0..<20_000).map { "route \($0) of service \($0 / 2)" }.joined(separator: "\n")
        let long = self.entry(1, text: String(text.prefix(4_000)))
        var batch = ChangelogBatch()
        batch.added = [long, self.entry(2)]
        batch.checkpoint = StoredCheckpoint(bytes: Array(text.utf8), conflicts: [])
        var store = try NodeDatabase(path: file)
        try store.save(batch)
        try store.close()
        let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
        #expect(try #require(size) < text.utf8.count / 2)
        store = try NodeDatabase(path: file)
        let stored = try store.changelog()
        #expect(stored.checkpoint == batch.checkpoint)
        #expect(self.bytes(stored) == [long.bytes, self.entry(2).bytes])
    }

    @Test("is read back as it was saved, over restarts and foldings")
    func roundTrip() throws {
        let file = self.directory.file()
        var store = try NodeDatabase(path: file)
        #expect(try store.changelog() == StoredChangelog())
        var batch = ChangelogBatch()
        batch.writer = WriterID(high: 7, low: 8)
        batch.added = (1...20).map { self.entry($0) }
        batch.displaced = [self.entry(99)]
        try store.save(batch)
        try store.close()
        store = try NodeDatabase(path: file)
        var stored = try store.changelog()
        #expect(stored.writer == WriterID(high: 7, low: 8))
        #expect(self.bytes(stored) == Set((1...20).map { self.entry($0).bytes }))
        #expect(stored.displaced == [self.entry(99).bytes])

        var folding = ChangelogBatch()
        folding.checkpoint = StoredCheckpoint(bytes: [1, 2, 3], conflicts: [4])
        folding.removed = (1...15).map { self.entry($0).id }
        folding.settled = [self.entry(99).hash]
        try store.save(folding)
        stored = try store.changelog()
        #expect(stored.writer == WriterID(high: 7, low: 8))
        #expect(stored.checkpoint == folding.checkpoint)
        #expect(self.bytes(stored) == Set((16...20).map { self.entry($0).bytes }))
        #expect(stored.displaced.isEmpty)
    }

    @Test("holds the newer content when one name is saved twice, and forgets what is not there")
    func replaced() throws {
        let store = try NodeDatabase(path: self.directory.file())
        var batch = ChangelogBatch()
        batch.added = [self.entry(1)]
        try store.save(batch)
        batch.removed = [self.entry(1).id, self.entry(5).id]
        batch.added = [self.entry(1, text: "other")]
        try store.save(batch)
        try store.save(batch)
        #expect(try store.changelog().changesets == [self.entry(1, text: "other").bytes])
    }

    @Test(
        "is refused by name when a row was changed, lost or added behind its back",
        arguments: [
            "DELETE FROM changesets WHERE rowid = 2",
            "UPDATE changesets SET content = x'00' WHERE rowid = 2",
            "UPDATE changelog SET content = x'00' WHERE name = 'writer'",
            "DELETE FROM displaced",
        ]
    )
    func damaged(statement: String) throws {
        let file = self.directory.file()
        var store = try NodeDatabase(path: file)
        var batch = ChangelogBatch()
        batch.writer = WriterID(high: 1, low: 1)
        batch.added = (1...3).map { self.entry($0) }
        batch.displaced = [self.entry(4)]
        try store.save(batch)
        try store.close()
        let queue = try DatabaseQueue(path: file)
        try queue.write { try $0.execute(sql: statement) }
        try queue.close()
        store = try NodeDatabase(path: file)
        let error = #expect(throws: StorageError.self) { try store.changelog() }
        #expect(error?.description.contains(file) == true)
    }

    @Test("changes in no part when the disk is full, and goes on when it is not")
    func diskFull() throws {
        let store = try NodeDatabase(path: self.directory.file())
        var batch = ChangelogBatch()
        batch.added = [self.entry(1)]
        try store.save(batch)
        let before = try store.changelog()
        // A file that may not grow is what a full disk looks like to SQLite.
        let pages = try store.queue.write { database in
            let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            try database.execute(sql: "PRAGMA max_page_count = \(pages)")
            return pages
        }
        var large = ChangelogBatch()
        large.removed = [self.entry(1).id]
        // Of dice, so that compressing does not make room.
        var dice = SeededGenerator(seed: 1)
        let text = String(
            (0..<60_000).map { _ in Character(Unicode.Scalar(UInt8(32 + dice.next(below: 95)))) }
        )
        large.added = [self.entry(2, text: text)]
        large.writer = WriterID(high: 5, low: 5)
        let error = #expect(throws: StorageError.self) { try store.save(large) }
        #expect(error?.description.contains("free space") == true)
        #expect(try store.changelog() == before)
        try store.queue.write { database in
            try database.execute(sql: "PRAGMA max_page_count = \(pages + 1_000)")
        }
        try store.save(large)
        #expect(try store.changelog().changesets == large.added.map(\.bytes))
    }

    @Test("is saved off the threads of tasks, one transaction after the other")
    func ownThread() async throws {
        let thread = DiskThread()
        let order = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<8 {
                group.addTask {
                    try await thread.run {
                        Thread.sleep(forTimeInterval: 0.01)
                        return number
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(order.sorted() == Array(0..<8))
        await #expect(throws: StorageError.self) {
            try await thread.run { throw StorageError.inUse(file: "x") }
        }
    }
}
