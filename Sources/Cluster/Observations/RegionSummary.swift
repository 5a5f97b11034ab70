/// What one region's relay sees of one region.
public struct RegionSummary: Hashable, Sendable {
    /// The longest region name that is believed, in UTF-8 bytes: 64, as in a member's profile.
    public static let nameByteLimit = 64
    /// Regions that one relay may speak of: 64.
    public static let countLimit = 64
    /// Members that count at most: 65,535.
    public static let memberLimit = 65_535

    /// The region that the writer stands in.
    public let observer: String
    /// The region that is described.
    public let region: String
    /// Members of it that did not leave; at most ``memberLimit``.
    public let members: Int
    /// Members of it that are alive; at most ``members``.
    public let alive: Int

    /// Creates a summary; numbers are clamped to their ranges, names cut to their limit.
    public init(observer: String, region: String, members: Int, alive: Int) {
        self.observer = observer.cut(toByteCount: Self.nameByteLimit)
        self.region = region.cut(toByteCount: Self.nameByteLimit)
        self.members = min(Self.memberLimit, max(0, members))
        self.alive = min(self.members, max(0, alive))
    }

    /// Bytes on the wire: two names with their lengths, two numbers of 2.
    public var wireByteCount: Int { 8 + self.observer.utf8.count + self.region.utf8.count }
}
