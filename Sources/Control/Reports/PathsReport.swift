/// The answer of `/mesh/reachability`: which ways from one node to the others work, tried just now.
public struct ReachabilityReport: Codable, Equatable, Sendable {
    /// The ways to each member that is there or failed, the asked node apart, in the order of members.
    public var paths: [PathReport]
    /// Members that were not tried, since one question tries 256 at most.
    public var untried: Int
    /// Who says so.
    public var view: ViewReport

    /// Creates an answer.
    public init(paths: [PathReport], untried: Int, view: ViewReport) {
        self.paths = paths
        self.untried = untried
        self.view = view
    }
}

/// Both ways from the asked node to one member.
public struct PathReport: Codable, Equatable, Sendable {
    /// The member's name.
    public var name: String
    /// The region it stands in.
    public var region: String
    /// Its gossip address.
    public var address: String
    /// How it stands.
    public var state: MemberReport.State
    /// Until a datagram (UDP) was answered, in milliseconds; `nil` when none of three was.
    @Nullable public var udpMs: Double? = nil
    /// Until a stream (TCP) was open and answered, in milliseconds; `nil` when it was not.
    @Nullable public var tcpMs: Double? = nil

    /// Creates a report of a member that neither way leads to; set the rest afterwards.
    public init(name: String, region: String, address: String, state: MemberReport.State) {
        self.name = name
        self.region = region
        self.address = address
        self.state = state
    }

    /// Whether a member that is there is not reached on one of the ways.
    public var isCut: Bool {
        (self.state == .alive || self.state == .suspect)
            && (self.udpMs == nil || self.tcpMs == nil)
    }

    /// What is wrong, in words; empty when nothing is.
    public var words: String {
        switch (self.udpMs, self.tcpMs) {
        case (.some, .some): ""
        case (nil, nil): "not reached from here"
        case (nil, .some): "UDP is cut: all goes by TCP"
        case (.some, nil): "TCP is cut: all goes by UDP, or by others"
        }
    }
}

/// The answer of `/mesh/rtt/{from}/{to}`: the round trip between two members.
public struct RoundTripReport: Codable, Equatable, Sendable {
    /// The one end, by name.
    public var from: String
    /// The other end, by name.
    public var to: String
    /// In milliseconds; `nil` when nobody has measured anything yet.
    @Nullable public var milliseconds: Double? = nil
    /// Whether the asked node measured it; else it is estimated from both nodes' coordinates.
    public var isMeasured: Bool
    /// How wrong such estimates of the two were lately, as a share of the round trip; 0 when measured.
    public var error: Double
    /// Who was asked.
    public var node: String

    /// Creates an answer without a figure; set the rest afterwards.
    public init(from: String, to: String, node: String) {
        self.from = from
        self.to = to
        self.isMeasured = false
        self.error = 0
        self.node = node
    }
}
