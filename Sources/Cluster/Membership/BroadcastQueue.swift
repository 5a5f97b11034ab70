import MeshPrimitives

/// Updates on their way to everybody, each sent a bounded number of times.
///
/// Keyed by subject: a claim replaces the weaker ones about the same member, so the queue grows with
/// the number of members that change and not with the number of messages about them.
struct BroadcastQueue: Sendable {
    /// How many claims wait at most; beyond it the one sent most often is dropped.
    static let limit = 4_096

    private struct Entry {
        let update: MemberUpdate
        var sentCount = 0
        let order: UInt64
    }

    private var entries: [Entry] = []
    private var order: UInt64 = 0

    /// Whether nothing waits.
    var isEmpty: Bool { self.entries.isEmpty }

    /// How many claims wait.
    var count: Int { self.entries.count }

    /// Adds a claim and drops those that it overrides.
    ///
    /// Suspicions of one member by different accusers stay side by side.
    mutating func insert(_ update: MemberUpdate) {
        self.entries.removeAll { Self.overrides(update, $0.update) }
        if self.entries.count >= Self.limit,
            let most = self.entries.indices.max(by: {
                self.entries[$0].sentCount < self.entries[$1].sentCount
            })
        {
            self.entries.remove(at: most)
        }
        self.order &+= 1
        self.entries.append(Entry(update: update, order: self.order))
    }

    /// Drops every claim about a member.
    mutating func remove(_ subject: NodeID) {
        self.entries.removeAll { $0.update.profile.id == subject }
    }

    /// Takes the claims for one datagram: fewest-sent first, then newest, as many as fit.
    ///
    /// - Parameters:
    ///   - byteCount: room for updates, exactly.
    ///   - sendLimit: a claim that was sent so often is dropped.
    /// - Returns: the claims, in the order of their urgency.
    mutating func take(fitting byteCount: Int, sendLimit: Int) -> [MemberUpdate] {
        guard !self.entries.isEmpty else { return [] }
        self.entries.sort { left, right in
            (left.sentCount, right.order) < (right.sentCount, left.order)
        }
        var room = byteCount
        var taken: [MemberUpdate] = []
        for index in self.entries.indices {
            let size = self.entries[index].update.wireByteCount
            guard size <= room else { continue }
            room -= size
            self.entries[index].sentCount += 1
            taken.append(self.entries[index].update)
        }
        self.entries.removeAll { $0.sentCount >= sendLimit }
        return taken
    }

    private static func overrides(_ new: MemberUpdate, _ old: MemberUpdate) -> Bool {
        guard new.profile.id == old.profile.id else { return false }
        let sameSuspicion =
            new.state == .suspect && old.state == .suspect
            && new.incarnation == old.incarnation
        return sameSuspicion ? new.reporter == old.reporter : true
    }
}
