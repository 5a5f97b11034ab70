import MeshPrimitives

/// Whose turn it is to be probed.
///
/// Round-robin over a shuffled list, so that a member waits at most `2n - 1` turns; a new member is
/// put at a random place. Members in doubt do not wait for a turn, so that a suspicion is confirmed
/// or disproved soon.
///
/// Source: SWIM, section 4.3.
struct ProbeOrder: Sendable {
    /// How many members in doubt wait at most; further ones wait their turn.
    static let urgentLimit = 256

    private var members: [NodeID] = []
    private var known = SortedIDs()
    private var position = 0
    private var urgent: [NodeID] = []
    /// Times that a member in doubt found no room and has to wait for its turn.
    private(set) var overflowCount: UInt64 = 0

    /// Adds a member at a random place among those still to come.
    mutating func insert(_ id: NodeID, using generator: inout SeededGenerator) {
        guard self.known.set(id, isListed: true) else { return }
        let place = generator.next(below: self.members.count + 1)
        self.members.insert(id, at: place)
        if place < self.position { self.position += 1 }
    }

    /// Begins somewhere, at random, instead of at the first.
    mutating func rotate(using generator: inout SeededGenerator) {
        self.position = generator.next(below: self.members.count + 1)
    }

    /// Whether a member in doubt waits.
    var hasUrgent: Bool { !self.urgent.isEmpty }

    /// Asks for a member to be probed at once.
    mutating func hasten(_ id: NodeID) {
        guard !self.urgent.contains(id) else { return }
        guard self.urgent.count < Self.urgentLimit else {
            self.overflowCount += 1
            return
        }
        self.urgent.append(id)
    }

    /// Takes out the next member in doubt for which `isEligible` holds; drops the others.
    mutating func nextUrgent(where isEligible: (NodeID) -> Bool) -> NodeID? {
        while !self.urgent.isEmpty {
            let id = self.urgent.removeFirst()
            if isEligible(id) { return id }
        }
        return nil
    }

    /// Returns the next member in turn for which `isEligible` holds; drops the others.
    mutating func next(
        using generator: inout SeededGenerator,
        where isEligible: (NodeID) -> Bool
    ) -> NodeID? {
        while !self.members.isEmpty {
            if self.position >= self.members.count {
                self.members = generator.shuffle(self.members)
                self.position = 0
            }
            let id = self.members[self.position]
            if isEligible(id) {
                self.position += 1
                return id
            }
            self.members.remove(at: self.position)
            self.known.set(id, isListed: false)
        }
        return nil
    }
}
