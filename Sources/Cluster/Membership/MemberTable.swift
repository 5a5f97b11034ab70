import MeshDissemination
import MeshPrimitives

/// The members other than this node, with what is measured about each.
struct MemberTable: Sendable {
    private struct Row {
        var member: Member
        var roundTrip = RoundTripEstimate()
    }

    private let limit: Int
    private var rows: [NodeID: Row] = [:]
    private var sampler: PeerSampler
    private var idsByName: [String: Set<NodeID>] = [:]

    /// Creates an empty table of at most `limit` members for a node of `region`.
    init(limit: Int, region: String) {
        self.limit = limit
        self.sampler = PeerSampler(region: region)
    }

    /// How many members are alive or suspect.
    var presentCount: Int { self.sampler.count }

    /// Members that are alive or suspect.
    var present: [NodeID] { self.sampler.ids }

    /// Every member, by identity.
    var members: [Member] { self.rows.keys.sorted().compactMap { self[$0] } }

    /// One member.
    subscript(id: NodeID) -> Member? {
        guard let row = self.rows[id] else { return nil }
        var member = row.member
        member.roundTrip = row.roundTrip.smoothed
        return member
    }

    /// Whether a member is alive or suspect.
    func isPresent(_ id: NodeID) -> Bool { self.rows[id]?.member.state.isPresent ?? false }

    /// The members of a name, by identity.
    func named(_ name: String) -> [Member] {
        (self.idsByName[name] ?? []).sorted().compactMap { self[$0] }
    }

    /// How long to wait for the direct ack of a member.
    func timeout(of id: NodeID, _ configuration: MembershipConfiguration) -> Duration {
        (self.rows[id]?.roundTrip ?? RoundTripEstimate()).timeout(
            unmeasured: configuration.probeTimeout,
            minimum: configuration.probeTimeoutMinimum
        )
    }

    /// Takes in a measured round trip.
    mutating func sample(_ roundTrip: Duration, of id: NodeID) {
        self.rows[id]?.roundTrip.sample(roundTrip)
    }

    /// Adds or replaces a member.
    ///
    /// - Returns: whether there was room.
    mutating func store(_ member: Member) -> Bool {
        let id = member.id
        if let old = self.rows[id] {
            if old.member.profile.name != member.profile.name {
                self.removeName(old.member)
                self.idsByName[member.profile.name, default: []].insert(id)
            }
            self.rows[id]?.member = member
        } else {
            guard self.rows.count < self.limit else { return false }
            self.rows[id] = Row(member: member)
            self.idsByName[member.profile.name, default: []].insert(id)
        }
        self.setPresent(member)
        return true
    }

    /// Drops a member.
    mutating func remove(_ id: NodeID) {
        guard let row = self.rows.removeValue(forKey: id) else { return }
        self.removeName(row.member)
        self.sampler.remove(id)
    }

    /// Picks up to `count` different members that are present, each as likely as any other.
    func pick(
        _ count: Int,
        except excluded: NodeID? = nil,
        using generator: inout SeededGenerator
    ) -> [Member] {
        let excluding = excluded.map { [$0] } ?? []
        return self.sampler.pickEvenly(count, excluding: excluding, using: &generator)
            .compactMap { self[$0] }
    }

    /// Picks up to `count` different members to gossip with, most of them in the own region.
    func pickToTell(_ count: Int, using generator: inout SeededGenerator) -> [Member] {
        self.sampler.pick(count, using: &generator).compactMap { self[$0] }
    }

    private mutating func removeName(_ member: Member) {
        let name = member.profile.name
        self.idsByName[name]?.remove(member.id)
        if self.idsByName[name]?.isEmpty == true { self.idsByName[name] = nil }
    }

    private mutating func setPresent(_ member: Member) {
        guard member.state.isPresent else { return self.sampler.remove(member.id) }
        self.sampler.insert(
            Peer(
                id: member.id,
                region: member.profile.region,
                version: member.profile.protocolMaximum
            )
        )
    }
}
