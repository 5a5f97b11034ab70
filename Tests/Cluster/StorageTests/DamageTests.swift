import Foundation
import GRDB
import MeshChangelog
import MeshPrimitives
import Testing

@testable import MeshStorage

@Suite("A state file that was cut or changed")
struct DamageTests {
    /// Offsets tried are this far apart; 1 tries every octet, which takes minutes.
    private static let stride =
        ProcessInfo.processInfo.environment["MESH_DAMAGE_STRIDE"].flatMap(Int.init) ?? 67

    private let directory: TemporaryDirectory

    init() throws { self.directory = try TemporaryDirectory() }

    @Test("loads as saved or is refused by name, wherever one bit flips")
    func flippedBits() throws {
        let (database, whole) = try self.closedStore()
        var refusals = 0
        for offset in Swift.stride(from: 0, to: database.count, by: Self.stride) {
            var damaged = database
            damaged[offset] ^= 1 << UInt8(offset % 8)

            let outcome = try StoreFixture.outcome(database: damaged, journal: nil)

            if case .refused(_, let namesFile) = outcome {
                refusals += 1
                #expect(namesFile, "offset \(offset)")
            } else {
                #expect(outcome == whole, "offset \(offset)")
            }
        }
        #expect(refusals > 0)
    }

    @Test("loads as saved or is refused by name, wherever it is cut")
    func cutFile() throws {
        let (database, whole) = try self.closedStore()
        for length in Swift.stride(from: 0, to: database.count, by: Self.stride * 3) {
            let outcome = try StoreFixture.outcome(
                database: Array(database.prefix(length)),
                journal: nil
            )

            if case .refused(_, let namesFile) = outcome {
                #expect(namesFile, "length \(length)")
            } else {
                #expect(outcome == whole, "length \(length)")
            }
        }
    }

    @Test("loses whole transactions, never parts, wherever its journal is cut")
    func cutJournal() throws {
        let (database, journal, states) = try self.runningStore()
        var seen: Set<Int> = []
        for length in Swift.stride(from: 0, to: journal.count + 1, by: Self.stride * 3) {
            let outcome = try StoreFixture.outcome(
                database: database,
                journal: Array(journal.prefix(length))
            )
            try self.expect(outcome, isOneOf: states, seen: &seen, "length \(length)")
        }
        #expect(seen.count > 5, "most states are reached by some cut")
    }

    @Test("loses whole transactions, never parts, wherever one bit of its journal flips")
    func flippedJournal() throws {
        let (database, journal, states) = try self.runningStore()
        var seen: Set<Int> = []
        for offset in Swift.stride(from: 0, to: journal.count, by: Self.stride * 3) {
            var damaged = journal
            damaged[offset] ^= 1 << UInt8(offset % 8)
            let outcome = try StoreFixture.outcome(database: database, journal: damaged)
            try self.expect(outcome, isOneOf: states, seen: &seen, "offset \(offset)")
        }
    }

    @Test("is the state after the last finished save when its node is killed at any save")
    func killedNode() throws {
        let file = self.directory.file()
        let store = try NodeDatabase(path: file)
        for round in 1...20 {
            try store.save(StoreFixture.batch((0..<5).map { "k/\($0)" }, "round \(round)"))
            let expected = try StoreFixture.changesets(store)

            // The files as a killed process leaves them: the journal not yet folded in.
            let outcome = try StoreFixture.outcome(
                database: try StoreFixture.bytes(of: file),
                journal: try StoreFixture.bytes(of: file + "-wal")
            )

            guard case .loaded(let records, _, _) = outcome else {
                Issue.record("round \(round): \(outcome)")
                continue
            }
            #expect(records == expected, "round \(round)")
        }
    }

    @Test("is refused when a row was lost or exchanged behind its back")
    func lostRow() throws {
        let statements = [
            "DELETE FROM changesets WHERE rowid = 3",
            "UPDATE changesets SET content = x'00' WHERE rowid = 3",
            "UPDATE changesets SET name = 'r/x' WHERE rowid = 3",
            "UPDATE changesets SET checksum = 1 WHERE rowid = 3",
            "DELETE FROM totals",
        ]
        for statement in statements {
            let directory = try TemporaryDirectory()
            let store = try NodeDatabase(path: directory.file())
            try store.save(StoreFixture.batch((0..<9).map { "r/\($0)" }, "x"))
            try store.queue.write { try $0.execute(sql: statement) }

            let error = #expect(throws: StorageError.self) { try store.changelog() }

            guard case .damaged(let file, _) = error else {
                Issue.record("\(statement): \(String(describing: error))")
                continue
            }
            #expect(file == directory.file())
        }
    }

    /// A store with every table filled and closed, as bytes, and what it must load as.
    private func closedStore() throws -> (database: [UInt8], whole: StoreFixture.Outcome) {
        let file = self.directory.file()
        let store = try NodeDatabase(path: file)
        for round in 0..<4 {
            let text = String(repeating: "v\(round)", count: 40)
            var batch = StoreFixture.batch((0..<12).map { "r/\($0)" }, text)
            batch.displaced = [StoreFixture.entry("displaced", text)]
            batch.checkpoint = StoredCheckpoint(bytes: Array(text.utf8), conflicts: [1])
            batch.writer = WriterID(high: UInt64(round), low: 1)
            try store.save(batch)
        }
        try store.setValue(Array(0..<16), for: "node.id")
        try store.saveMembers(["a": [1, 2, 3], "b": [4]])
        try store.close()
        let bytes = try StoreFixture.bytes(of: file)
        let whole = try StoreFixture.outcome(database: bytes, journal: nil)
        guard case .loaded(let records, _, _) = whole else {
            Issue.record("an undamaged file must load: \(whole)")
            return (bytes, whole)
        }
        #expect(records.count == 12)
        return (bytes, whole)
    }

    /// The files of a store that was killed, and its changesets after each transaction.
    private func runningStore() throws -> (
        database: [UInt8], journal: [UInt8], states: [[[UInt8]]]
    ) {
        let file = self.directory.file()
        let store = try NodeDatabase(path: file)
        var states: [[[UInt8]]] = [[]]
        for round in 1...12 {
            try store.save(StoreFixture.batch((0..<4).map { "r/\($0)" }, "round \(round)"))
            states.append(try StoreFixture.changesets(store))
        }
        return (
            try StoreFixture.bytes(of: file), try StoreFixture.bytes(of: file + "-wal"), states
        )
    }

    private func expect(
        _ outcome: StoreFixture.Outcome,
        isOneOf states: [[[UInt8]]],
        seen: inout Set<Int>,
        _ place: String
    ) throws {
        switch outcome {
        case .refused(_, let namesFile): #expect(namesFile, "\(place)")
        case .loaded(let records, _, _):
            let state = states.firstIndex(of: records)
            #expect(state != nil, "\(place): a state that never was")
            if let state { seen.insert(state) }
        }
    }
}
