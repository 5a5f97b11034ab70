import Foundation
import MeshReplication

/// Who changed the configuration last and why; body of the `configurationHead` record.
struct ConfigurationHead: Codable, Equatable, Sendable {
    /// The operator's words; empty for none.
    var message: String
    /// What the submitted text was called.
    var name: String

    /// The record of this head; one key, the last writer wins.
    var change: RecordChange {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let body = (try? encoder.encode(self)).map(Array.init) ?? []
        return RecordChange(key: RecordKey(kind: .configurationHead, name: "head"), body: body)
    }
}
