import MeshPrimitives

/// The targets of one upstream in one region: what they are compared with, and how many of them
/// may be out of use at once.
struct HealthPool: Sendable {
    /// Which targets belong together.
    struct Key: Hashable, Sendable {
        let upstream: String
        let region: String
    }

    /// How one target counts.
    enum Standing: Sendable {
        /// In use.
        case serving
        /// Out of use because our own detectors say so.
        case soft
        /// Out of use because it does not answer, or the user said so.
        case hard
        /// Taken out by an operator, so that it counts as no capacity at all.
        case retired
    }

    let key: Key
    private(set) var members: [Int] = []
    private(set) var places: [Int: Int] = [:]
    /// Members that stand ``Standing/soft``.
    private(set) var soft: Set<Int> = []
    /// Whether so much is out of use that what is softly out serves again.
    private(set) var isPanicking = false
    /// All attempts that members were seen to take, and the failures among them.
    var counted = AttemptCount()
    /// When a member was first seen to answer.
    var servesSince: MonotonicInstant?
    private var weight = 0
    private var softWeight = 0
    private var hardWeight = 0

    init(_ key: Key) { self.key = key }

    mutating func add(_ slot: Int, weight: Int) {
        self.places[slot] = self.members.count
        self.members.append(slot)
        self.weight += weight
    }

    /// Takes a member out; it must stand ``Standing/serving``.
    mutating func remove(_ slot: Int, weight: Int) {
        guard let place = self.places.removeValue(forKey: slot) else { return }
        let last = self.members.removeLast()
        if last != slot {
            self.members[place] = last
            self.places[last] = place
        }
        self.weight -= weight
    }

    /// Counts a member anew.
    mutating func move(_ slot: Int, weight: Int, from old: Standing, to new: Standing) {
        switch old {
        case .serving: break
        case .soft:
            self.softWeight -= weight
            self.soft.remove(slot)
        case .hard: self.hardWeight -= weight
        case .retired: self.weight += weight
        }
        switch new {
        case .serving: break
        case .soft:
            self.softWeight += weight
            self.soft.insert(slot)
        case .hard: self.hardWeight += weight
        case .retired: self.weight -= weight
        }
    }

    /// Weight of those that count, and of those of them that are in use.
    var capacity: (whole: Int, left: Int) {
        (self.weight, self.weight - self.softWeight - self.hardWeight)
    }

    /// Looks whether the panic begins or ends; `true` when it does.
    ///
    /// It begins when less than half of the capacity is left, and ends at three fifths.
    mutating func reconsider() -> Bool {
        let (whole, left) = self.capacity
        let before = self.isPanicking
        self.isPanicking =
            self.softWeight > 0
            && (before ? left * 10 < whole * 6 : left * 2 < whole)
        return before != self.isPanicking
    }

    /// Up to 64 members besides one, spread over all: enough to know what is usual.
    func sample(besides slot: Int) -> [Int] {
        let stride = max(1, self.members.count / 64)
        return Swift.stride(from: 0, to: self.members.count, by: stride).prefix(65)
            .map { self.members[$0] }.filter { $0 != slot }
    }
}
