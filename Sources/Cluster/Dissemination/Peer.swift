public import MeshPrimitives

/// A member that is there, as far as choosing it as a partner goes.
public struct Peer: Hashable, Sendable {
    /// Who it is.
    public let id: NodeID
    /// The region it serves in.
    public let region: String
    /// The smoothed round trip to it; `nil` before the first was measured.
    public let roundTrip: Duration?
    /// The newest protocol version it understands.
    public let version: UInt8

    /// Creates a peer; by default of protocol version 1, with a round trip not measured yet.
    public init(id: NodeID, region: String, roundTrip: Duration? = nil, version: UInt8 = 1) {
        self.id = id
        self.region = region
        self.roundTrip = roundTrip
        self.version = version
    }
}
