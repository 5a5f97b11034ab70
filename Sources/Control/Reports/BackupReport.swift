/// A backup, as `/mesh/backup` gives it and `/mesh/restore` takes it: one JSON document.
public struct BackupReport: Codable, Equatable, Sendable {
    /// A member at the time of the backup.
    public struct Member: Codable, Equatable, Sendable {
        /// Its id.
        public var id: String
        /// Its name.
        public var name: String
        /// Its region.
        public var region: String
        /// Where it gossiped.
        public var address: String

        /// Creates one.
        public init(id: String, name: String, region: String, address: String) {
            self.id = id
            self.name = name
            self.region = region
            self.address = address
        }
    }

    /// The format that this version writes and reads.
    public static let currentFormat = "meshgate-backup-1"

    /// What the document is.
    public var format = Self.currentFormat
    /// When it was made, RFC 3339.
    public var takenAt: String
    /// The node that made it.
    public var node: String
    /// The mesh's name.
    public var cluster: String
    /// The configuration in it.
    public var config: ConfigurationVersion
    /// Who was in the mesh; for people, since members are found by gossip.
    public var members: [Member]
    /// The checkpoint, base64; empty when nothing was folded.
    public var checkpoint = ""
    /// Conflicts among what was folded, base64.
    public var conflicts = ""
    /// The changesets after it, base64, each as its writer made it.
    public var changesets: [String] = []
    /// Changesets that waited to be written again, base64.
    public var displaced: [String] = []
    /// The key ring's file, when it was asked for.
    @Nullable public var keyRing: String? = nil
    /// A hash over all that is restored; a damaged file is refused by it.
    public var checksum = ""

    /// Creates a backup; set its content afterwards.
    public init(
        takenAt: String,
        node: String,
        cluster: String,
        config: ConfigurationVersion,
        members: [Member]
    ) {
        self.takenAt = takenAt
        self.node = node
        self.cluster = cluster
        self.config = config
        self.members = members
    }
}
