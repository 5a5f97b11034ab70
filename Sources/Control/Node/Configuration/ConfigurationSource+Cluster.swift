import MeshMembership
import MeshPrimitives
import MeshReplication
import MeshTransport

extension StoredEntity {
    /// Takes a record's name and body.
    init(_ record: Record) { self.init(key: record.key.name, body: record.body) }
}

extension ConfigurationSource {
    /// Reads the records of a cluster.
    init(_ cluster: ClusterService, own: NodeID) {
        self.init(
            head: { ConfigurationState.Head(await cluster.status()) },
            state: {
                while true {
                    let before = await cluster.status()
                    let records = await cluster.records(of: .entity)
                    let after = await cluster.status()
                    guard before.configurationHash == after.configurationHash else { continue }
                    return ConfigurationState(
                        head: ConfigurationState.Head(after),
                        entities: records.map(StoredEntity.init)
                    )
                }
            },
            hasPeers: {
                await cluster.members().contains { $0.id != own && $0.state == .alive }
            }
        )
    }
}

extension ConfigurationState.Head {
    fileprivate init(_ status: ClusterStatus) {
        self.init(
            generation: status.configurationStamp.rawValue,
            hash: status.configurationHash
        )
    }
}
