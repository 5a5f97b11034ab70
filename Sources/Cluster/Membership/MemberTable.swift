import MeshDissemination
import MeshPrimitives

/// The members other than this node, with what is measured about each.
struct MemberTable: Sendable {
    private struct Row {
        var member: Member
        var roundTrip = RoundTripEstimate()
        var heard: MonotonicInstant?
    }

    private let limit: Int
    private var rows: [NodeID: Row] = [:]
    private var presentIDs = SortedIDs()
    private var aliveIDs = SortedIDs()
    private var failedIDs = SortedIDs()
    private var presentAddresses: [Endpoint: Int] = [:]
    private var sampler: PeerSampler
    private var idsByName: [String: Set<NodeID>] = [:]

    /// Creates an empty table of at most `limit` members for a node of `region`.
    init(limit: Int, region: String) {
        self.limit = limit
        self.sampler = PeerSampler(region: region)
    }

    /// When any member was last heard.
    private(set) var lastHeard: MonotonicInstant?

    /// Hashes of all members.
    private(set) var digest = ViewDigest()

    /// The members of some buckets, by identity.
    func members(in buckets: [UInt8]) -> [Member] {
        let wanted = Set(buckets)
        return self.rows.keys.filter { wanted.contains(UInt8(ViewDigest.bucket(of: $0))) }
            .sorted().compactMap { self[$0] }
    }

    /// How many members there are, whatever their state.
    var count: Int { self.rows.count }

    /// How many members are alive or suspect.
    var presentCount: Int { self.presentIDs.all.count }

    /// Members that are alive or suspect, by identity.
    var present: [NodeID] { self.presentIDs.all }

    /// Members that are alive and under no suspicion, by identity.
    var alive: [NodeID] { self.aliveIDs.all }

    /// Members that failed, by identity.
    var failed: [NodeID] { self.failedIDs.all }

    /// Whether a member that is alive or suspect is reached at `endpoint`.
    func isPresent(at endpoint: Endpoint) -> Bool { self.presentAddresses[endpoint] != nil }

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

    /// Notes that a member said something.
    mutating func hear(_ id: NodeID, at now: MonotonicInstant) {
        guard self.rows[id] != nil else { return }
        self.rows[id]?.heard = now
        self.lastHeard = now
    }

    /// Whether a member said something since a moment.
    func hasHeard(_ id: NodeID, since moment: MonotonicInstant) -> Bool {
        self.rows[id]?.heard.map { $0 >= moment } ?? false
    }

    /// Whether a member has said anything at all in this run.
    func isProven(_ id: NodeID) -> Bool { self.rows[id]?.heard != nil }

    /// The alive member that follows `id` on the ring of identities; `nil` without another.
    func successor(of id: NodeID) -> NodeID? { self.aliveIDs.successor(of: id) }

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
            self.countAddress(of: old.member, by: -1)
            self.digest.toggle(old.member)
            self.rows[id]?.member = member
        } else {
            guard self.rows.count < self.limit else { return false }
            self.rows[id] = Row(member: member)
            self.idsByName[member.profile.name, default: []].insert(id)
        }
        self.countAddress(of: member, by: 1)
        self.digest.toggle(member)
        self.list(member)
        return true
    }

    /// Drops a member.
    mutating func remove(_ id: NodeID) {
        guard let row = self.rows.removeValue(forKey: id) else { return }
        self.removeName(row.member)
        self.countAddress(of: row.member, by: -1)
        self.digest.toggle(row.member)
        self.presentIDs.set(id, isListed: false)
        self.aliveIDs.set(id, isListed: false)
        self.failedIDs.set(id, isListed: false)
        self.sampler.remove(id)
    }

    /// Picks up to `count` different members that are alive, each as likely as any other.
    ///
    /// While nobody is alive, suspects are picked in their place.
    func pick(
        _ count: Int,
        except excluded: NodeID? = nil,
        using generator: inout SeededGenerator
    ) -> [Member] {
        guard self.sampler.count > 0 else {
            return self.presentIDs.pick(count, except: excluded, using: &generator)
                .compactMap { self[$0] }
        }
        let excluding = excluded.map { [$0] } ?? []
        return self.sampler.pickEvenly(count, excluding: excluding, using: &generator)
            .compactMap { self[$0] }
    }

    /// Picks up to `count` different members to gossip with, most of them in the own region.
    ///
    /// While nobody is alive, suspects are picked in their place.
    func pickToTell(_ count: Int, using generator: inout SeededGenerator) -> [Member] {
        guard self.sampler.count > 0 else { return self.pick(count, using: &generator) }
        return self.sampler.pick(count, using: &generator).compactMap { self[$0] }
    }

    /// Picks a member that is under suspicion.
    func pickSuspect(using generator: inout SeededGenerator) -> Member? {
        let count = self.presentIDs.all.count - self.aliveIDs.all.count
        guard count > 0 else { return nil }
        var rest = generator.next(below: count)
        for id in self.presentIDs.all where self.rows[id]?.member.state == .suspect {
            guard rest > 0 else { return self[id] }
            rest -= 1
        }
        return nil
    }

    private mutating func removeName(_ member: Member) {
        let name = member.profile.name
        self.idsByName[name]?.remove(member.id)
        if self.idsByName[name]?.isEmpty == true { self.idsByName[name] = nil }
    }

    private mutating func countAddress(of member: Member, by change: Int) {
        guard member.state.isPresent else { return }
        let count = (self.presentAddresses[member.profile.address] ?? 0) + change
        self.presentAddresses[member.profile.address] = count > 0 ? count : nil
    }

    private mutating func list(_ member: Member) {
        self.presentIDs.set(member.id, isListed: member.state.isPresent)
        self.aliveIDs.set(member.id, isListed: member.state == .alive)
        self.failedIDs.set(member.id, isListed: member.state == .failed)
        guard member.state == .alive else { return self.sampler.remove(member.id) }
        self.sampler.insert(
            Peer(
                id: member.id,
                region: member.profile.region,
                version: member.profile.protocolMaximum
            )
        )
    }
}
