/// What one node believes about one member of the mesh.
public struct MemberReport: Codable, Equatable, Sendable {
    /// Whether the member answers.
    public enum State: String, Codable, CaseIterable, Sendable {
        /// It answers probes.
        case alive
        /// It missed probes, and may still prove that it lives.
        case suspect
        /// Nobody reached it in time.
        case failed
        /// It said good-bye.
        case left
    }

    /// What an operator wants of the member.
    public enum Mode: String, Codable, CaseIterable, Sendable {
        /// It takes traffic.
        case normal
        /// It finishes what it has and takes nothing new.
        case draining
        /// It is taken out on purpose and empty.
        case maintenance
    }

    /// The node's identity, a UUID.
    public var id: String
    /// The node's name.
    public var name: String
    /// The region it stands in.
    public var region: String
    /// The zone within the region; empty when none is set.
    public var zone: String
    /// Its gossip address.
    public var address: String
    /// Its Admin API's address, when it has told.
    @Nullable public var adminAddress: String? = nil
    /// Whether it answers.
    public var state: State
    /// What an operator wants of it.
    public var mode: Mode
    /// Its incarnation, raised by it alone to refute a suspicion.
    public var incarnation: UInt64
    /// Its program's version.
    public var version: String
    /// The configuration it runs, as it last told.
    public var config: ConfigurationVersion
    /// The round trip to it in milliseconds; `nil` for the asked node itself and before the first
    /// answer.
    @Nullable public var rttMs: Double? = nil
    /// Whether this is the node that was asked.
    public var isAsked: Bool
    /// How long the member has been running, in seconds, when it has told.
    @Nullable public var ageSeconds: Double? = nil
    /// The share of its processor time in use, 0 to 1, when it has told.
    @Nullable public var load: Double? = nil
    /// Requests in flight, when it has told.
    @Nullable public var inFlight: Int? = nil
    /// When ``state`` last changed, RFC 3339 in UTC.
    @Nullable public var since: String? = nil
    /// What is said against it, in the order heard; of a member that failed, the last words.
    public var accusations: [AccusationReport] = []
    /// One remark for people; empty when there is nothing to say.
    public var note: String

    private enum CodingKeys: String, CodingKey {
        case id, name, region, zone, address, adminAddress, state, mode, incarnation, version
        case config, rttMs
        case isAsked = "self"
        case ageSeconds, load, inFlight, since, accusations, note
    }

    /// Creates a report of a member that is alive and takes traffic; set the rest afterwards.
    public init(id: String, name: String, region: String, address: String) {
        self.id = id
        self.name = name
        self.region = region
        self.zone = ""
        self.address = address
        self.state = .alive
        self.mode = .normal
        self.incarnation = 0
        self.version = ""
        self.config = .none
        self.isAsked = false
        self.note = ""
    }

    /// Whether nothing asks for an operator: alive, and not being taken out.
    public var isWell: Bool { self.state == .alive && self.mode == .normal }
}

/// What one node says against another, as the asked node heard it.
public struct AccusationReport: Codable, Equatable, Sendable {
    /// `suspect`, `failed`, or `expelled` by an operator.
    public var verdict: String
    /// Who says it, by name; by id when it is no member any more.
    public var accuser: String
    /// When the asked node heard it, RFC 3339 in UTC.
    public var time: String
    /// What the accuser's probe has shown, in words.
    public var evidence: String

    /// Creates a report.
    public init(verdict: String, accuser: String, time: String, evidence: String) {
        self.verdict = verdict
        self.accuser = accuser
        self.time = time
        self.evidence = evidence
    }
}

/// The answer of `/mesh/nodes/{name}/forget` and `/mesh/nodes/{name}/force-leave`.
public struct DismissalReport: Codable, Equatable, Sendable {
    /// The node concerned.
    public var node: String
    /// Its identity.
    public var id: String
    /// Whether it is off the list, and not only taken for one that left.
    public var isForgotten: Bool

    /// Creates an answer.
    public init(node: String, id: String, isForgotten: Bool) {
        self.node = node
        self.id = id
        self.isForgotten = isForgotten
    }
}

/// Which configuration a node runs.
public struct ConfigurationVersion: Codable, Hashable, Sendable {
    /// The generation of the newest changeset, such as `g41`; empty before the first.
    public var version: String
    /// The hash over all entities, 32 hexadecimal digits; equal hashes route equally.
    public var hash: String

    /// No configuration yet.
    public static let none = ConfigurationVersion(
        version: "",
        hash: "00000000000000000000000000000000"
    )

    /// Creates a version.
    public init(version: String, hash: String) {
        self.version = version
        self.hash = hash
    }

    /// Creates a version; generation 0 stands for none.
    public init(generation: UInt64, hash: String) {
        self.init(version: generation == 0 ? "" : "g\(generation)", hash: hash)
    }
}

/// Who was asked and how old the answer's view is, since beliefs differ between nodes.
public struct ViewReport: Codable, Equatable, Sendable {
    /// The node that answered.
    public var node: String
    /// How long ago the node last heard from any peer, in seconds; 0 for a node alone.
    public var ageSeconds: Double
    /// Members the node knows, itself included.
    public var members: Int

    /// Creates a stamp.
    public init(node: String, ageSeconds: Double, members: Int) {
        self.node = node
        self.ageSeconds = ageSeconds
        self.members = members
    }
}

/// The answer of `/mesh/members`.
public struct MembersReport: Codable, Equatable, Sendable {
    /// Members sorted by region, then name.
    public var members: [MemberReport]
    /// Who says so.
    public var view: ViewReport

    /// Creates an answer.
    public init(members: [MemberReport], view: ViewReport) {
        self.members = members
        self.view = view
    }
}
