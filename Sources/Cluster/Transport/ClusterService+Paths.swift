import MeshMembership
public import MeshObservations
public import MeshPrimitives

/// Ways to other members: which work, and how long they are.
extension ClusterService {
    /// Members that are tried at one time.
    private static let reachWidth = 32

    /// Tries both ways to members, some at a time; takes 2 s for each 32 of them that do not answer.
    public func reach(_ ids: [NodeID]) async -> [MemberReach] {
        var all: [MemberReach] = []
        for start in stride(from: 0, to: ids.count, by: Self.reachWidth) {
            let some = ids[start..<min(ids.count, start + Self.reachWidth)]
            all += await withTaskGroup(of: MemberReach.self) { group in
                for id in some { group.addTask { await self.reach(id) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        let places = Dictionary(ids.enumerated().map { ($1, $0) }) { first, _ in first }
        return all.sorted { places[$0.node] ?? 0 < places[$1.node] ?? 0 }
    }

    /// Where nodes lie by round trips, as far as they have told, this one included.
    public func coordinates() async -> [NodeID: NetworkCoordinate] {
        await self.submit { loop in
            var coordinates: [NodeID: NetworkCoordinate] = [:]
            for member in loop.membership.members where member.state.isPresent {
                coordinates[member.id] = loop.observations.coordinate(of: member.id)
            }
            return coordinates
        } ?? [:]
    }
}
