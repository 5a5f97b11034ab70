internal import MeshPrimitives

/// Chooses a target for every request of one upstream, on one worker.
///
/// Not for two threads at once. After creation nothing allocates and nothing is reference counted:
/// all state lies in flat memory that this object owns.
///
/// Order of preference, always without the targets the request was already sent to: healthy
/// targets of the active group, of the later groups, of the earlier groups; then any enabled target
/// in the same order, since a target that is believed dead may still answer. A retry leaves out at
/// first every group in which two tries failed or half of the weight is unhealthy, so that the
/// loss of a whole region costs no client an error.
public final class Balancer {
    let algorithm: BalancingAlgorithm
    let slots: UnsafeMutablePointer<BalancerSlot>
    let groups: UnsafeMutablePointer<BalancerGroup>
    let generator: UnsafeMutablePointer<SeededGenerator>
    /// How far above its fair share of requests in flight hashing fills a target; 0 for no bound.
    let loadBound: Double
    private let slotCount: Int
    private let groupCount: Int
    /// Slot of each target by its index in the array given.
    private let places: UnsafeMutablePointer<Int>
    private let firstGroup: UnsafeMutablePointer<Int>
    private let tables: MaglevTables?

    /// Creates a balancer whose targets are all healthy.
    ///
    /// - Parameters:
    ///   - algorithm: how to spread requests.
    ///   - targets: at most 65,534; `index` everywhere below is a place in this array.
    ///   - seed: where a turn starts and how ties fall; different per node and worker, so that
    ///     they do not move in step.
    ///   - tables: the key tables of exactly these targets, to share them between workers; made
    ///     here when hashing and `nil`.
    ///   - loadBound: for hashing, how many times its fair share of requests in flight a target may
    ///     hold before further keys go to their second choice; above 1 (1.25 is usual), `nil` for
    ///     no bound.
    public init(
        algorithm: BalancingAlgorithm,
        targets: [BalancerTarget],
        seed: UInt64,
        tables: MaglevTables? = nil,
        loadBound: Double? = nil
    ) {
        precondition(targets.count < Int(UInt16.max), "a balancer has fewer than 65,535 targets")
        self.algorithm = algorithm
        self.loadBound = loadBound ?? 0
        if case .consistentHashing = algorithm {
            self.tables = tables ?? MaglevTables(targets: targets)
        } else {
            self.tables = nil
        }
        let numbers = Set(targets.map(\.group)).sorted()
        self.slotCount = targets.count
        self.groupCount = numbers.count
        self.slots = .allocate(capacity: max(1, targets.count))
        self.places = .allocate(capacity: max(1, targets.count))
        self.groups = .allocate(capacity: max(1, numbers.count))
        self.generator = .allocate(capacity: 1)
        self.generator.initialize(to: SeededGenerator(seed: seed))
        self.firstGroup = .allocate(capacity: 1)
        self.firstGroup.initialize(to: 0)
        var next = 0
        for (place, number) in numbers.enumerated() {
            let start = next
            for index in targets.indices where targets[index].group == number {
                let slot = BalancerSlot(targets[index], index: index, group: place)
                (self.slots + next).initialize(to: slot)
                (self.places + index).initialize(to: next)
                next += 1
            }
            (self.groups + place).initialize(to: self.group(number, start..<next))
        }
        if case .roundRobin = algorithm { self.startSomewhere() }
    }

    deinit {
        self.slots.deallocate()
        self.places.deallocate()
        self.groups.deallocate()
        self.generator.deallocate()
        self.firstGroup.deallocate()
    }

    /// Sets a target's health: 0 excludes it, values between lower its share in proportion, 1 and
    /// above is its full weight.
    public func setFactor(_ factor: Float, at index: Int) {
        let slot = self.slot(index)
        let clamped = factor > 0 ? min(factor, 1) : 0
        let weight =
            clamped == 0 || slot.pointee.fullWeight == 0
            ? 0 : max(1, Int64(Double(slot.pointee.fullWeight) * Double(clamped) + 0.5))
        let group = self.groups + Int(slot.pointee.group)
        group.pointee.weight += weight - slot.pointee.weight
        group.pointee.healthyCount += (weight > 0 ? 1 : 0) - (slot.pointee.weight > 0 ? 1 : 0)
        if slot.pointee.weight == 0 { slot.pointee.credit = 0 }
        slot.pointee.weight = weight
        slot.pointee.factor = clamped
    }

    /// Puts the groups below `first` last, while another has a healthy target.
    public func setActiveGroup(_ first: Int) {
        var place = 0
        while place < self.groupCount, self.groups[place].number < first { place += 1 }
        self.firstGroup.pointee = place
    }

    /// Chooses a target in constant memory; linear in the number of targets at worst.
    ///
    /// - Parameters:
    ///   - hash: the request's key, for hashing; ignored by the other algorithms.
    ///   - tried: targets that this request was already sent to.
    /// - Returns: the target's index, or -1 when every enabled target was tried.
    public func pick(hash: UInt64, tried: TriedTargets) -> Int {
        if !tried.isEmpty {
            let choice = self.pickElsewhere(hash: hash, tried: tried)
            if choice >= 0 { return choice }
        }
        for step in 0..<self.groupCount {
            let group = self.groups + self.place(step)
            guard group.pointee.healthyCount > 0 else { continue }
            let choice = self.choose(in: group, hash: hash, tried: tried, among: .healthy)
            if choice >= 0 { return choice }
        }
        for step in 0..<self.groupCount {
            let group = self.groups + self.place(step)
            let choice = self.choose(in: group, hash: hash, tried: tried, among: .enabled)
            if choice >= 0 { return choice }
        }
        return -1
    }

    /// Counts a request that is sent to the target.
    public func began(_ index: Int) {
        let slot = self.slot(index)
        slot.pointee.inFlight += 1
        self.groups[Int(slot.pointee.group)].inFlight += 1
    }

    /// Takes back one ``began(_:)``, when the request's answer is complete or it failed.
    public func ended(_ index: Int) {
        let slot = self.slot(index)
        assert(slot.pointee.inFlight > 0, "target \(index) ended more requests than it began")
        guard slot.pointee.inFlight > 0 else { return }
        slot.pointee.inFlight -= 1
        self.groups[Int(slot.pointee.group)].inFlight -= 1
    }

    /// Requests in flight to the target, as counted by this balancer.
    public func inFlight(at index: Int) -> Int { Int(self.slot(index).pointee.inFlight) }

    /// The target's health factor.
    public func factor(at index: Int) -> Float { self.slot(index).pointee.factor }

    private func slot(_ index: Int) -> UnsafeMutablePointer<BalancerSlot> {
        precondition(index >= 0 && index < self.slotCount, "no target has this index")
        return self.slots + self.places[index]
    }

    /// The group that comes as number `step` in order of preference.
    private func place(_ step: Int) -> Int {
        let fromActive = self.firstGroup.pointee + step
        return fromActive < self.groupCount ? fromActive : fromActive - self.groupCount
    }

    private func pickElsewhere(hash: UInt64, tried: TriedTargets) -> Int {
        for step in 0..<self.groupCount {
            let group = self.groups + self.place(step)
            guard group.pointee.healthyCount > 0, !self.isSpent(group, tried: tried) else {
                continue
            }
            let choice = self.choose(in: group, hash: hash, tried: tried, among: .healthy)
            if choice >= 0 { return choice }
        }
        return -1
    }

    /// Whether a retry is better off outside the group.
    private func isSpent(
        _ group: UnsafeMutablePointer<BalancerGroup>,
        tried: TriedTargets
    ) -> Bool {
        if group.pointee.weight * 2 <= group.pointee.fullWeight { return true }
        var failures = 0
        for place in group.pointee.start..<group.pointee.end {
            if tried.contains(Int(self.slots[place].index)) { failures += 1 }
        }
        return failures >= 2
    }

    private func choose(
        in group: UnsafeMutablePointer<BalancerGroup>,
        hash: UInt64,
        tried: TriedTargets,
        among eligibility: Eligibility
    ) -> Int {
        switch self.algorithm {
        case .roundRobin:
            self.takeTurn(in: group, tried: tried, among: eligibility)
        case .leastConnections:
            self.leastLoaded(in: group, tried: tried, among: eligibility)
        case .consistentHashing:
            self.choiceOfKey(hash, in: group, tried: tried, among: eligibility)
        }
    }

    private func group(_ number: Int, _ range: Range<Int>) -> BalancerGroup {
        let weights = range.map { self.slots[$0].fullWeight }
        let sum = weights.reduce(0, +)
        let table = self.tables?.tables.first { $0.group == number }
        return BalancerGroup(
            number: number,
            start: range.lowerBound,
            end: range.upperBound,
            fullWeight: sum,
            table: table.flatMap { UnsafePointer($0.slots.baseAddress) },
            tableCount: table?.slots.count ?? 0,
            weight: sum,
            healthyCount: weights.count { $0 > 0 }
        )
    }

    /// The slot of a target by its index in the array given.
    @inline(__always)
    func slotPlace(ofTarget index: Int) -> Int {
        precondition(index < self.slotCount, "the key tables belong to other targets")
        return self.places[index]
    }

    /// Takes a random part of a turn, so that nodes and workers do not all begin with one target.
    private func startSomewhere() {
        for place in 0..<self.groupCount {
            let group = self.groups + place
            let turn = group.pointee.fullWeight / BalancerSlot.weightUnit
            guard turn > 0 else { continue }
            for _ in 0..<self.generator.pointee.next(below: Int(min(turn, 256))) {
                _ = self.takeTurn(in: group, tried: TriedTargets(), among: .healthy)
            }
        }
    }
}
