public import MeshPrimitives

/// What a member says about itself; only the member changes it, with a higher incarnation.
public struct MemberProfile: Equatable, Sendable {
    /// The longest name, region or zone, in UTF-8 bytes: 64.
    public static let labelByteLimit = 64
    /// The longest version text, in UTF-8 bytes: 32.
    public static let versionByteLimit = 32

    /// Who the member is; survives restarts.
    public var id: NodeID
    /// The operator's name for it, unique among members that are alive.
    public var name: String
    /// The region it serves in.
    public var region: String
    /// The zone inside the region; may be empty.
    public var zone: String
    /// Where its gossip socket is reached, UDP and TCP.
    public var address: Endpoint
    /// The software version, for people.
    public var version: String
    /// The oldest protocol version it understands.
    public var protocolMinimum: UInt8
    /// The newest protocol version it understands; not below ``protocolMinimum``.
    public var protocolMaximum: UInt8
    /// What newer software says of the member behind the fields known here; kept and relayed.
    public var additions: [UInt8] = []

    /// Creates a profile.
    public init(
        id: NodeID,
        name: String,
        region: String,
        zone: String,
        address: Endpoint,
        version: String,
        protocolMinimum: UInt8 = 1,
        protocolMaximum: UInt8 = 1
    ) {
        self.id = id
        self.name = name
        self.region = region
        self.zone = zone
        self.address = address
        self.version = version
        self.protocolMinimum = protocolMinimum
        self.protocolMaximum = protocolMaximum
    }

    /// Whether every text is within its limit and the protocol range is not empty.
    ///
    /// A received profile that is not is dropped, so that no peer can make ours outgrow a datagram.
    public var isWithinLimits: Bool {
        !self.name.isEmpty
            && [self.name, self.region, self.zone].allSatisfy {
                $0.utf8.count <= Self.labelByteLimit
            }
            && self.version.utf8.count <= Self.versionByteLimit
            && self.protocolMinimum <= self.protocolMaximum
    }
}
