import HashTreeCollections
import MeshChangelog
import MeshTransport

/// Which protocol version the fleet was finalized at; kept in the changelog, beside the configuration.
///
/// It only rises. A node that starts later, or was away, learns it with the configuration.
enum FinalizedVersion {
    /// Its key; of the kind of upgrades, which every version knows.
    static let key = "\(KeptUpgrade.kind)/protocol"
    /// That of a mesh which was never finalized.
    static let first: UInt8 = 1

    /// The changeset that finalizes the fleet at a version.
    static func draft(_ version: UInt8, author: String) -> ChangelogDraft {
        ChangelogDraft(
            changes: [Self.key: Array("\(version)".utf8)],
            author: author,
            message: "upgrade finalized at protocol \(version)"
        )
    }
}

extension ClusterConfigurationState {
    /// The protocol version that the fleet was finalized at.
    var finalizedVersion: UInt8 {
        let body = self.state.entities[FinalizedVersion.key]?.body ?? []
        return UInt8(String(decoding: body, as: UTF8.self)) ?? FinalizedVersion.first
    }
}
