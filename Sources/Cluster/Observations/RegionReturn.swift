/// A return of one upstream's traffic to one region, as the node that runs it says.
public struct RegionReturn: Hashable, Sendable {
    /// Returns that one node may speak of: 64.
    public static let countLimit = 64
    /// Bytes on the wire: number 8, start 8.
    static let wireByteCount = 16

    /// The number that all nodes know the upstream and the region by.
    public let number: UInt64
    /// When it began, in Unix milliseconds of the fleet's clock.
    public let start: UInt64

    /// Creates one.
    public init(number: UInt64, start: UInt64) {
        self.number = number
        self.start = start
    }
}
