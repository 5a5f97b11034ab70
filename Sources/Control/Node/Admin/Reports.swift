import MeshAdmin
import MeshChangelog
import MeshEntities
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
    /// Writes a changeset, with the errors that an operator is answered with.
    func submit(_ draft: ChangelogDraft) async throws(AdminError) -> ChangesetReceipt {
        do {
            return try await self.write(draft)
        } catch let error as ChangelogError {
            switch error {
            case .stale(let held): throw .stale(held: ConfigurationVersion(held))
            case .busy: throw .busy
            case .refused(let reason): throw .refused(reason)
            case .invalidKey, .entityChanged, .tooLarge, .notSaved, .exhausted, .malformed:
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
