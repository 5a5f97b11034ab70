internal import MeshPrimitives

/// Chooses a target for every request of one upstream, on one worker.
///
/// Not for two threads at once. After creation nothing allocates and nothing is reference counted:
/// all state lies in flat memory that this object owns.
///
/// Order of preference, always without the targets the request was already sent to: healthy
/// targets of a group drawn by its share, or, where that bears no more and no key decides, of an open
/// one that does; of
/// the others that have a share, of the rest; then any
/// enabled target in the same order, since a target that is believed dead may still answer. A retry leaves out at
/// first every group in which two tries failed or half of the weight is unhealthy, so that the
/// loss of a whole region costs no client an error.
public final class Balancer {
    /// What it was made from.
    public let plan: BalancerPlan
    let algorithm: BalancingAlgorithm
    /// How far above its fair share of requests in flight hashing fills a target; 0 for no bound.
    let loadBound: Double
    let slots: UnsafeMutablePointer<BalancerSlot>
    let groups: UnsafeMutablePointer<BalancerGroup>
    let groupCount: Int
    let generator: UnsafeMutablePointer<SeededGenerator>
    private let slotCount: Int
    /// Slot of each target by its index in the plan.
    private let places: UnsafeMutablePointer<Int32>
    let order: UnsafeMutablePointer<BalancerOrder>
    /// What each slot's target reports of its load; empty unless that decides.
    let reports: UnsafeMutableBufferPointer<LoadReport>
    /// The index of the target that the last choice by a key passed over because of the bound, or -1.
    @exclusivity(unchecked)
    public internal(set) var passedOver = -1
    /// Room of the groups' lists.
    private let members: UnsafeMutablePointer<Int32>
    /// Room of the groups' sums; empty unless connections are counted.
    private let sums: UnsafeMutableBufferPointer<Int64>

    /// Creates a balancer whose targets are all healthy; linear in their number.
    ///
    /// - Parameters:
    ///   - plan: algorithm and targets.
    ///   - seed: where a turn starts and how ties fall; different per node and worker, so that
    ///     they do not move in step.
    public init(_ plan: BalancerPlan, seed: UInt64) {
        self.plan = plan
        self.algorithm = plan.algorithm
        self.loadBound = plan.loadBound
        self.slotCount = plan.slots.count
        self.groupCount = plan.groups.count
        self.slots = .allocate(capacity: max(1, plan.slots.count))
        self.slots.initialize(from: plan.slots, count: plan.slots.count)
        self.places = .allocate(capacity: max(1, plan.slots.count))
        self.places.initialize(from: plan.places, count: plan.places.count)
        self.members = .allocate(capacity: max(1, 2 * plan.slots.count))
        self.members.initialize(repeating: 0, count: 2 * plan.slots.count)
        let sumCount = plan.slots.count + plan.groups.count
        self.sums = .allocate(capacity: plan.algorithm.countsLoad ? sumCount : 0)
        self.reports = .allocate(capacity: plan.algorithm == .hcl ? plan.slots.count : 0)
        self.reports.initialize(repeating: LoadReport())
        self.groups = .allocate(capacity: max(1, plan.groups.count))
        self.generator = .allocate(capacity: 1)
        self.generator.initialize(to: SeededGenerator(seed: seed))
        self.order = .allocate(capacity: 1)
        self.order.initialize(to: BalancerOrder(groupCount: plan.groups.count))
        for place in 0..<plan.groups.count {
            (self.groups + place).initialize(to: self.group(plan.groups[place], place))
        }
        if self.algorithm == .roundRobin { self.shuffleTurns() }
        for slot in 0..<self.slotCount where self.slots[slot].fullWeight > 0 {
            let group = self.groups + Int(self.slots[slot].group)
            if self.algorithm.measuresLatency { self.slots[slot].latency = 40 }
            if self.algorithm.countsLoad {
                self.slots[slot].tie = UInt32(truncatingIfNeeded: self.generator.pointee.next())
            }
            group.pointee.healthy.insert(slot)
            group.pointee.sums?.add(self.slots[slot].weight, at: slot - group.pointee.start)
        }
    }

    deinit {
        self.slots.deallocate()
        self.places.deallocate()
        self.groups.deallocate()
        self.members.deallocate()
        self.sums.deallocate()
        self.reports.deallocate()
        self.generator.deallocate()
        self.order.pointee.deallocate()
        self.order.deallocate()
    }

    /// Sets a target's health in O(log n).
    ///
    /// 0 excludes it, values between lower its share in proportion, 1 and above is its full weight;
    /// below 0 it is not even chosen when nothing else is left, and down to -1 it keeps what is
    /// pinned to it, see ``takesPin(_:tried:)``.
    public func setFactor(_ factor: Float, at index: Int) {
        let place = self.slotPlace(ofTarget: index)
        let slot = self.slots + place
        let clamped = factor > 0 ? min(factor, 1) : 0
        let (old, wasBarred) = (slot.pointee.weight, slot.pointee.isBarred)
        let new =
            clamped == 0 || slot.pointee.fullWeight == 0
            ? 0 : max(1, Int64(Double(slot.pointee.fullWeight) * Double(clamped) + 0.5))
        slot.pointee.factor = clamped
        slot.pointee.isBarred = factor < 0
        slot.pointee.keepsPins = factor > 0 || (-1..<0).contains(factor)
        guard slot.pointee.fullWeight > 0, new != old || wasBarred != slot.pointee.isBarred else {
            return
        }
        let group = self.groups + Int(slot.pointee.group)
        group.pointee.weight += new - old
        group.pointee.sums?.add(new - old, at: place - group.pointee.start)
        if old > 0, new > 0 {
            slot.pointee.weight = new
            if self.algorithm == .roundRobin { slot.pointee.rescale(from: old) }
            return group.pointee.healthy.settle(place)
        }
        if old > 0 {
            group.pointee.healthy.remove(place)
        } else if !wasBarred {
            group.pointee.doubtful.remove(place)
        }
        slot.pointee.weight = new
        if new > 0 {
            self.join(&group.pointee.healthy, place)
        } else if !slot.pointee.isBarred {
            self.join(&group.pointee.doubtful, place)
        }
    }

    /// What ``pick(hash:tried:)`` returns when all healthy targets have as many requests as they may.
    public static let full = -2

    /// Sets how many requests in flight every target may have; 0 for any number.
    ///
    /// When all healthy targets of the groups that have a share are full, requests go to healthy targets
    /// of open groups that are not half full: what is theirs comes first there.
    public func setLimit(_ limit: Int) {
        self.order.pointee.isLimited = limit > 0
        for slot in 0..<self.slotCount { self.slots[slot].limit = limit > 0 ? Int64(limit) : .max }
    }

    /// Sets how many requests in flight one target may have, 1 or more, in place of what
    /// ``setLimit(_:)`` says of all.
    public func setLimit(_ limit: Int, at index: Int) {
        self.order.pointee.isLimited = true
        self.slots[self.slotPlace(ofTarget: index)].limit = Int64(max(1, limit))
    }

    /// Sets whether nothing is chosen at all.
    public func setClosed(_ isClosed: Bool) { self.order.pointee.isClosed = isClosed }

    /// Puts a slot among its like: by round robin when the next of them is due, not before.
    private func join(_ list: inout SlotList, _ slot: Int) {
        if self.algorithm == .roundRobin, list.first >= 0 {
            self.slots[slot].wait(until: self.slots[list.first].due)
        } else if self.algorithm == .roundRobin {
            self.slots[slot].step = min(self.slots[slot].step, self.slots[slot].share - 1)
        }
        list.insert(slot)
    }

    /// Sets which share of the requests begins with each group, by the groups' numbers.
    ///
    /// Those that begin with a group go on to the others with a share, and at last to those without,
    /// when it has no healthy target. Where no group with targets has a share, the first gets all.
    ///
    /// - Parameters:
    ///   - shares: by the groups' numbers.
    ///   - open: numbers of groups that take requests for which those with a share have no room, see
    ///     ``setLimit(_:)``.
    public func setShares(_ shares: [UInt16], open: Set<Int> = []) {
        self.order.pointee.open { open.contains(self.groups[$0].number) }
        self.order.pointee.set { place in
            let number = self.groups[place].number
            return shares.indices.contains(number) ? Int(shares[number]) : 0
        }
    }

    /// Chooses a target in constant memory and O(log n), plus O(1) per target tried.
    ///
    /// - Parameters:
    ///   - hash: the request's key, for hashing; ignored by the other algorithms.
    ///   - tried: targets that this request was already sent to.
    /// - Returns: the target's index, ``full``, or -1 when every enabled target was tried, or when
    ///   closed.
    public func pick(hash: UInt64, tried: TriedTargets) -> Int {
        guard !self.order.pointee.isClosed else { return -1 }
        let start = self.start(hash)
        if self.order.pointee.isLimited {
            let choice = self.pickWithRoom(hash: hash, tried: tried, from: start)
            if choice != -1 { return choice }
        } else if self.groupCount > 1, !self.algorithm.hashes {
            let choice = self.pickOverflow(hash: hash, tried: tried, from: start)
            if choice >= 0 { return choice }
        }
        if !tried.isEmpty {
            let choice = self.pickElsewhere(hash: hash, tried: tried, from: start)
            if choice >= 0 { return choice }
        }
        for step in 0..<self.groupCount {
            let group = self.groups + self.order.pointee.place(step, from: start)
            guard group.pointee.healthy.count > 0 else { continue }
            let choice = self.choose(in: group, hash: hash, tried: tried, among: .healthy)
            if choice >= 0 { return choice }
        }
        for step in 0..<self.groupCount {
            let group = self.groups + self.order.pointee.place(step, from: start)
            let choice = self.choose(in: group, hash: hash, tried: tried, among: .enabled)
            if choice >= 0 { return choice }
        }
        return -1
    }

    /// Whether a request that is pinned to a target may go there: the target is in use, if only
    /// little, or being drained; it was not tried; and it has room.
    public func takesPin(_ index: Int, tried: TriedTargets) -> Bool {
        guard !self.order.pointee.isClosed, !tried.contains(index) else { return false }
        let slot = self.slots + self.slotPlace(ofTarget: index)
        return slot.pointee.keepsPins && slot.pointee.fullWeight > 0 && slot.pointee.hasRoom
    }

    /// Whether any target is in use, if only little.
    public var hasHealthy: Bool {
        (0..<self.groupCount).contains { self.groups[$0].healthy.count > 0 }
    }

    /// Counts a request that is sent to the target.
    public func began(_ index: Int) {
        self.changeLoad(ofSlot: self.slotPlace(ofTarget: index), by: 1)
    }

    /// Takes back one ``began(_:)``, when the request's answer is complete or it failed.
    public func ended(_ index: Int) {
        let slot = self.slotPlace(ofTarget: index)
        assert(self.slots[slot].inFlight > 0, "target \(index) ended more than it began")
        guard self.slots[slot].inFlight > 0 else { return }
        self.changeLoad(ofSlot: slot, by: -1)
    }

    /// Takes over requests in flight that another balancer counted before; not below 0.
    public func setInFlight(_ count: Int, at index: Int) {
        let slot = self.slotPlace(ofTarget: index)
        self.changeLoad(ofSlot: slot, by: Int64(max(0, count)) - self.slots[slot].inFlight)
    }

    /// Requests in flight to the target, as counted by this balancer.
    public func inFlight(at index: Int) -> Int {
        Int(self.slots[self.slotPlace(ofTarget: index)].inFlight)
    }

    /// Requests that a target was chosen for since another group bore no more, since the last call.
    public func takeOverflows(at index: Int) -> UInt32 {
        let slot = self.slots + self.slotPlace(ofTarget: index)
        let count = slot.pointee.overflows
        slot.pointee.overflows = 0
        return count
    }

    /// The target's health factor.
    public func factor(at index: Int) -> Float {
        self.slots[self.slotPlace(ofTarget: index)].factor
    }

    /// Where a request begins: keys stay where they are as long as shares do.
    @inline(__always)
    private func start(_ hash: UInt64) -> Int {
        guard self.order.pointee.activeCount > 1 else { return 0 }
        if case .consistentHashing = self.algorithm {
            return self.order.pointee.start(SeededGenerator.mix(hash &+ 0x9E37_79B9_7F4A_7C15))
        }
        return self.order.pointee.start(self.generator.pointee.next())
    }

    private func pickElsewhere(hash: UInt64, tried: TriedTargets, from start: Int) -> Int {
        for step in 0..<self.groupCount {
            let group = self.groups + self.order.pointee.place(step, from: start)
            guard group.pointee.healthy.count > 0, !self.isSpent(group, tried: tried) else {
                continue
            }
            let choice = self.choose(in: group, hash: hash, tried: tried, among: .healthy)
            if choice >= 0 { return choice }
        }
        return -1
    }

    /// A healthy target of an open group, where as many requests await an answer of the group that comes
    /// first as it bears, and not half as many of the other: what is its own comes first there; else -1.
    @inline(__always)
    private func pickOverflow(hash: UInt64, tried: TriedTargets, from start: Int) -> Int {
        let first = self.groups + self.order.pointee.place(0, from: start)
        guard first.pointee.awaited >= first.pointee.bearable.limit else { return -1 }
        return self.pickOther(hash: hash, tried: tried, from: start)
    }

    @inline(never)
    private func pickOther(hash: UInt64, tried: TriedTargets, from start: Int) -> Int {
        for step in 1..<self.groupCount {
            let place = self.order.pointee.place(step, from: start)
            let group = self.groups + place
            guard self.order.pointee.isOpen(place),
                group.pointee.awaited < group.pointee.bearable.limit / 2,
                !self.isSpent(group, tried: tried)
            else { continue }
            let choice = self.choose(in: group, hash: hash, tried: tried, among: .healthy)
            guard choice >= 0 else { continue }
            self.slots[self.slotPlace(ofTarget: choice)].overflows &+= 1
            return choice
        }
        return -1
    }

    /// A healthy target with room, ``full`` when there are some but none has room, -1 when there is
    /// none.
    private func pickWithRoom(hash: UInt64, tried: TriedTargets, from start: Int) -> Int {
        var isFull = false
        for step in 0..<self.groupCount {
            let group = self.groups + self.order.pointee.place(step, from: start)
            guard group.pointee.healthy.count > 0,
                !isFull || self.order.pointee.takesOverflow(step, from: start),
                tried.isEmpty || !self.isSpent(group, tried: tried)
            else { continue }
            let isGuest = isFull && step >= self.order.pointee.activeCount
            var seen = tried
            while !seen.isFull {
                let choice = self.choose(in: group, hash: hash, tried: seen, among: .healthy)
                guard choice >= 0 else { break }
                let slot = self.slots + self.slotPlace(ofTarget: choice)
                if isGuest ? slot.pointee.hasRoomForGuests : slot.pointee.hasRoom { return choice }
                isFull = true
                seen.insert(choice)
            }
        }
        return isFull ? Self.full : -1
    }

    /// Whether a retry is better off outside the group.
    private func isSpent(
        _ group: UnsafeMutablePointer<BalancerGroup>,
        tried: TriedTargets
    ) -> Bool {
        if group.pointee.weight * 2 <= group.pointee.fullWeight { return true }
        let failures = tried.count { index in
            let slot = self.slotPlace(ofTarget: index)
            return slot >= group.pointee.start && slot < group.pointee.end
        }
        return failures >= 2
    }

    func choose(
        in group: UnsafeMutablePointer<BalancerGroup>,
        hash: UInt64,
        tried: TriedTargets,
        among eligibility: Eligibility
    ) -> Int {
        switch self.algorithm {
        case .roundRobin:
            eligibility == .healthy
                ? self.takeTurn(in: &group.pointee.healthy, tried: tried)
                : self.takeTurn(in: &group.pointee.doubtful, tried: tried)
        case .leastConnections, .latency, .hcl:
            self.leastLoaded(in: group, tried: tried, among: eligibility)
        case .consistentHashing:
            self.choiceOfKey(hash, in: group, tried: tried, among: eligibility)
        }
    }

    private func group(_ plan: BalancerPlan.Group, _ place: Int) -> BalancerGroup {
        let order: SlotList.Order =
            switch self.algorithm {
            case .roundRobin: .turn
            case .leastConnections, .latency, .hcl: .load
            case .consistentHashing: .none
            }
        let table = self.plan.tables?.tables.first { $0.group == plan.number }
        let start = plan.slots.lowerBound
        let list = { (room: Int) in
            SlotList(order: order, slots: self.slots, room: self.members + room)
        }
        return BalancerGroup(
            number: plan.number,
            start: start,
            end: plan.slots.upperBound,
            fullWeight: plan.fullWeight,
            table: table.flatMap { UnsafePointer($0.slots.baseAddress) },
            tableCount: table?.slots.count ?? 0,
            sums: order == .load
                ? self.sums.baseAddress.map {
                    WeightSums(count: plan.slots.count, room: $0 + start + place)
                } : nil,
            weight: plan.fullWeight,
            healthy: list(start),
            doubtful: list(self.slotCount + start)
        )
    }

    /// The slot of a target by its index.
    @inline(__always)
    func slotPlace(ofTarget index: Int) -> Int {
        precondition(index >= 0 && index < self.slotCount, "no target has this index")
        return Int(self.places[index])
    }

    /// The target's index of a slot; -1 for none.
    @inline(__always)
    func index(ofSlot slot: Int) -> Int { slot < 0 ? -1 : Int(self.slots[slot].index) }
}
