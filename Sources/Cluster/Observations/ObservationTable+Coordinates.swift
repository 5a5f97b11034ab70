internal import MeshDissemination
public import MeshPrimitives

/// Where nodes lie by round trips.
extension ObservationTable {
    /// The least movement that is told: 2 ms.
    private static let toldShift: Float = 0.002

    /// Takes in a measured round trip to a peer; what this node has learnt is told in its turn, when it
    /// has moved by 2 ms or is half as wrong as it said, and not within three report intervals.
    public mutating func measured(
        _ roundTrip: Duration,
        to peer: NodeID,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard self.sampler[peer] != nil else { return [] }
        let other = self.coordinate(of: peer) ?? NetworkCoordinate()
        self.ownCoordinate.learn(roundTrip, to: other, using: &self.generator)
        guard now >= self.nextCoordinate ?? now, self.isCoordinateNews else { return [] }
        self.nextCoordinate = now.advanced(by: self.reportInterval * 3)
        let before = self.own.head
        self.own.say(.coordinate(self.ownCoordinate))
        self.queue(self.node, after: before, votes: false, .normal)
        return self.finish([], at: now)
    }

    /// Where a node lies; `nil` before it has told.
    public func coordinate(of owner: NodeID) -> NetworkCoordinate? {
        if owner == self.node { return self.ownCoordinate }
        guard
            case .coordinate(let coordinate) = self.log(of: owner)?.values[.coordinate]?.observation
        else { return nil }
        return coordinate
    }

    private var isCoordinateNews: Bool {
        guard case .coordinate(let told) = self.own.values[.coordinate]?.observation else {
            return true
        }
        return self.ownCoordinate.shift(from: told) >= Self.toldShift
            || self.ownCoordinate.error <= told.error / 2
    }
}
