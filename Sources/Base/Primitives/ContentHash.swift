/// A 16-byte hash of replicated content; equal hashes mean equal content.
///
/// Made by a cryptographic hash outside the cores (BLAKE2b), so that two nodes that show the same
/// hash provably hold the same records.
public struct ContentHash: Hashable, Sendable {
    /// The first eight bytes, big endian.
    public var high: UInt64
    /// The last eight bytes, big endian.
    public var low: UInt64

    /// The hash of nothing.
    public static let zero = ContentHash(high: 0, low: 0)

    /// Creates a hash from its two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Combines two hashes so that the order of combining does not matter.
    ///
    /// Combining twice with the same hash takes it out again.
    public static func ^ (left: ContentHash, right: ContentHash) -> ContentHash {
        ContentHash(high: left.high ^ right.high, low: left.low ^ right.low)
    }
}

extension ContentHash: CustomStringConvertible {
    /// 32 lower-case hexadecimal digits.
    public var description: String {
        [self.high, self.low]
            .map { half in
                let text = String(half, radix: 16)
                return String(repeating: "0", count: 16 - text.count) + text
            }
            .joined()
    }
}
