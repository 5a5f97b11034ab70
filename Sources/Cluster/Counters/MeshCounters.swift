public import MeshPrimitives

/// Counters that hold for the whole fleet: how often something happened in a window, on all nodes.
///
/// Every node counts at once on what it knows, and tells what it counted itself to each window's
/// owner and to the one in waiting; both tell the sum back. Nothing waits for an answer.
///
///     take --> own count grows --tick--> report to both owners --> total back --> estimate
///
/// What a node tells is what it has counted itself in the window so far, which only grows. So a lost
/// report is made good by the next, a new owner has the sum as soon as all have told it theirs, and
/// the death of one of the two changes nothing. A report also carries the most that is
/// known of the sum, below which no owner falls: no window begins again at 0.
///
/// Between two totals a node goes on counting for the others at the pace they had, so that a limit
/// that many nodes reach together is not passed by what they count within one round trip; and of what
/// was left at the last total each takes its share only. A node that hears nothing keeps to its share
/// of the whole limit.
///
/// Pure: the shell calls ``tick(at:)`` every 50 ms and sends what it returns.
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

    /// Most entries of one message: 32 bytes each stay within 16 KiB.
    public static let messageLimit = 500
    /// Most keys that are counted here, and most windows that are summed up for others.
    public static let keyLimit = 262_144
    /// Milliseconds that the others' pace is trusted for without a new total.
    private static let trust: Int64 = 300
    /// Ticks after which an unconfirmed count is told again.
    private static let patience = 4
    /// Ticks that a node is told sums for, new or not, after it last counted.
    private static let interest = 40

    private let own: NodeID
    private var owners: CounterOwners
    private var ticks = 0
    private var counted: [UInt64: CountedKey] = [:]
    private var dirty: Set<UInt64> = []
    private var summed: [CounterWindow: SummedWindow] = [:]
    /// Those that somebody counts in, of late.
    private var lively: Set<CounterWindow> = []
    /// Keys and windows that found no room; those keys are counted by this node alone.
    public private(set) var overflows: UInt64 = 0

    /// Creates counters of a node that knows nobody else.
    public init(own: NodeID) {
        self.own = own
        self.owners = CounterOwners([own])
    }

    /// Sets the live nodes, this one among them; everything is told anew to new owners.
    public mutating func setMembers(_ nodes: [NodeID]) {
        let owners = CounterOwners(nodes + [self.own])
        guard owners != self.owners else { return }
        self.owners = owners
        self.dirty.formUnion(self.counted.keys)
        for key in self.counted.keys { self.counted[key]?.toldAt = nil }
    }

    /// How many are counted in a window by all nodes, as far as is known here at a moment in
    /// milliseconds from any origin that stays.
    public func estimate(of window: CounterWindow, at now: Int64) -> UInt32 {
        guard let known = self.counted[window.key], known.end == window.end else { return 0 }
        return known.estimate(at: now, trust: Self.trust)
    }

    /// Counts one more unless the limit is reached, as far as is known here.
    ///
    /// - Parameters:
    ///   - window: which one.
    ///   - limit: what all nodes may count together.
    ///   - now: milliseconds, from any origin that stays.
    /// - Returns: whether it was counted.
    public mutating func take(_ window: CounterWindow, limit: UInt32, at now: Int64) -> Bool {
        var known = self.counted[window.key] ?? CountedKey(end: window.end, at: now)
        // A clock that is a little behind counts in the window that has begun.
        if known.end < window.end { known.begin(window.end, at: now) }
        defer { self.keep(known, window.key) }
        guard known.estimate(at: now, trust: Self.trust) < limit, known.own < .max,
            known.isWithinShare(of: limit)
        else { return false }
        known.own += 1
        self.dirty.insert(window.key)
        return true
    }

    private mutating func keep(_ known: CountedKey, _ key: UInt64) {
        guard self.counted[key] != nil || self.counted.count < Self.keyLimit else {
            self.overflows += 1
            self.dirty.remove(key)
            return
        }
        self.counted[key] = known
    }

    /// Takes in what another node has counted.
    public mutating func receive(_ report: CounterReport, from sender: NodeID) {
        for entry in report.entries.prefix(Self.messageLimit) {
            self.sum(entry, from: sender)
        }
    }

    private mutating func sum(_ entry: CounterReport.Entry, from sender: NodeID) {
        var sum = self.summed[entry.window] ?? SummedWindow()
        guard self.summed[entry.window] != nil || self.summed.count < Self.keyLimit else {
            self.overflows += 1
            return
        }
        sum.take(entry.own, known: entry.known, from: sender)
        sum.subscribers[sender] = self.ticks
        self.lively.insert(entry.window)
        self.summed[entry.window] = sum
    }

    /// Takes in what an owner says of the sums; lower numbers than those known are old news.
    public mutating func receive(_ totals: CounterTotals, from sender: NodeID, at now: Int64) {
        for entry in totals.entries.prefix(Self.messageLimit) { self.learn(entry, at: now) }
    }

    private mutating func learn(_ entry: CounterTotals.Entry, at now: Int64) {
        guard var known = self.counted[entry.window.key], known.end == entry.window.end else {
            return
        }
        known.learn(entry, at: now)
        self.counted[entry.window.key] = known
    }

    /// Tells what is new, and forgets windows that are over.
    ///
    /// - Parameters:
    ///   - now: milliseconds, from any origin that stays.
    ///   - second: seconds since 1970.
    /// - Returns: what the shell must send.
    public mutating func tick(at now: Int64, second: UInt32) -> [Effect] {
        self.ticks += 1
        var reports = Outbox<CounterReport.Entry>()
        for key in self.dirty.sorted() { self.report(key, &reports) }
        let totals = self.announce(at: now)
        self.forget(before: second)
        return reports.messages.map { .report(CounterReport(entries: $1), to: $0) }
            + totals.messages.map { .totals(CounterTotals(entries: $1), to: $0) }
    }

    private mutating func report(_ key: UInt64, _ reports: inout Outbox<CounterReport.Entry>) {
        guard var known = self.counted[key] else {
            self.dirty.remove(key)
            return
        }
        let isNew = known.told != known.own
        let isOverdue = known.toldAt.map { self.ticks - $0 >= Self.patience } ?? true
        if known.included >= known.own, !isNew, known.toldAt != nil {
            self.dirty.remove(key)
            return
        }
        guard isNew || isOverdue else { return }
        known.told = known.own
        known.toldAt = self.ticks
        self.counted[key] = known
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

    /// Tells those who count lately the sums that have changed, and once in a while the others, too,
    /// so that they know that nothing has.
    private mutating func announce(at now: Int64) -> Outbox<CounterTotals.Entry> {
        var totals = Outbox<CounterTotals.Entry>()
        for window in self.lively.sorted(by: { ($0.key, $0.end) < ($1.key, $1.end) }) {
            guard var sum = self.summed[window] else { continue }
            sum.subscribers = sum.subscribers.filter { self.ticks - $0.value <= Self.interest }
            if sum.subscribers.isEmpty { self.lively.remove(window) }
            let isNew = sum.announced != max(sum.total, sum.floor)
            let isOverdue = self.ticks - sum.announcedAt >= Self.patience
            guard isNew || isOverdue else { continue }
            sum.announced = max(sum.total, sum.floor)
            sum.announcedAt = self.ticks
            self.summed[window] = sum
            for node in sum.subscribers.keys.sorted() {
                let entry = CounterTotals.Entry(
                    window: window,
                    total: sum.total,
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
        return totals
    }

    private mutating func forget(before second: UInt32) {
        // Windows end with the second, so that to look once in a while is enough.
        guard self.ticks % 20 == 0 else { return }
        self.summed = self.summed.filter { $0.key.end >= second }
        self.lively = self.lively.filter { $0.end >= second }
        self.counted = self.counted.filter { UInt64($0.value.end) + 60 >= UInt64(second) }
        self.dirty = self.dirty.filter { self.counted[$0].map { $0.end >= second } ?? false }
    }
}

/// Entries on their way, by whom they are for.
private struct Outbox<Entry> {
    private var byNode: [NodeID: [Entry]] = [:]

    mutating func add(_ entry: Entry, to node: NodeID) {
        self.byNode[node, default: []].append(entry)
    }

    /// In the order of nodes, each of a bounded length.
    var messages: [(NodeID, [Entry])] {
        self.byNode.sorted { $0.key < $1.key }.flatMap { node, entries in
            stride(from: 0, to: entries.count, by: MeshCounters.messageLimit).map { start in
                (
                    node,
                    Array(entries[start..<min(start + MeshCounters.messageLimit, entries.count)])
                )
            }
        }
    }
}
