import MeshDissemination
import MeshPrimitives

/// The members other than this node, with what is measured about each.
///
/// Copies share what is equal, which is nearly everything: what is measured is kept apart, and only of
/// those that were heard.
struct MemberTable: Sendable {
    private struct Measure {
        var roundTrip = RoundTripEstimate()
        var heard: MonotonicInstant?
        var refuted: MonotonicInstant?
        var refutedBefore: MonotonicInstant?
        var late: MonotonicInstant?
    }

    private let limit: Int
    private var rows = NodeTable<Member>()
    private var measures: [NodeID: Measure] = [:]
    /// Whether all count as heard, whether this run has heard them or not.
    private(set) var areAllProven = false
    private var presentIDs = SortedIDs()
    private var aliveIDs = SortedIDs()
    private var suspectIDs = SortedIDs()
    private var failedIDs = SortedIDs()
    private var sampler: PeerSampler
    private var names = LabelIndex()
    private var presentAddresses = LabelIndex()
    /// Members that failed not long ago, in the order of when this node learned it.
    private var lately: [NodeID] = []

    /// Times that a member is drawn among the lately failed.
    private static let drawLimit = 8

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
        Set(buckets).flatMap { self.rows.values(in: Int($0)) }
            .map(self.measured).sorted { $0.id < $1.id }
    }

    /// How many members there are, whatever their state.
    var count: Int { self.rows.count }

    /// How many members are alive or suspect.
    var presentCount: Int { self.presentIDs.count }

    /// How many members are alive and under no suspicion.
    var aliveCount: Int { self.aliveIDs.count }

    /// Members that failed, by identity.
    var failed: [NodeID] { self.failedIDs.all }

    /// Where members that failed were reached, by identity.
    var failedAddresses: [Endpoint] {
        self.failedIDs.all.compactMap { self.rows[$0]?.profile.address }
    }

    /// The members that are gone, in the order in which they make room; not those that have only
    /// withdrawn.
    ///
    /// First those that have left, then those that had lived shortest, the longest gone first: whoever comes
    /// and goes must not push out the members that a cut took away.
    var tombstones: [Member] { self.gone.sorted(by: Self.makesRoomBefore) }

    /// The first member to make room.
    var firstTombstone: Member? { self.gone.min(by: Self.makesRoomBefore) }

    /// How many they are.
    private(set) var goneCount = 0

    private static func makesRoomBefore(_ first: Member, _ second: Member) -> Bool {
        let place = { (member: Member) in
            (member.state == .left ? -1 : member.lived, member.since, member.id)
        }
        return place(first) < place(second)
    }

    private var gone: [Member] { self.rows.values.filter(\.isGone) }

    /// Whether a member that is alive or suspect is reached at `endpoint`.
    func isPresent(at endpoint: Endpoint) -> Bool {
        self.presentAddresses.ids(of: LabelIndex.label(endpoint)).contains { id in
            self.rows[id]?.profile.address == endpoint
        }
    }

    /// Every member, by identity.
    var members: [Member] { self.rows.values.map(self.measured) }

    /// One member.
    subscript(id: NodeID) -> Member? { self.rows[id].map(self.measured) }

    /// Whether a member is alive or suspect.
    func isPresent(_ id: NodeID) -> Bool { self.rows[id]?.state.isPresent ?? false }

    /// The members of a name, by identity.
    func named(_ name: String) -> [Member] {
        self.names.ids(of: LabelIndex.label(name)).compactMap { self[$0] }
            .filter { $0.profile.name == name }
    }

    /// How long to wait for the direct ack of a member.
    func timeout(of id: NodeID, _ configuration: MembershipConfiguration) -> Duration {
        (self.measures[id]?.roundTrip ?? RoundTripEstimate()).timeout(
            unmeasured: configuration.probeTimeout,
            minimum: configuration.probeTimeoutMinimum
        )
    }

    /// Notes since when a member has been known at least; a later moment than is known changes nothing.
    mutating func noteMet(_ id: NodeID, _ moment: MonotonicInstant) {
        guard let member = self.rows[id], moment < member.met else { return }
        self.rows[id]?.met = moment
    }

    /// Notes that a member said something.
    mutating func hear(_ id: NodeID, at now: MonotonicInstant) {
        guard self.rows[id] != nil else { return }
        self.measures[id, default: Measure()].heard = now
        self.lastHeard = now
    }

    /// Whether a member said something since a moment.
    func hasHeard(_ id: NodeID, since moment: MonotonicInstant) -> Bool {
        self.measures[id]?.heard.map { $0 >= moment } ?? false
    }

    /// Notes that a member has refuted what was said against it.
    mutating func noteRefutation(by id: NodeID, at now: MonotonicInstant) {
        guard self.rows[id] != nil else { return }
        var measure = self.measures[id] ?? Measure()
        (measure.refutedBefore, measure.refuted) = (measure.refuted, now)
        self.measures[id] = measure
    }

    /// Whether a member has refuted what was said against it since a moment.
    func hasRefuted(_ id: NodeID, since moment: MonotonicInstant) -> Bool {
        self.measures[id]?.refuted.map { $0 >= moment } ?? false
    }

    /// Whether a member has refuted what was said against it more than once since a moment.
    func hasRefutedTwice(_ id: NodeID, since moment: MonotonicInstant) -> Bool {
        self.measures[id]?.refutedBefore.map { $0 >= moment } ?? false
    }

    /// Notes that a member was heard only after it was doubted.
    mutating func noteLate(_ id: NodeID, at now: MonotonicInstant) {
        guard self.rows[id] != nil else { return }
        self.measures[id, default: Measure()].late = now
    }

    /// Whether a member was heard only after it was doubted, since a moment.
    func wasLate(_ id: NodeID, since moment: MonotonicInstant) -> Bool {
        self.measures[id]?.late.map { $0 >= moment } ?? false
    }

    /// Whether a member has said anything at all in this run.
    func isProven(_ id: NodeID) -> Bool {
        self.areAllProven || self.measures[id]?.heard != nil
    }

    /// Takes all members for heard, whether this run has heard them or not.
    mutating func proveAll() { self.areAllProven = true }

    /// The alive member that follows `id` on the ring of identities; `nil` without another.
    func successor(of id: NodeID) -> NodeID? { self.aliveIDs.successor(of: id) }

    /// Takes in a measured round trip.
    mutating func sample(_ roundTrip: Duration, of id: NodeID) {
        guard self.rows[id] != nil else { return }
        self.measures[id, default: Measure()].roundTrip.sample(roundTrip)
    }

    /// Adds or replaces a member.
    ///
    /// - Returns: whether there was room.
    mutating func store(_ member: Member) -> Bool {
        let id = member.id
        if let old = self.rows[id] {
            if old.isGone { self.goneCount -= 1 }
            self.digest.toggle(old)
            if old.profile.name != member.profile.name { self.name(old, isListed: false) }
            if old.profile.address != member.profile.address { self.locate(old, isListed: false) }
        } else {
            guard self.rows.count < self.limit else { return false }
        }
        if member.state == .failed, self.rows[id]?.state != .failed { self.lately.append(id) }
        self.rows[id] = member
        if member.isGone { self.goneCount += 1 }
        self.name(member, isListed: true)
        self.locate(member, isListed: member.state.isPresent)
        self.digest.toggle(member)
        self.list(member)
        return true
    }

    /// Drops a member.
    mutating func remove(_ id: NodeID) {
        guard let member = self.rows[id] else { return }
        self.rows[id] = nil
        if member.isGone { self.goneCount -= 1 }
        self.measures[id] = nil
        self.name(member, isListed: false)
        self.locate(member, isListed: false)
        self.digest.toggle(member)
        self.presentIDs.set(id, isListed: false)
        self.aliveIDs.set(id, isListed: false)
        self.suspectIDs.set(id, isListed: false)
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
        guard !self.suspectIDs.isEmpty else { return nil }
        return self[self.suspectIDs[generator.next(below: self.suspectIDs.count)]]
    }

    /// Picks a member that failed since a moment.
    mutating func pickLatelyFailed(
        since moment: MonotonicInstant,
        using generator: inout SeededGenerator
    ) -> Member? {
        let isRecent = { [rows] (id: NodeID) in
            rows[id].map { $0.state == .failed && $0.since > moment } ?? false
        }
        // Those that are over stand first, but for a few that were learned of late.
        self.lately.removeFirst(self.lately.prefix { !isRecent($0) }.count)
        // Others have come back: whoever is met by chance is taken out, so that the rest is found.
        for _ in 0..<Self.drawLimit where !self.lately.isEmpty {
            let place = generator.next(below: self.lately.count)
            let id = self.lately[place]
            if isRecent(id) { return self[id] }
            self.lately.remove(at: place)
        }
        return nil
    }

    private func measured(_ member: Member) -> Member {
        var member = member
        member.roundTrip = self.measures[member.id]?.roundTrip.smoothed
        return member
    }

    private mutating func name(_ member: Member, isListed: Bool) {
        let label = LabelIndex.label(member.profile.name)
        self.names.set(member.id, under: label, isListed: isListed)
    }

    private mutating func locate(_ member: Member, isListed: Bool) {
        let label = LabelIndex.label(member.profile.address)
        self.presentAddresses.set(member.id, under: label, isListed: isListed)
    }

    private mutating func list(_ member: Member) {
        self.presentIDs.set(member.id, isListed: member.state.isPresent)
        self.aliveIDs.set(member.id, isListed: member.state == .alive)
        self.suspectIDs.set(member.id, isListed: member.state == .suspect)
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
