import Foundation
import GRDB
import MeshPrimitives
import MeshReplication
import Testing

@testable import MeshStorage

private typealias Record = MeshReplication.Record

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
        let store = try RecordStore(path: file)
        var expected: [Record] = []
        for round in 1...UInt64(20) {
            let batch = (0..<5)
                .map { StoreFixture.record("k/\($0)", "round \(round)", at: round) }
            try store.save(batch)
            expected = batch

            // The files as a killed process leaves them: the journal not yet folded in.
            let outcome = try StoreFixture.outcome(
                database: try StoreFixture.bytes(of: file),
                journal: try StoreFixture.bytes(of: file + "-wal")
            )

            guard case .loaded(let records, _, _, _) = outcome else {
                Issue.record("round \(round): \(outcome)")
                continue
            }
            #expect(records == expected, "round \(round)")
        }
    }

    @Test("is refused when a row was lost or exchanged behind its back")
    func lostRow() throws {
        let statements = [
            "DELETE FROM records WHERE name = 'r/3'",
            "UPDATE records SET body = x'00' WHERE name = 'r/3'",
            "UPDATE records SET name = 'r/x' WHERE name = 'r/3'",
            "UPDATE records SET tombstone = 1 WHERE name = 'r/3'",
            "DELETE FROM totals",
        ]
        for statement in statements {
            let directory = try TemporaryDirectory()
            let store = try RecordStore(path: directory.file())
            try store.save((0..<9).map { StoreFixture.record("r/\($0)", "x", at: 1) })
            try store.queue.write { try $0.execute(sql: statement) }

            let error = #expect(throws: StorageError.self) { try store.load() }

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
        let store = try RecordStore(path: file)
        for round in 0..<4 {
            try store.save(
                (0..<12)
                    .map { number in
                        let text = number == 7 ? nil : String(repeating: "v\(round)", count: 40)
                        return StoreFixture.record("r/\(number)", text, at: UInt64(round + 1))
                    }
            )
        }
        try store.setValue(Array(0..<16), for: "node.id")
        try store.saveMembers(["a": [1, 2, 3], "b": [4]])
        let record = StoreFixture.record("r/1", "lost", at: 1)
        try store.log(StoredConflict(noticed: 5, winner: record, loser: record))
        try store.close()
        let bytes = try StoreFixture.bytes(of: file)
        let whole = try StoreFixture.outcome(database: bytes, journal: nil)
        guard case .loaded(let records, _, _, _) = whole else {
            Issue.record("an undamaged file must load: \(whole)")
            return (bytes, whole)
        }
        #expect(records.count == 12)
        return (bytes, whole)
    }

    /// The files of a store that was killed, and its records after each transaction.
    private func runningStore() throws -> (
        database: [UInt8], journal: [UInt8], states: [[Record]]
    ) {
        let file = self.directory.file()
        let store = try RecordStore(path: file)
        var states: [[Record]] = [[]]
        for round in 1...UInt64(12) {
            try store.save(
                (0..<4).map { StoreFixture.record("r/\($0)", "round \(round)", at: round) }
            )
            states.append(StoreFixture.sorted(try store.load()))
        }
        return (
            try StoreFixture.bytes(of: file), try StoreFixture.bytes(of: file + "-wal"), states
        )
    }

    private func expect(
        _ outcome: StoreFixture.Outcome,
        isOneOf states: [[Record]],
        seen: inout Set<Int>,
        _ place: String
    ) throws {
        switch outcome {
        case .refused(_, let namesFile): #expect(namesFile, "\(place)")
        case .loaded(let records, _, _, _):
            let state = states.firstIndex(of: records)
            #expect(state != nil, "\(place): a state that never was")
            if let state { seen.insert(state) }
        }
    }
}
