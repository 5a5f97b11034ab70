public import MeshPrimitives

/// Where a node lies among others by round trips, so that those never measured can be estimated.
///
/// A round trip is the distance of two places in eight dimensions plus both heights: what every path
/// of a node costs before it comes to the network.
///
/// Source: Vivaldi, Dabek et al. 2004, section 5.4 (heights), with the constants and the gravity of
/// Serf's coordinates.
public struct NetworkCoordinate: Hashable, Sendable {
    /// Numbers of a place: 8.
    public static let dimensions = 8
    /// The error of a node that has measured nothing: 1.5 times the round trip.
    public static let errorLimit: Float = 1.5
    /// No number of a place, and no round trip, is larger: 10 s.
    public static let limit: Float = 10
    /// Bytes on the wire: eight numbers, height and error, 4 each.
    public static let wireByteCount = 4 * (Self.dimensions + 2)

    private static let heightMinimum: Float = 0.00001
    private static let gain: Float = 0.25
    private static let gravityReach: Float = 150
    private static let least: Float = 0.000_001

    /// The place, in seconds.
    public private(set) var place: [Float]
    /// What every path costs, in seconds.
    public private(set) var height: Float
    /// How wrong estimates have been, as a share of the round trip: 0 to ``errorLimit``.
    public private(set) var error: Float

    /// Creates the coordinate of a node that has measured nothing.
    public init() {
        self.place = Array(repeating: 0, count: Self.dimensions)
        self.height = Self.heightMinimum
        self.error = Self.errorLimit
    }

    /// Takes what another node says of itself; `nil` when that is no coordinate.
    public init?(place: [Float], height: Float, error: Float) {
        guard place.count == Self.dimensions,
            (place + [height, error]).allSatisfy({ $0.isFinite && abs($0) <= Self.limit }),
            height >= 0, (0...Self.errorLimit).contains(error)
        else { return nil }
        self.place = place
        self.height = max(height, Self.heightMinimum)
        self.error = error
    }

    /// The estimated round trip to another node.
    public func roundTrip(to other: NetworkCoordinate) -> Duration {
        .nanoseconds(Int64(Double(self.distance(to: other)) * 1e9))
    }

    /// Learns from a measured round trip; one of 0 or more than ``limit`` is ignored.
    ///
    /// - Parameters:
    ///   - measured: the round trip to `other`.
    ///   - other: where the node at the other end says that it lies.
    ///   - generator: parts two nodes that lie at one place.
    public mutating func learn(
        _ measured: Duration,
        to other: NetworkCoordinate,
        using generator: inout SeededGenerator
    ) {
        let seconds = Float(measured / .nanoseconds(1)) / 1e9
        guard seconds > 0, seconds <= Self.limit else { return }
        let distance = self.distance(to: other)
        let wrongness = abs(distance - seconds) / max(seconds, Self.least)
        let weight = self.error / max(self.error + other.error, Self.least)
        let share = Self.gain * weight
        self.error = min(Self.errorLimit, self.error * (1 - share) + wrongness * share)
        self.push(share * (seconds - distance), from: other, using: &generator)
        let origin = NetworkCoordinate()
        let fall = self.distance(to: origin) / Self.gravityReach
        self.push(-fall * fall, from: origin, using: &generator)
        if !self.isSound { self = NetworkCoordinate() }
    }

    /// How far this coordinate has moved from an earlier one of the same node, in seconds.
    public func shift(from earlier: NetworkCoordinate) -> Float {
        Self.norm(self.difference(to: earlier)) + abs(self.height - earlier.height)
    }

    private var isSound: Bool {
        (self.place + [self.height, self.error]).allSatisfy {
            $0.isFinite && abs($0) <= Self.limit
        }
    }

    private func distance(to other: NetworkCoordinate) -> Float {
        Self.norm(self.difference(to: other)) + self.height + other.height
    }

    private func difference(to other: NetworkCoordinate) -> [Float] {
        zip(self.place, other.place).map { $0 - $1 }
    }

    private static func norm(_ vector: [Float]) -> Float {
        vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }

    /// Moves away from another place by `force` seconds, towards it when that is negative.
    private mutating func push(
        _ force: Float,
        from other: NetworkCoordinate,
        using generator: inout SeededGenerator
    ) {
        var direction = self.difference(to: other)
        let length = Self.norm(direction)
        if length > Self.least {
            direction = direction.map { $0 / length }
            let raised = (self.height + other.height) * force / length + self.height
            self.height = max(raised, Self.heightMinimum)
        } else {
            direction = direction.map { _ in Float(generator.nextUnit()) - 0.5 }
            let size = max(Self.norm(direction), Self.least)
            direction = direction.map { $0 / size }
        }
        self.place = zip(self.place, direction).map { $0 + $1 * force }
    }
}
