/// What the mesh agrees about one region, as one node sees it.
public struct RegionReport: Codable, Equatable, Sendable {
    /// Whether the region can serve.
    public enum State: String, Codable, CaseIterable, Sendable {
        /// Every member that did not leave is alive.
        case up
        /// Some members are missing, or take no traffic; or none of its targets takes any.
        case degraded
        /// No member is alive in anyone's view.
        case down
        /// The asked node reaches none of it, though others may.
        case unreachable
    }

    /// The region's name.
    public var name: String
    /// Whether it can serve.
    public var state: State
    /// Members known, without those that left.
    public var members: Int
    /// Members alive.
    public var alive: Int
    /// Members alive and in normal mode.
    public var usable: Int
    /// Requests in flight over its members, as they last told.
    public var inFlight: Int
    /// Targets tagged with this region.
    public var targets: Int
    /// Those of them that take traffic.
    public var healthyTargets: Int
    /// One remark for people; empty when there is nothing to say.
    public var note: String

    /// Counts the region's targets; where none takes traffic, it is not plainly up.
    public mutating func count(targets: Int, healthy: Int) {
        self.targets = targets
        self.healthyTargets = healthy
        if targets > 0, healthy == 0, self.state == .up { self.state = .degraded }
    }

    /// Creates a report of an empty region; set the counts afterwards.
    public init(name: String, state: State) {
        self.name = name
        self.state = state
        self.members = 0
        self.alive = 0
        self.usable = 0
        self.inFlight = 0
        self.targets = 0
        self.healthyTargets = 0
        self.note = ""
    }
}

/// The answer of `/mesh/regions`.
public struct RegionsReport: Codable, Equatable, Sendable {
    /// Regions sorted by name.
    public var regions: [RegionReport]
    /// Who says so.
    public var view: ViewReport

    /// Creates an answer.
    public init(regions: [RegionReport], view: ViewReport) {
        self.regions = regions
        self.view = view
    }
}
