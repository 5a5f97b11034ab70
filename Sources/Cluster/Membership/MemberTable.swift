import MeshPrimitives

/// The members other than this node, with what is measured about each.
struct MemberTable: Sendable {
    private struct Row {
        var member: Member
        var roundTrip = RoundTripEstimate()
    }

    private let limit: Int
    private var rows: [NodeID: Row] = [:]
    private var presentIDs: [NodeID] = []
    private var idsByName: [String: Set<NodeID>] = [:]

    /// Creates an empty table of at most `limit` members.
    init(limit: Int) { self.limit = limit }

    /// Members that are alive or suspect, by identity.
    var present: [NodeID] { self.presentIDs }

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
        self.setPresent(id, member.state.isPresent)
        return true
    }

    /// Drops a member.
    mutating func remove(_ id: NodeID) {
        guard let row = self.rows.removeValue(forKey: id) else { return }
        self.removeName(row.member)
        self.setPresent(id, false)
    }

    /// Picks up to `count` different members that are present, but none of `excluded`.
    func pick(
        _ count: Int,
        except excluded: NodeID? = nil,
        using generator: inout SeededGenerator
    ) -> [Member] {
        var picked: [NodeID] = []
        let available = self.presentIDs.count - (excluded.map(self.isPresent) == true ? 1 : 0)
        guard available > count else {
            return self.presentIDs.filter { $0 != excluded }.compactMap { self[$0] }
        }
        while picked.count < count {
            let id = self.presentIDs[generator.next(below: self.presentIDs.count)]
            if id != excluded, !picked.contains(id) { picked.append(id) }
        }
        return picked.compactMap { self[$0] }
    }

    private mutating func removeName(_ member: Member) {
        let name = member.profile.name
        self.idsByName[name]?.remove(member.id)
        if self.idsByName[name]?.isEmpty == true { self.idsByName[name] = nil }
    }

    private mutating func setPresent(_ id: NodeID, _ isPresent: Bool) {
        let place = self.presentIDs.firstIndex { $0 >= id } ?? self.presentIDs.endIndex
        let isListed = place < self.presentIDs.endIndex && self.presentIDs[place] == id
        if isPresent, !isListed {
            self.presentIDs.insert(id, at: place)
        } else if !isPresent, isListed {
            self.presentIDs.remove(at: place)
        }
    }
}
