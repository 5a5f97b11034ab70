/// One window of one thing that is counted.
public struct LimitWindow: Equatable, Sendable {
    /// A keyed hash of what is counted, not 0.
    public let key: UInt64
    /// Seconds since 1970 at which it is over.
    public let end: UInt32

    /// Names a window.
    public init(key: UInt64, end: Int64) {
        self.key = key == 0 ? 1 : key
        self.end = UInt32(clamping: end)
    }
}

/// Counts how often something happened within windows of time; from any worker, without waiting.
///
/// Moments are milliseconds since 1970.
public protocol WindowCounting: AnyObject, Sendable {
    /// How many were counted in the window.
    func count(in window: LimitWindow, at now: Int64) -> UInt32
    /// Counts one more unless the limit is reached.
    ///
    /// - Returns: how many were counted before, and whether this one was.
    func take(
        _ window: LimitWindow,
        limit: UInt32,
        at now: Int64
    ) -> (before: UInt32, isTaken: Bool)
    /// Counts some more, whatever comes of it.
    func add(_ amount: UInt32, to window: LimitWindow, limit: UInt32, at now: Int64)
    /// Takes one back that was taken in the window.
    func giveBack(_ window: LimitWindow, at now: Int64)
}

/// Where requests are counted, by policy.
public final class LimitCounters: Sendable {
    /// Counts of this node.
    let local: any WindowCounting
    /// Counts of the whole fleet, as far as they are known here.
    let fleet: any WindowCounting
    /// Counts of whatever counts at one Redis.
    let redis: any RedisCounting
    /// Keys the hashes of what is counted; the same on all nodes, and known to nobody else.
    let secret: (high: UInt64, low: UInt64)

    /// Brings together what counts.
    public init(
        local: any WindowCounting,
        fleet: any WindowCounting,
        redis: any RedisCounting,
        secret: (high: UInt64, low: UInt64)
    ) {
        self.local = local
        self.fleet = fleet
        self.redis = redis
        self.secret = secret
    }
}

/// SipHash-1-3 of a row of words: what is counted becomes a number that nobody can foresee who does
/// not know the key, the same on every node.
///
/// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
struct LimitHasher: Sendable {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64

    init(key: (high: UInt64, low: UInt64)) {
        self.v0 = key.high ^ 0x736f_6d65_7073_6575
        self.v1 = key.low ^ 0x646f_7261_6e64_6f6d
        self.v2 = key.high ^ 0x6c79_6765_6e65_7261
        self.v3 = key.low ^ 0x7465_6462_7974_6573
    }

    @inline(__always)
    mutating func combine(_ word: UInt64) {
        self.v3 ^= word
        self.round()
        self.v0 ^= word
    }

    /// Adds bytes, their number before them.
    mutating func combine(bytes: UnsafeRawBufferPointer) {
        self.combine(UInt64(bytes.count))
        var offset = 0
        while offset + 8 <= bytes.count {
            self.combine(
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            )
            offset += 8
        }
        guard offset < bytes.count else { return }
        var last: UInt64 = 0
        for index in offset..<bytes.count {
            last |= UInt64(bytes[index]) << UInt64(8 * (index - offset))
        }
        self.combine(last)
    }

    func finalize() -> UInt64 {
        var last = self
        last.v2 ^= 0xFF
        for _ in 0..<3 { last.round() }
        return last.v0 ^ last.v1 ^ last.v2 ^ last.v3
    }

    @inline(__always)
    private mutating func round() {
        self.v0 = self.v0 &+ self.v1
        self.v1 = Self.rotate(self.v1, 13) ^ self.v0
        self.v0 = Self.rotate(self.v0, 32)
        self.v2 = self.v2 &+ self.v3
        self.v3 = Self.rotate(self.v3, 16) ^ self.v2
        self.v0 = self.v0 &+ self.v3
        self.v3 = Self.rotate(self.v3, 21) ^ self.v0
        self.v2 = self.v2 &+ self.v1
        self.v1 = Self.rotate(self.v1, 17) ^ self.v2
        self.v2 = Self.rotate(self.v2, 32)
    }

    @inline(__always)
    private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
        value << count | value >> (64 - count)
    }
}
