import MeshPrimitives

/// Members that were dropped, so that old claims of slower peers do not bring them back.
///
/// Only the member itself comes back, by an incarnation above the one it was dropped with.
struct ForgottenMembers: Sendable {
    /// How many are remembered; beyond it the oldest is given up.
    static let limit = 10_000

    private var incarnations: [NodeID: UInt64] = [:]
    private var order: [NodeID] = []

    /// Remembers a dropped member.
    mutating func insert(_ id: NodeID, incarnation: UInt64) {
        if self.incarnations.updateValue(incarnation, forKey: id) == nil { self.order.append(id) }
        if self.order.count > Self.limit {
            self.incarnations[self.order.removeFirst()] = nil
        }
    }

    /// Whether a claim is about the past of a dropped member.
    func covers(_ update: MemberUpdate) -> Bool {
        guard let incarnation = self.incarnations[update.profile.id] else { return false }
        return update.incarnation <= incarnation
    }

    /// Forgets that a member was dropped, since it is back.
    mutating func remove(_ id: NodeID) {
        guard self.incarnations.removeValue(forKey: id) != nil else { return }
        self.order.removeAll { $0 == id }
    }
}
