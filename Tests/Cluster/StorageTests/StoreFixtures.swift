import Foundation
import MeshPrimitives
import MeshReplication

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
    static func record(
        _ name: String,
        _ text: String?,
        at milliseconds: UInt64,
        replaces: UInt64? = nil
    ) -> Record {
        Record(
            key: RecordKey(kind: .entity, name: name),
            version: self.version(milliseconds),
            replaces: replaces.map(self.version),
            isTombstone: text == nil,
            body: Array((text ?? "").utf8)
        )
    }

    static func version(_ milliseconds: UInt64) -> RecordVersion {
        RecordVersion(
            stamp: HybridTimestamp(milliseconds: milliseconds, counter: 7),
            writer: NodeID(high: 0xFFFF_0000_0000_0001, low: 3)
        )
    }

    static func sorted(_ records: [Record]) -> [Record] { records.sorted { $0.key < $1.key } }

    /// What a file opens and loads as, read from bytes put in a fresh directory.
    static func outcome(database: [UInt8], journal: [UInt8]?) throws -> Outcome {
        let directory = try TemporaryDirectory()
        let file = directory.file()
        try Data(database).write(to: URL(fileURLWithPath: file))
        if let journal { try Data(journal).write(to: URL(fileURLWithPath: file + "-wal")) }
        do throws(StorageError) {
            let store = try RecordStore(path: file)
            return .loaded(
                records: self.sorted(try store.load()),
                identity: try store.value("node.id"),
                members: try store.members(),
                conflicts: try store.conflicts().count
            )
        } catch {
            return .refused(error, namesFile: "\(error)".contains(file))
        }
    }

    enum Outcome: Equatable {
        case loaded(
            records: [Record],
            identity: [UInt8]?,
            members: [String: [UInt8]],
            conflicts: Int
        )
        case refused(StorageError, namesFile: Bool)
    }

    static func bytes(of file: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: file)))
    }
}
