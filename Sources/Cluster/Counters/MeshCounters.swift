public import MeshPrimitives

/// Counters that hold for the whole fleet: how often something happened in a window, on all nodes.
///
/// Every node counts at once on what it knows, and tells what it counted itself to each window's
/// owner and to the one in waiting; both tell the sum back. Nothing waits for an answer.
///
///     own count grows --tick--> report to both owners --> total back --> standing
///
/// What a node tells is what it has counted itself in the window so far, which only grows. So a lost
/// report is made good by the next, a new owner has the sum as soon as all have told it theirs, and
/// the death of one of the two changes nothing. A report also carries the most that is
/// known of the sum, below which no owner falls: no window begins again at 0.
///
/// How a node decides by what it was told is ``MeshPrimitives/CounterStanding``'s. A node that hears
/// nothing keeps to its share of the whole limit.
///
/// What is told is bounded: while little is left of a limit every count is told with the next tick, while
/// much is left a part of it at least, or after a second; and no more entries leave in one tick than
/// ``reportLimit`` and ``totalLimit``, those of which little is left, as far as this node counts them,
/// before the others, the oldest first. A quarter of the totals is kept for the others.
///
/// Pure: the shell calls ``tick(at:second:)`` every 50 ms and sends what it returns.
///
/// Source: rendezvous hashing as in ``CounterOwners``; sums of growing parts as in Shapiro et al.,
/// "A comprehensive study of Convergent and Commutative Replicated Data Types", 2011, section 3.1.1.
public struct MeshCounters: Sendable {
    /// What the shell must send; losing it is allowed.
    public enum Effect: Equatable, Sendable {
        /// Tell an owner, or a second, what was counted here.
        case report(CounterReport, to: NodeID)
        /// Tell a node the sums.
        case totals(CounterTotals, to: NodeID)
    }

    /// Most entries of one message, which mostly fit one datagram.
    public static let messageLimit = 80
    /// Most keys that are counted here, and most windows that are summed up for others.
    public static let keyLimit = 262_144
    /// Most entries of reports in one tick.
    public static let reportLimit = 1_000
    /// Most entries of totals in one tick.
    public static let totalLimit = 1_200
    /// Of those, the most that are of windows of which little is left, while others wait.
    private static let pressingLimit = totalLimit * 3 / 4
    /// Ticks after which an unconfirmed count is told again, and a sum that stays.
    private static let patience = 4
    /// Ticks that a small count may wait.
    private static let delay = 20
    /// Ticks that a node is told sums for after it last counted.
    private static let interest = 40
    /// How often a sum that stays is told again, so that all know that nobody counts.
    private static let repetitions = 2

    private let own: NodeID
    private var owners: CounterOwners
    private var ticks = 0
    private var counted: [UInt64: CountedKey] = [:]
    private var urgent = CounterQueue<UInt64>()
    private var patient = CounterQueue<(key: UInt64, due: Int)>()
    private var unconfirmed = CounterQueue<(key: UInt64, due: Int)>()
    private var learned: Set<UInt64> = []
    private var summed: [CounterWindow: SummedWindow] = [:]
    private var pressing = CounterQueue<CounterWindow>()
    private var changed = CounterQueue<CounterWindow>()
    private var settled = CounterQueue<(window: CounterWindow, due: Int)>()
    /// Keys and windows that found no room; those keys are counted by this node alone.
    public private(set) var overflows: UInt64 = 0

    /// Creates counters of a node that knows nobody else.
    public init(own: NodeID) {
        self.own = own
        self.owners = CounterOwners([own])
    }

    /// Whether nothing is counted, here or for others.
    public var isEmpty: Bool { self.counted.isEmpty && self.summed.isEmpty }

    /// How many entries wait to be announced, or announced again.
    var announcementCount: Int { self.pressing.count + self.changed.count + self.settled.count }

    /// How many keys are counted here.
    public var keyCount: Int { self.counted.count }

    /// Sets the live nodes, this one among them; everything is told anew to new owners, first that of
    /// which little is left.
    public mutating func setMembers(_ nodes: [NodeID]) {
        let owners = CounterOwners(nodes + [self.own])
        guard owners != self.owners else { return }
        self.owners = owners
        for key in self.counted.keys.sorted() {
            self.counted[key]?.told = 0
            self.enlist(key)
        }
    }

    /// What is known of others in a window.
    public func standing(of window: CounterWindow) -> CounterStanding? {
        guard let known = self.counted[window.key], known.end == window.end else { return nil }
        return known.standing
    }

    /// Notes what this node has counted in a window so far, which only grows.
    ///
    /// - Parameters:
    ///   - own: how many.
    ///   - window: in which one.
    ///   - limit: what all nodes may count together.
    ///   - now: milliseconds, from any origin that stays.
    public mutating func note(
        _ own: UInt32,
        in window: CounterWindow,
        limit: UInt32,
        at now: Int64
    ) {
        guard self.counted[window.key] != nil || self.counted.count < Self.keyLimit else {
            self.overflows += 1
            return
        }
        let isNew = self.counted[window.key]?.end != window.end
        self.counted[window.key, default: CountedKey(end: window.end, at: now)]
            .note(own: own, limit: limit, in: window.end, at: now)
        if isNew { self.learned.insert(window.key) }
        self.enlist(window.key)
    }

    /// Puts a key in the list that it belongs to.
    private mutating func enlist(_ key: UInt64) {
        guard let known = self.counted[key], known.own > 0, known.told != known.own else { return }
        if known.isUrgent {
            guard !known.lists.contains(.urgent) else { return }
            self.counted[key]?.lists.insert(.urgent)
            self.urgent.append(key)
        } else if known.lists.isDisjoint(with: [.urgent, .patient]) {
            self.counted[key]?.lists.insert(.patient)
            self.patient.append((key, self.ticks + Self.delay))
        }
    }

    /// What has been learned of windows since the last call.
    public mutating func takeLearned() -> [(window: CounterWindow, standing: CounterStanding)] {
        defer { self.learned.removeAll(keepingCapacity: true) }
        return self.learned.compactMap { key in
            self.counted[key].map { (CounterWindow(key: key, end: $0.end), $0.standing) }
        }
    }

    /// Takes in what another node has counted.
    public mutating func receive(_ report: CounterReport, from sender: NodeID) {
        for entry in report.entries.prefix(Self.messageLimit) { self.sum(entry, from: sender) }
    }

    private mutating func sum(_ entry: CounterReport.Entry, from sender: NodeID) {
        var sum = self.summed[entry.window] ?? SummedWindow()
        guard self.summed[entry.window] != nil || self.summed.count < Self.keyLimit else {
            self.overflows += 1
            return
        }
        sum.take(entry, from: sender, tick: self.ticks)
        sum.repetitions = Self.repetitions
        sum.isListed = true
        if !sum.lists.contains(.pressing), self.isPressing(sum, entry.window) {
            sum.lists.insert(.pressing)
            self.pressing.append(entry.window)
        } else if sum.lists.isDisjoint(with: [.pressing, .changed]) {
            sum.lists.insert(.changed)
            self.changed.append(entry.window)
        }
        self.summed[entry.window] = sum
    }

    /// Whether a sum has grown so much, by what is left of its limit, that all should know before they
    /// know of others; false where this node does not count itself, and knows no limit.
    private func isPressing(_ sum: SummedWindow, _ window: CounterWindow) -> Bool {
        guard let known = self.counted[window.key], known.end == window.end else { return false }
        let total = sum.total
        let left = known.limit - min(total, known.limit)
        return total - min(sum.announced, total) >= max(1, left / 64)
    }

    /// Takes in what an owner says of the sums; lower numbers than those known are old news.
    public mutating func receive(_ totals: CounterTotals, from sender: NodeID, at now: Int64) {
        for entry in totals.entries.prefix(Self.messageLimit) { self.learn(entry, at: now) }
    }

    private mutating func learn(_ entry: CounterTotals.Entry, at now: Int64) {
        guard self.counted[entry.window.key]?.end == entry.window.end else { return }
        self.counted[entry.window.key]?.learn(entry, at: now)
        self.learned.insert(entry.window.key)
    }

    /// Tells what is new, and forgets windows that are over.
    ///
    /// - Parameters:
    ///   - now: milliseconds, from any origin that stays.
    ///   - second: seconds since 1970.
    /// - Returns: what the shell must send.
    public mutating func tick(at now: Int64, second: UInt32) -> [Effect] {
        self.ticks += 1
        let reports = self.reports()
        let totals = self.totals(at: now)
        self.forget(before: second)
        return reports.messages.map { .report(CounterReport(entries: $1), to: $0) }
            + totals.messages.map { .totals(CounterTotals(entries: $1), to: $0) }
    }

    private mutating func reports() -> CounterOutbox<NodeID, CounterReport.Entry> {
        var reports = CounterOutbox<NodeID, CounterReport.Entry>()
        while reports.count < Self.reportLimit, let key = self.urgent.popFirst() {
            self.counted[key]?.lists.remove(.urgent)
            self.report(key, &reports)
        }
        while reports.count < Self.reportLimit, let next = self.patient.first,
            next.due <= self.ticks
        {
            _ = self.patient.popFirst()
            self.counted[next.key]?.lists.remove(.patient)
            guard let known = self.counted[next.key], known.told != known.own else { continue }
            self.report(next.key, &reports)
        }
        while reports.count < Self.reportLimit, let next = self.unconfirmed.first,
            next.due <= self.ticks
        {
            _ = self.unconfirmed.popFirst()
            self.counted[next.key]?.lists.remove(.unconfirmed)
            guard let known = self.counted[next.key], let told = known.told, known.included < told
            else { continue }
            self.report(next.key, &reports)
        }
        return reports
    }

    private mutating func report(
        _ key: UInt64,
        _ reports: inout CounterOutbox<NodeID, CounterReport.Entry>
    ) {
        guard let known = self.counted[key], known.own > 0 else { return }
        self.counted[key]?.told = known.own
        if !known.lists.contains(.unconfirmed) {
            self.counted[key]?.lists.insert(.unconfirmed)
            self.unconfirmed.append((key, self.ticks + Self.patience))
        }
        let window = CounterWindow(key: key, end: known.end)
        let entry = CounterReport.Entry(window: window, own: known.own, known: known.known)
        let owners = self.owners.owners(of: key)
        for owner in [owners.first, owners.second] {
            guard let owner else { continue }
            if owner == self.own {
                self.sum(entry, from: self.own)
            } else {
                reports.add(entry, to: owner)
            }
        }
    }

    /// Tells those who count lately the sums that have changed, and a while later that they have not.
    private mutating func totals(at now: Int64) -> CounterOutbox<NodeID, CounterTotals.Entry> {
        var totals = CounterOutbox<NodeID, CounterTotals.Entry>()
        while totals.count < Self.pressingLimit, let window = self.pressing.popFirst() {
            self.announce(window, from: .pressing, &totals, at: now)
        }
        while totals.count < Self.totalLimit, let window = self.changed.popFirst() {
            self.announce(window, from: .changed, &totals, at: now)
        }
        while totals.count < Self.totalLimit, let window = self.pressing.popFirst() {
            self.announce(window, from: .pressing, &totals, at: now)
        }
        while totals.count < Self.totalLimit, let next = self.settled.first,
            next.due <= self.ticks
        {
            _ = self.settled.popFirst()
            self.summed[next.window]?.lists.remove(.settled)
            // Another change has put it in the list again, or it was told often enough.
            guard let sum = self.summed[next.window], !sum.isListed, sum.repetitions > 0 else {
                continue
            }
            self.summed[next.window]?.repetitions -= 1
            self.announce(next.window, &totals, at: now)
        }
        return totals
    }

    /// Tells of a window whose turn has come in a list, unless it was told by its turn in another.
    private mutating func announce(
        _ window: CounterWindow,
        from list: SummedWindow.Lists,
        _ totals: inout CounterOutbox<NodeID, CounterTotals.Entry>,
        at now: Int64
    ) {
        self.summed[window]?.lists.remove(list)
        guard self.summed[window]?.isListed == true else { return }
        self.announce(window, &totals, at: now)
    }

    private mutating func announce(
        _ window: CounterWindow,
        _ totals: inout CounterOutbox<NodeID, CounterTotals.Entry>,
        at now: Int64
    ) {
        self.summed[window]?.forget(before: self.ticks - Self.interest)
        self.summed[window]?.noteAnnounced()
        guard let sum = self.summed[window] else { return }
        if !sum.lists.contains(.settled) {
            self.summed[window]?.lists.insert(.settled)
            self.settled.append((window, self.ticks + Self.patience))
        }
        let total = sum.total
        for node in sum.subscribers.keys.sorted() {
            let entry = CounterTotals.Entry(
                window: window,
                total: total,
                included: sum.parts[node] ?? 0,
                floor: sum.floor,
                sharers: UInt16(clamping: sum.subscribers.count)
            )
            if node == self.own {
                self.learn(entry, at: now)
            } else {
                totals.add(entry, to: node)
            }
        }
    }

    private mutating func forget(before second: UInt32) {
        // Windows end with the second, so that to look once in a while is enough.
        guard self.ticks % 20 == 0 else { return }
        self.summed = self.summed.filter { $0.key.end >= second }
        self.counted = self.counted.filter { UInt64($0.value.end) + 60 >= UInt64(second) }
        // What is forgotten may come anew, and be listed once more.
        let (counted, summed) = (self.counted, self.summed)
        self.urgent.keep { counted[$0] != nil }
        self.patient.keep { counted[$0.key] != nil }
        self.unconfirmed.keep { counted[$0.key] != nil }
        self.pressing.keep { summed[$0] != nil }
        self.changed.keep { summed[$0] != nil }
        self.settled.keep { summed[$0.window] != nil }
    }
}
