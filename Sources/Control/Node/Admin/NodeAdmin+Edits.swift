import HashTreeCollections
import MeshActivation
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

    func configuration(_ version: ConfigurationVersion) async -> GatewayConfiguration {
        let running = await self.configurations.running
        if let active = running.standing.active, "\(active.hash)" == version.hash {
            return running.configuration
        }
        return ParsedEntities.readable(await self.cluster.latest().entities)
    }

    func edit(
        _ changes: [EntityChange],
        upon held: HeldEntities,
        author: String,
        message: String
    ) async throws(AdminError) -> EditReceipt {
        if let message = self.refusal(ofSecretsAfter: changes, held.catalogue) {
            throw .invalidConfiguration(InvalidConfiguration(message: message))
        }
        let receipt = try await self.directory.write(
            changes,
            upon: held,
            author: author,
            message: message
        )
        let version = ConfigurationVersion(receipt.head)
        let holders = await self.cluster.names(of: receipt.holders)
        self.eventLog.add(
            .config,
            .configEdited,
            subject: version.hash,
            message: "\(author): \(message)"
        )
        return EditReceipt(
            config: version,
            holders: holders,
            wanted: receipt.isConfirmed ? holders.count : holders.count + 1
        )
    }

    /// Why this node could not serve by the secrets that changes refer to; nil when it could.
    private func refusal(
        ofSecretsAfter changes: [EntityChange],
        _ held: EntityCatalogue
    ) -> String? {
        do throws(MissingSecret) {
            return EntityExamination.refusal(
                ofSecretsIn: try held.checkSecrets(after: changes, NodeEnvironment.variable),
                flavor: self.configurations.compiler.flavor
            )
        } catch {
            return "\(error)"
        }
    }

    func examine(_ configuration: inout GatewayConfiguration) -> [Finding] {
        EntityExamination.findings(
            in: &configuration,
            flavor: self.configurations.compiler.flavor
        )
    }
}

/// The store's entities as a catalogue, and the one way in which single entities are written.
///
/// Writes wait for the disk and for other nodes side by side: each stands upon what it was made of, and
/// only a change of one of its own entities, or a rule of all configurations, makes it stale. What
/// changed is noticed by the head, and then only the entities that differ are read again.
actor EntityDirectory {
    private let cluster: ClusterService
    private var catalogue = EntityCatalogue()
    private var head = ChangelogHead(generation: 0, hash: .zero)
    private var isReading = false
    private var waiting: [CheckedContinuation<Bool, Never>] = []

    init(cluster: ClusterService) { self.cluster = cluster }

    /// What the store holds now.
    ///
    /// One reads at a time, for all who had asked before it began.
    func held() async -> HeldEntities {
        var isReader = !self.isReading
        if !isReader {
            isReader = await withCheckedContinuation { self.waiting.append($0) }
        }
        guard isReader else { return self.current }
        self.isReading = true
        let served = self.waiting
        self.waiting = []
        if let (latest, changed) = await self.cluster.latest(since: self.head.hash),
            latest.head != self.head
        {
            self.catchUp(to: latest, changed)
        }
        for continuation in served { continuation.resume(returning: false) }
        if self.waiting.isEmpty {
            self.isReading = false
        } else {
            // Whoever asked meanwhile may have seen more; the first of them reads for the others.
            self.waiting.removeFirst().resume(returning: true)
        }
        return self.current
    }

    private var current: HeldEntities {
        HeldEntities(catalogue: self.catalogue, version: ConfigurationVersion(self.head))
    }

    /// Writes changes as one changeset upon what was held when they were made.
    nonisolated func write(
        _ changes: [EntityChange],
        upon held: HeldEntities,
        author: String,
        message: String
    ) async throws(AdminError) -> ChangesetReceipt {
        var draft = ChangelogDraft(changes: [:], author: author, message: message)
        var expected: [String: ContentHash?] = [:]
        for change in changes {
            let key = "\(change.kind.rawValue)/\(change.id)"
            draft.changes.updateValue(change.document?.canonicalJSON, forKey: key)
            let body = held.catalogue.body(change.kind, change.id)
            expected.updateValue(
                body.map {
                    MeshChangelog.ConfigurationState.hash(of: key, $0, rules: .gateway)
                },
                forKey: key
            )
        }
        draft.expecting = .entities(expected)
        do throws(AdminError) {
            return try await self.cluster.submit(draft)
        } catch .refused(let reason) {
            // Somebody else's write is in the way: planned upon that, Kong's own answer says so.
            let now = ConfigurationVersion(await self.cluster.status().configuration)
            throw now == held.version ? .refused(reason) : .stale(held: now)
        }
    }

    /// Reads what differs: entities among `changed`, or all when that is not known, or too many.
    private func catchUp(to latest: ClusterConfigurationState, _ changed: Set<String>?) {
        let entities = latest.state.entities
        self.head = latest.head
        guard !self.catalogue.isEmpty, let changed else {
            self.catalogue = EntityCatalogue(
                stored: entities.lazy.compactMap { name, entity in
                    Key(name).map { ($0.kind, $0.id, entity.body) }
                }
            )
            return
        }
        for name in changed {
            guard let key = Key(name) else { continue }
            let body = entities[name]?.body
            guard self.catalogue.body(key.kind, key.id) != body else { continue }
            if let body {
                self.catalogue.set(key.kind, key.id, body: body)
            } else {
                self.catalogue.apply(EntityChange(kind: key.kind, id: key.id, document: nil))
            }
        }
    }

    /// An entity's key as the entity that it stands for.
    private struct Key: Hashable {
        let kind: EntityKind
        let id: EntityID

        init?(_ name: String) {
            guard let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")),
                let kind = EntityKind(rawValue: String(name[..<slash])),
                let id = EntityID(String(name[slash...].dropFirst()))
            else { return nil }
            self.kind = kind
            self.id = id
        }
    }
}
