/// A hybrid logical clock stamp: 48 bits of wall-clock milliseconds, 16 bits of counter.
///
/// Stamps of causally ordered events compare in that order whatever the clocks of their nodes say,
/// and stay close to wall time.
///
/// Source: Kulkarni et al., "Logical Physical Clocks", 2014.
public struct HybridTimestamp: Hashable, Comparable, Sendable {
    /// Milliseconds in the upper 48 bits, counter in the lower 16.
    public let rawValue: UInt64

    /// The stamp before every other.
    public static let zero = HybridTimestamp(rawValue: 0)

    /// Creates a stamp from its wire form.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Creates a stamp; milliseconds beyond 48 bits are cut off.
    public init(milliseconds: UInt64, counter: UInt16) {
        self.rawValue = (milliseconds << 16) | UInt64(counter)
    }

    /// Wall-clock milliseconds since 1970.
    public var milliseconds: UInt64 { self.rawValue >> 16 }

    /// Orders events at one node and its causes.
    public static func < (left: HybridTimestamp, right: HybridTimestamp) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// The clock that gives out ``HybridTimestamp``s for one node.
///
/// Pure: the wall time is a parameter. A received stamp moves only this clock, never the wall.
public struct HybridClock: Equatable, Sendable {
    /// How far a received stamp may lie in the future: 500 ms.
    ///
    /// Larger drift is refused, so that one wrong clock cannot carry the fleet away.
    public static let maximumDriftMilliseconds: UInt64 = 500

    /// The highest stamp given out or accepted.
    public private(set) var latest: HybridTimestamp

    /// Creates a clock that continues after `latest`.
    public init(latest: HybridTimestamp = .zero) { self.latest = latest }

    /// Returns a stamp above every stamp given out or observed before.
    public mutating func tick(wallMilliseconds: UInt64) -> HybridTimestamp {
        let wall = HybridTimestamp(milliseconds: wallMilliseconds, counter: 0)
        let next = HybridTimestamp(rawValue: self.latest.rawValue &+ 1)
        self.latest = wall > self.latest ? wall : next
        return self.latest
    }

    /// Takes in a stamp from a peer, so that later ticks lie above it.
    ///
    /// - Throws: ``HybridClockError`` when the stamp lies more than
    ///   ``maximumDriftMilliseconds`` ahead of the wall clock; the clock is unchanged then.
    public mutating func observe(
        _ stamp: HybridTimestamp,
        wallMilliseconds: UInt64
    ) throws(HybridClockError) {
        guard stamp.milliseconds <= wallMilliseconds &+ Self.maximumDriftMilliseconds else {
            throw .tooFarAhead(milliseconds: stamp.milliseconds &- wallMilliseconds)
        }
        if stamp > self.latest { self.latest = stamp }
    }
}

/// Why a received stamp was refused.
public enum HybridClockError: Error, Equatable, Sendable {
    /// The stamp lies this many milliseconds ahead of the local wall clock.
    case tooFarAhead(milliseconds: UInt64)
}
