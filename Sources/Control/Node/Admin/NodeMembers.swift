import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshReports
import MeshTransport

/// The members with all that they have told, as reports show them.
struct NodeMembers: Sendable {
    let reports: [MemberReport]
    let states: [String: NodeState]
    let view: ViewReport

    /// The reports by id.
    var byID: [String: MemberReport] {
        Dictionary(self.reports.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Reads members, their states and what operators desire.
    ///
    /// - Parameters:
    ///   - cluster: where they are known.
    ///   - own: the own state, fresher than what was told.
    ///   - inFlight: the own requests in flight, of which peers hear seconds later.
    ///   - node: the own identity.
    ///   - name: the own name.
    init(
        cluster: ClusterService,
        own: NodeState,
        inFlight: Int,
        node: NodeID,
        name: String
    ) async {
        let heard = await cluster.observedNodes()
        var states = heard.mapValues(\.state)
        var loads = heard.mapValues(\.load)
        states[node] = own
        loads[node] = NodeLoad(permille: loads[node]?.permille ?? 0, inFlight: inFlight)
        let now = NodeClock.now
        let wall = NodeClock.wallMilliseconds
        let members = await cluster.members()
        let names = members.reduce(into: [:]) { $0[$1.id] = $1.profile.name }
        self.reports = members.map { member in
            MemberReport(
                member,
                state: states[member.id],
                load: loads[member.id] ?? .idle,
                isAsked: member.id == node,
                names: names,
                now: now,
                wallMilliseconds: wall
            )
        }.sorted { ($0.region, $0.name, $0.id) < ($1.region, $1.name, $1.id) }
        self.states = Dictionary(
            states.map { ($0.key.description, $0.value) },
            uniquingKeysWith: { first, _ in first }
        )
        self.view = ViewReport(
            node: name,
            ageSeconds: await Self.age(of: cluster, members: members, own: own, at: now),
            members: members.count
        )
    }
}

extension NodeMembers {
    /// Seconds since a peer was last heard, or since the start when none was; 0 for a node alone.
    private static func age(
        of cluster: ClusterService,
        members: [Member],
        own: NodeState,
        at now: MonotonicInstant
    ) async -> Double {
        guard members.count > 1 else { return 0 }
        if let heard = await cluster.status().lastHeard {
            return max(0, heard.duration(to: now).milliseconds) / 1_000
        }
        let wall = NodeClock.wallMilliseconds
        return Double(wall &- min(wall, own.startedAt)) / 1_000
    }
}

extension MemberReport {
    /// One member, with what it told about itself.
    fileprivate init(
        _ member: Member,
        state: NodeState?,
        load: NodeLoad,
        isAsked: Bool,
        names: [NodeID: String],
        now: MonotonicInstant,
        wallMilliseconds: UInt64
    ) {
        self.init(
            id: member.id.description,
            name: member.profile.name,
            region: member.profile.region,
            address: member.profile.address.description
        )
        self.zone = member.profile.zone
        self.state = State(member.state)
        self.mode = Mode(member.signed.record.mode)
        self.incarnation = member.incarnation
        self.version = member.profile.version
        self.isAsked = isAsked
        self.rttMs = member.roundTrip.map { ($0.milliseconds * 1_000).rounded() / 1_000 }
        let inState = UInt64(max(0, member.since.duration(to: now).milliseconds))
        self.since = Timestamp.text(
            milliseconds: wallMilliseconds &- min(wallMilliseconds, inState)
        )
        self.accusations = member.charges.map {
            AccusationReport($0, names: names, now: now, wallMilliseconds: wallMilliseconds)
        }
        guard let state else {
            self.note = Self.note(of: member, forSeconds: inState / 1_000)
            return
        }
        self.config = state.version
        self.adminAddress = state.adminAddress
        self.ageSeconds =
            Double(wallMilliseconds &- min(wallMilliseconds, state.startedAt)) / 1_000
        guard member.state == .alive else {
            self.note = Self.note(of: member, forSeconds: inState / 1_000)
            return
        }
        self.load = load.share
        self.inFlight = load.inFlight
        if self.mode != .normal {
            self.note = "\(self.mode.rawValue), \(load.inFlight) requests left"
        } else if !state.rejection.isEmpty {
            self.note = "rejects the newest configuration: \(state.rejection)"
        }
    }

    private static func note(of member: Member, forSeconds seconds: UInt64) -> String {
        switch member.state {
        case .alive: ""
        case .suspect: "suspect, by \(max(1, member.suspectedBy.count)) for \(seconds) s"
        case .failed: "gone for \(seconds) s"
        case .left:
            member.isExpelled
                ? "declared gone by an operator \(seconds) s ago" : "left \(seconds) s ago"
        }
    }
}

extension MemberReport.State {
    fileprivate init(_ state: MemberState) {
        switch state {
        case .alive: self = .alive
        case .suspect: self = .suspect
        case .failed: self = .failed
        case .left: self = .left
        }
    }
}
