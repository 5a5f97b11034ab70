import MeshAdmin
import MeshDeclarative
import MeshEntities
import MeshReplication
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
        let version = try await self.directory.write(
            changes,
            expecting: expected,
            head: ConfigurationHead(message: message, name: author)
        )
        self.eventLog.add(
            .config,
            "config-edited",
            subject: version.hash,
            message: "\(author): \(message)"
        )
        return EditReceipt(config: version, holders: [self.identity.name])
    }

    func examine(_ configuration: inout GatewayConfiguration) -> [Finding] {
        EntityExamination.findings(in: &configuration)
    }
}

/// The store's entities as a catalogue, and the one way in which single entities are written.
///
/// Writes of this node go one at a time; what peers write is noticed by the hash of the whole, and
/// then only the records that differ are read again.
actor EntityDirectory {
    private let cluster: ClusterService
    private var catalogue = EntityCatalogue()
    private var version = ConfigurationVersion.none
    private var isWriting = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(cluster: ClusterService) { self.cluster = cluster }

    /// What the store holds now.
    func held() async -> HeldEntities {
        let stored = ConfigurationVersion(await self.cluster.status())
        if stored != self.version { await self.catchUp(to: stored) }
        return HeldEntities(catalogue: self.catalogue, version: self.version)
    }

    /// Writes changes and the head that tells of them.
    func write(
        _ changes: [EntityChange],
        expecting expected: ConfigurationVersion?,
        head: ConfigurationHead
    ) async throws(AdminError) -> ConfigurationVersion {
        await self.begin()
        defer { self.end() }
        let before = await self.held().version
        if let expected, expected != before { throw .stale(held: before) }
        let records = changes.map { change in
            RecordChange(
                key: RecordKey(kind: .entity, name: "\(change.kind.rawValue)/\(change.id)"),
                body: change.document?.canonicalJSON
            )
        }
        let written: [Record]
        do {
            written = try await self.cluster.write(records + [head.change], urgency: .urgent)
        } catch {
            throw .failed("\(error)")
        }
        let after = await self.cluster.status()
        // Anything else that was written meanwhile would have left another stamp.
        let stamps = written.filter { $0.key.kind == .entity }.map(\.version.stamp)
        if stamps.max() == after.configurationStamp, self.version == before {
            for change in changes { self.catalogue.apply(change) }
            self.version = ConfigurationVersion(after)
        }
        return ConfigurationVersion(after)
    }

    private func catchUp(to stored: ConfigurationVersion) async {
        let records = await self.cluster.records(of: .entity)
        var kept: Set<Key> = []
        for record in records {
            guard let key = Key(record.key.name) else { continue }
            kept.insert(key)
            guard self.catalogue.body(key.kind, key.id) != record.body else { continue }
            self.catalogue.set(key.kind, key.id, body: record.body)
        }
        for kind in EntityKind.allCases {
            for id in self.catalogue.ids(of: kind) where !kept.contains(Key(kind: kind, id: id)) {
                self.catalogue.apply(EntityChange(kind: kind, id: id, document: nil))
            }
        }
        self.version = stored
    }

    private func begin() async {
        while self.isWriting { await withCheckedContinuation { self.waiting.append($0) } }
        self.isWriting = true
    }

    private func end() {
        self.isWriting = false
        if !self.waiting.isEmpty { self.waiting.removeFirst().resume() }
    }

    /// A record's key as the entity that it stands for.
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
