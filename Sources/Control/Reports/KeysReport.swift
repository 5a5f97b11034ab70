/// The keys of the mesh's ring, without their secrets.
public struct KeysReport: Codable, Equatable, Sendable {
    /// By rising epoch.
    public var keys: [KeyReport]

    /// Creates a report.
    public init(keys: [KeyReport]) { self.keys = keys }
}

/// One key of the ring, and who holds it; members that have left do not count.
public struct KeyReport: Codable, Equatable, Sendable {
    /// Its number.
    public var epoch: Int
    /// The start of its hash, hexadecimal.
    public var mark: String
    /// Whether the asked node seals with it.
    public var isSealing: Bool
    /// Members that open with it.
    public var holders: Int
    /// Members that there are.
    public var members: Int
    /// Names of those that do not hold it.
    public var lacking: [String]
    /// Names of those that seal with it.
    public var sealing: [String]

    /// Creates a report.
    public init(
        epoch: Int,
        mark: String,
        isSealing: Bool,
        holders: Int,
        members: Int,
        lacking: [String],
        sealing: [String]
    ) {
        self.epoch = epoch
        self.mark = mark
        self.isSealing = isSealing
        self.holders = holders
        self.members = members
        self.lacking = lacking
        self.sealing = sealing
    }
}
