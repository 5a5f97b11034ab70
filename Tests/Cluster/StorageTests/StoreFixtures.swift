import Foundation
import MeshChangelog
import MeshPrimitives

@testable import MeshStorage

/// A directory that ends with the test.
final class TemporaryDirectory {
    let path: String

    init() throws {
        self.path = NSTemporaryDirectory() + "meshgate-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: self.path,
            withIntermediateDirectories: true
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    /// The path of a file in it.
    func file(_ name: String = "state.sqlite") -> String { "\(self.path)/\(name)" }
}

enum StoreFixture {
    /// A changeset with a text as its message; the same name gives the same identity.
    static func entry(_ name: String, _ text: String) -> EncodedChangeset {
        let number = name.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) }
        return EncodedChangeset(
            Changeset(
                id: ChangesetID(writer: WriterID(high: number, low: 3), sequence: 1),
                previous: .zero,
                generation: 1,
                node: NodeID(high: 0xFFFF_0000_0000_0001, low: 3),
                wallMilliseconds: 0,
                author: "ann",
                message: text,
                changes: []
            ),
            hash: { ContentHash(high: UInt64($0.count), low: number) }
        )
    }

    /// One transaction that puts texts in the place of what is there under these names.
    static func batch(_ names: [String], _ text: String) -> ChangelogBatch {
        var batch = ChangelogBatch()
        batch.added = names.map { self.entry($0, text) }
        return batch
    }

    /// The changesets of a store, in an order of their own.
    static func changesets(_ store: NodeDatabase) throws(StorageError) -> [[UInt8]] {
        try store.changelog().changesets.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// What a file opens and loads as, read from bytes put in a fresh directory.
    static func outcome(database: [UInt8], journal: [UInt8]?) throws -> Outcome {
        let directory = try TemporaryDirectory()
        let file = directory.file()
        try Data(database).write(to: URL(fileURLWithPath: file))
        if let journal { try Data(journal).write(to: URL(fileURLWithPath: file + "-wal")) }
        do throws(StorageError) {
            let store = try NodeDatabase(path: file)
            return .loaded(
                changesets: try self.changesets(store),
                identity: try store.value("node.id"),
                members: try store.members()
            )
        } catch {
            return .refused(error, namesFile: "\(error)".contains(file))
        }
    }

    enum Outcome: Equatable {
        case loaded(
            changesets: [[UInt8]],
            identity: [UInt8]?,
            members: [String: [UInt8]]
        )
        case refused(StorageError, namesFile: Bool)
    }

    static func bytes(of file: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: file)))
    }
}
