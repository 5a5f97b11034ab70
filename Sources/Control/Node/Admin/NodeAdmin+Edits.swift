import HashTreeCollections
import MeshAdmin
import MeshChangelog
import MeshDeclarative
import MeshEntities
import MeshMembership
import MeshPrimitives
import MeshReports
import MeshTransport

extension NodeAdmin {
    func held() async -> HeldEntities { await self.directory.held() }

    func edit(
        _ changes: [EntityChange],
        expecting expected: ConfigurationVersion?,
        author: String,
        message: String
    ) async throws(AdminError) -> EditReceipt {
        let receipt = try await self.directory.write(
            changes,
            expecting: expected,
            author: author,
            message: message
        )
        let version = ConfigurationVersion(receipt.head)
        let names = await self.cluster.members().reduce(into: [:]) { $0[$1.id] = $1.profile.name }
        let holders = receipt.holders.map { names[$0] ?? $0.description }
        self.eventLog.add(
            .config,
            "config-edited",
            subject: version.hash,
            message: "\(author): \(message)"
        )
        return EditReceipt(
            config: version,
            holders: holders,
            wanted: receipt.isConfirmed ? holders.count : holders.count + 1
        )
    }

    func examine(_ configuration: inout GatewayConfiguration) -> [Finding] {
        EntityExamination.findings(in: &configuration)
    }
}

/// The store's entities as a catalogue, and the one way in which single entities are written.
///
/// Writes of this node go one at a time; what peers write is noticed by the head, and then only
/// the entities that differ are read again.
actor EntityDirectory {
    private let cluster: ClusterService
    private var catalogue = EntityCatalogue()
    private var head = ChangelogHead(generation: 0, hash: .zero)
    private var isWriting = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(cluster: ClusterService) { self.cluster = cluster }

    /// What the store holds now.
    func held() async -> HeldEntities {
        let latest = await self.cluster.latest()
        if latest.head != self.head { self.catchUp(to: latest) }
        return HeldEntities(catalogue: self.catalogue, version: ConfigurationVersion(self.head))
    }

    /// Writes changes as one changeset upon what was held when they were made.
    func write(
        _ changes: [EntityChange],
        expecting expected: ConfigurationVersion?,
        author: String,
        message: String
    ) async throws(AdminError) -> ChangesetReceipt {
        await self.begin()
        defer { self.end() }
        let held = await self.held().version
        if let expected, expected.hash != held.hash { throw .stale(held: held) }
        var draft = ChangelogDraft(changes: [:], author: author, message: message)
        for change in changes {
            let key = "\(change.kind.rawValue)/\(change.id)"
            draft.changes.updateValue(change.document?.canonicalJSON, forKey: key)
        }
        if expected != nil { draft.expecting = .head(self.head.hash) }
        return try await self.cluster.submit(draft)
    }

    private func catchUp(to latest: ClusterConfigurationState) {
        for kind in EntityKind.allCases {
            for id in self.catalogue.ids(of: kind)
            where latest.state.entities["\(kind.rawValue)/\(id)"] == nil {
                self.catalogue.apply(EntityChange(kind: kind, id: id, document: nil))
            }
        }
        for (key, entity) in latest.state.entities {
            guard let key = Key(key), self.catalogue.body(key.kind, key.id) != entity.body else {
                continue
            }
            self.catalogue.set(key.kind, key.id, body: entity.body)
        }
        self.head = latest.head
    }

    private func begin() async {
        while self.isWriting { await withCheckedContinuation { self.waiting.append($0) } }
        self.isWriting = true
    }

    private func end() {
        self.isWriting = false
        if !self.waiting.isEmpty { self.waiting.removeFirst().resume() }
    }

    /// An entity's key as the entity that it stands for.
    private struct Key: Hashable {
        let kind: EntityKind
        let id: EntityID

        init(kind: EntityKind, id: EntityID) {
            self.kind = kind
            self.id = id
        }

        init?(_ name: String) {
            let parts = name.split(separator: "/")
            guard parts.count == 2, let kind = EntityKind(rawValue: String(parts[0])),
                let id = EntityID(String(parts[1]))
            else { return nil }
            self.init(kind: kind, id: id)
        }
    }
}
