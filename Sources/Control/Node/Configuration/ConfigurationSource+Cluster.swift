import HashTreeCollections
import MeshActivation
import MeshChangelog
import MeshMembership
import MeshPrimitives
import MeshTransport

extension ConfigurationSource {
    /// Reads the changelog of a cluster; while a roll-out holds this node back, what stood before it.
    init(_ cluster: ClusterService, own: NodeID) {
        let held = HeldConfiguration(cluster: cluster, node: own)
        self.init(
            head: {
                let latest = await cluster.latest()
                return RoutedState.Head((await held.instead(of: latest) ?? latest).head)
            },
            state: { hash in
                guard let (latest, keys) = await cluster.latest(since: hash) else { return .empty }
                if let before = await held.instead(of: latest) {
                    return RoutedState(before)
                }
                var state = RoutedState(latest)
                if let keys {
                    state.changes = .init(base: hash, bodies: latest.bodies(of: keys))
                }
                return state
            },
            earlier: { isSkipped in
                guard let history = await cluster.history() else { return nil }
                let states =
                    [(history.startHead, history.start)]
                    + zip(history.heads, history.steps.map(\.after))
                return states.map { ClusterConfigurationState(head: $0, state: $1) }
                    .last { !isSkipped($0.head.hash) && !$0.isEmpty }
                    .map { RoutedState($0) }
            },
            hasPeers: {
                await cluster.members().contains { $0.id != own && $0.state == .alive }
            }
        )
    }
}

extension ClusterConfigurationState {
    /// The entities that nodes route by, by rising key.
    var entities: [StoredEntity] {
        self.state.entities.filter { !$0.value.isAside }
            .map { StoredEntity(key: $0.key, body: $0.value.body) }
            .sorted { $0.key < $1.key }
    }

    /// Whether there is nothing to route by.
    fileprivate var isEmpty: Bool {
        self.state.entities.count == self.state.asideKeys.count
    }

    /// What some entities are now; `nil` for those that are gone.
    fileprivate func bodies(of keys: Set<String>) -> [String: [UInt8]?] {
        var bodies: [String: [UInt8]?] = [:]
        for key in keys where !self.state.asideKeys.contains(key) {
            bodies.updateValue(self.state.entities[key]?.body, forKey: key)
        }
        return bodies
    }
}

extension RoutedState {
    fileprivate init(_ latest: ClusterConfigurationState) {
        self.init(head: Head(latest.head), isEmpty: latest.isEmpty) { latest.entities }
    }
}

extension RoutedState.Head {
    fileprivate init(_ head: ChangelogHead) {
        self.init(generation: head.generation, hash: head.hash)
    }
}
