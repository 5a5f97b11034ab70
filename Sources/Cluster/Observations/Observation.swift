public import MeshPrimitives

/// One thing that a node says, about itself or about what it sees.
public enum Observation: Hashable, Sendable {
    /// What it says of itself.
    case state(NodeState)
    /// How busy it is; renewed once per report interval, which shows that the node still speaks.
    case load(NodeLoad)
    /// Whether it distrusts its own network.
    case abstaining(Bool)
    /// What it says of a target; `nil` takes an earlier vote back.
    case vote(TargetID, TargetVote?)
    /// What its region says of a target, for other regions; `nil` takes it back.
    case regionVote(TargetID, RegionVote?)
    /// What it sees of regions, when it is a relay.
    case regions([RegionSummary])
    /// Which returns of traffic to regions it runs, for the nodes of its own region.
    case returns([RegionReturn])
    /// Where it lies by round trips.
    case coordinate(NetworkCoordinate)
    /// What newer software says; kept and relayed.
    case unknown(UnknownObservation)

    /// What an observation is about; of each subject an owner says one thing at a time.
    public enum Subject: Hashable, Sendable {
        /// The owner itself.
        case state
        /// The owner's load.
        case load
        /// The owner's trust in its network.
        case abstaining
        /// A target, by the owner's own evidence.
        case vote(TargetID)
        /// A target, by the evidence of the owner's region.
        case regionVote(TargetID)
        /// The regions.
        case regions
        /// Returns to regions.
        case returns
        /// The owner's place.
        case coordinate
        /// What newer software's word is about.
        case unknown(kind: UInt8, place: UInt64)
    }

    /// What it is about.
    public var subject: Subject {
        switch self {
        case .state: .state
        case .load: .load
        case .abstaining: .abstaining
        case .vote(let target, _): .vote(target)
        case .regionVote(let target, _): .regionVote(target)
        case .regions: .regions
        case .returns: .returns
        case .coordinate: .coordinate
        case .unknown(let word): .unknown(kind: word.kind, place: word.place)
        }
    }

    /// Whether it only takes back what was said before.
    public var isWithdrawal: Bool {
        switch self {
        case .vote(_, nil), .regionVote(_, nil): true
        default: false
        }
    }

    /// Most bytes of its content on the wire.
    var wireByteCount: Int {
        switch self {
        case .state(let state): state.wireByteCount
        case .load: NodeLoad.wireByteCount
        case .abstaining: 1
        case .vote(_, let vote): 9 + (vote == nil ? 0 : TargetVote.wireByteCount)
        case .regionVote(_, let vote): 9 + (vote == nil ? 0 : RegionVote.wireByteCount)
        case .regions(let regions): regions.reduce(1) { $0 + $1.wireByteCount }
        case .returns(let returns): 1 + returns.count * RegionReturn.wireByteCount
        case .coordinate: NetworkCoordinate.wireByteCount
        case .unknown(let word): word.content.count
        }
    }
}

/// How far something is told.
public enum ObservationScope: Sendable {
    /// To nodes of the owner's region: everything.
    case region
    /// To nodes of other regions: what concerns them, votes only as sums made by relays.
    case mesh

    /// Whether an observation is told so far.
    func covers(_ subject: Observation.Subject) -> Bool {
        switch subject {
        case .vote, .abstaining, .returns: self == .region
        case .state, .load, .regionVote, .regions, .coordinate, .unknown: true
        }
    }
}

/// Which parts of what an owner says have changed.
public struct ObservationAspects: OptionSet, Hashable, Sendable {
    /// The bits.
    public let rawValue: UInt8

    /// Creates a set from its bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// What the owner says of itself, its load apart.
    public static let state = ObservationAspects(rawValue: 1)
    /// What the owner, or its region, says of targets.
    public static let votes = ObservationAspects(rawValue: 2)
    /// What the owner says of regions.
    public static let regions = ObservationAspects(rawValue: 4)

    /// The aspects that an observation belongs to; none for a load and a place, which are read when
    /// needed, and for what is unknown here.
    init(of subject: Observation.Subject) {
        switch subject {
        case .state: self = .state
        case .load, .coordinate, .unknown: self = []
        case .abstaining, .vote, .regionVote: self = .votes
        case .regions, .returns: self = .regions
        }
    }
}
