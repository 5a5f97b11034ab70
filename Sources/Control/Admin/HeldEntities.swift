public import MeshEntities
public import MeshReports

/// What a node holds, and which version of it.
public struct HeldEntities: Sendable {
    /// All entities, by id and by name.
    public var catalogue: EntityCatalogue
    /// Stamp and hash of what the catalogue was made of.
    public var version: ConfigurationVersion

    /// Creates a pair that belongs together.
    public init(catalogue: EntityCatalogue, version: ConfigurationVersion) {
        self.catalogue = catalogue
        self.version = version
    }
}

/// What became of an edit.
public struct EditReceipt: Equatable, Sendable {
    /// The version that the edit made.
    public var config: ConfigurationVersion
    /// Names of the nodes that hold it durably; this one is always among them.
    public var holders: [String]
    /// How many nodes should hold it before it counts as safe; with fewer the answer is 202.
    public var wanted: Int

    /// Creates a receipt.
    public init(config: ConfigurationVersion, holders: [String], wanted: Int = 1) {
        self.config = config
        self.holders = holders
        self.wanted = wanted
    }
}

/// How an operator judges a target by hand.
public struct TargetMark: Equatable, Sendable {
    /// The upstream's id.
    public var upstream: EntityID
    /// The target, `host:port` as its entity spells it.
    public var target: String
    /// One address of it, `ip:port`; `nil` for all.
    public var address: String?
    /// Whether it is well.
    public var isHealthy: Bool

    /// Creates a mark.
    public init(upstream: EntityID, target: String, address: String?, isHealthy: Bool) {
        self.upstream = upstream
        self.target = target
        self.address = address
        self.isHealthy = isHealthy
    }
}
