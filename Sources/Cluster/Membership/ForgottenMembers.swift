import MeshPrimitives

/// Members that were dropped, so that old news of slower peers does not bring them back.
///
/// Only the member itself comes back, by an incarnation above the one it was dropped with.
struct ForgottenMembers: Sendable {
    /// How many are remembered; beyond it the oldest is given up.
    static let limit = 10_000

    private struct Entry {
        var incarnation: UInt64
        var since: MonotonicInstant
        var number: UInt64
        var isTold: Bool
    }

    private var entries: [NodeID: Entry] = [:]
    private var order: [(id: NodeID, number: UInt64)] = []
    private var head = 0
    private var number: UInt64 = 0

    /// How many are remembered.
    var count: Int { self.entries.count }

    /// Remembers a dropped member.
    ///
    /// - Parameters:
    ///   - id: who it is.
    ///   - incarnation: the last one that is not heard of any more.
    ///   - since: when it was dropped.
    ///   - isTold: whether others shall drop it, too; not when there was only no room for it here.
    mutating func insert(
        _ id: NodeID,
        incarnation: UInt64,
        since: MonotonicInstant,
        isTold: Bool = true
    ) {
        self.number += 1
        let known = self.entries[id]
        self.entries[id] = Entry(
            incarnation: max(incarnation, known?.incarnation ?? 0),
            since: since,
            number: self.number,
            isTold: isTold
        )
        self.order.append((id, self.number))
        while self.entries.count > Self.limit { self.dropOldest() }
        if self.head > Self.limit {
            self.order.removeFirst(self.head)
            self.head = 0
        }
    }

    /// Whether news is about the past of a dropped member.
    func covers(_ id: NodeID, incarnation: UInt64) -> Bool {
        guard let entry = self.entries[id] else { return false }
        return incarnation <= entry.incarnation
    }

    /// Whether a member was dropped for lack of room alone.
    func madeRoom(_ id: NodeID) -> Bool { self.entries[id].map { !$0.isTold } ?? false }

    /// Forgets that a member was dropped, since it is back.
    mutating func remove(_ id: NodeID) { self.entries[id] = nil }

    /// What is remembered of one member, as peers are told it; `nil` for what they are not told.
    func accusation(
        of id: NodeID,
        by accuser: NodeID,
        at now: MonotonicInstant
    ) -> Accusation? {
        guard let entry = self.entries[id], entry.isTold else { return nil }
        return Accusation(
            subject: id,
            incarnation: entry.incarnation,
            verdict: .forgotten,
            accuser: accuser,
            evidence: Accusation.Evidence(isByOperator: true),
            age: entry.since.age(at: now)
        )
    }

    /// All that peers are told, oldest first.
    func all(by accuser: NodeID, at now: MonotonicInstant) -> [Accusation] {
        self.order[self.head...].compactMap { entry in
            guard self.entries[entry.id]?.number == entry.number else { return nil }
            return self.accusation(of: entry.id, by: accuser, at: now)
        }
    }

    /// Gives up what was dropped longer than `lifetime` ago.
    mutating func expire(_ lifetime: Duration, at now: MonotonicInstant) {
        self.entries = self.entries.filter { $0.value.since.duration(to: now) < lifetime }
    }

    private mutating func dropOldest() {
        guard self.head < self.order.endIndex else { return }
        let oldest = self.order[self.head]
        self.head += 1
        if self.entries[oldest.id]?.number == oldest.number { self.entries[oldest.id] = nil }
    }
}

extension MonotonicInstant {
    /// Whole seconds that have passed since, as they travel.
    func age(at now: MonotonicInstant) -> UInt32 {
        UInt32(clamping: max(0, self.duration(to: now).components.seconds))
    }

    /// The moment that lies `age` seconds back.
    func before(age: UInt32) -> MonotonicInstant { self.advanced(by: .seconds(-Int64(age))) }

    /// The moment that lies `age` seconds back, at most `limit`.
    func before(age: UInt32, atMost limit: Duration) -> MonotonicInstant {
        self.advanced(by: .zero - min(.seconds(Int64(age)), limit))
    }
}
