import MeshAdmin
import MeshChangelog
import MeshEntities
import MeshMembership
import MeshPrimitives
import MeshReports
import MeshTransport

extension ConfigurationVersion {
    /// What the changelog holds.
    init(_ head: ChangelogHead) {
        self.init(generation: head.generation, hash: head.hash.description)
    }
}

extension ClusterService {
    /// The names of nodes, ascending; of those that are no members any more, their ids.
    func names(of nodes: [NodeID]) async -> [String] {
        let names = await self.members().reduce(into: [:]) { $0[$1.id] = $1.profile.name }
        return nodes.map { names[$0] ?? $0.description }.sorted()
    }

    /// Writes a changeset, with the errors that an operator is answered with.
    ///
    /// While a roll-out is open only the roll-out itself writes the configuration.
    func submit(
        _ draft: ChangelogDraft,
        ofRollOut: Bool = false
    ) async throws(AdminError) -> ChangesetReceipt {
        if !ofRollOut, draft.containsKey(where: { !GatewayRules.isAside($0) }),
            let open = await self.latest().rollOut, open.isOpen
        {
            throw .refused(
                "roll-out \(open.id) is open, and one change is rolled out at a time; "
                    + "wait for its end, or: meshctl config roll-out abort"
            )
        }
        return try await Self.translated { try await self.write(draft) }
    }

    /// Takes over a backup, with the errors that an operator is answered with.
    func takeOver(_ stored: StoredChangelog) async throws(AdminError) -> ChangesetReceipt {
        try await Self.translated { try await self.restore(stored) }
    }

    private static func translated(
        _ write: () async throws -> ChangesetReceipt
    ) async throws(AdminError) -> ChangesetReceipt {
        do {
            return try await write()
        } catch let error as ChangelogError {
            switch error {
            case .stale(let held): throw .stale(held: ConfigurationVersion(held))
            case .entityChanged: throw .stale(held: .none)
            case .busy: throw .busy
            case .refused(let reason): throw .refused(reason)
            case .occupied: throw .refused(error.description)
            case .invalidKey, .tooLarge, .notSaved, .exhausted, .malformed:
                throw .failed(error.description)
            }
        } catch {
            throw .failed("\(error)")
        }
    }
}

extension FindingReport {
    /// A finding as reports show it.
    init(_ finding: Finding) {
        self.init(
            path: finding.path,
            message: finding.message,
            line: finding.line,
            column: finding.column
        )
    }
}

extension InvalidConfiguration {
    /// A configuration that is refused as a whole, for one reason.
    init(message: String) {
        self.init(
            message: "declarative config is invalid: \(message)",
            fields: .object([]),
            findings: [FindingReport(path: "", message: message)]
        )
    }
}

extension ConfigurationDifference {
    /// The changes as reports show them.
    var reports: [ChangeReport] {
        self.changes.map { change in
            ChangeReport(
                action: ChangeReport.Action(change.action),
                kind: change.kind.rawValue,
                id: change.id.description,
                name: change.name ?? "",
                fields: change.action == .delete
                    ? []
                    : change.fields.map { field in
                        ChangeReport.Field(
                            path: field.field,
                            old: field.old?.json,
                            new: field.new?.json
                        )
                    }
            )
        }
    }
}

extension ChangeReport.Action {
    fileprivate init(_ action: ConfigurationDifference.Action) {
        switch action {
        case .create: self = .create
        case .update: self = .update
        case .delete: self = .delete
        }
    }
}
