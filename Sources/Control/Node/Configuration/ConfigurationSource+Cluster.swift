import HashTreeCollections
import MeshChangelog
import MeshMembership
import MeshPrimitives
import MeshTransport

extension ConfigurationSource {
    /// Reads the changelog of a cluster.
    init(_ cluster: ClusterService, own: NodeID) {
        self.init(
            head: { ConfigurationState.Head(await cluster.status().configuration) },
            state: {
                let latest = await cluster.latest()
                return ConfigurationState(
                    head: ConfigurationState.Head(latest.head),
                    entities: latest.entities
                )
            },
            earlier: { isSkipped in
                guard let history = await cluster.history() else { return nil }
                let states =
                    [(history.startHead, history.start)]
                    + zip(history.heads, history.steps.map(\.after))
                return states.last { !isSkipped($0.0.hash) && !$0.1.entities.isEmpty }
                    .map { head, state in
                        ConfigurationState(
                            head: ConfigurationState.Head(head),
                            entities: ClusterConfigurationState(head: head, state: state).entities
                        )
                    }
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
}

extension ConfigurationState.Head {
    fileprivate init(_ head: ChangelogHead) {
        self.init(generation: head.generation, hash: head.hash)
    }
}
