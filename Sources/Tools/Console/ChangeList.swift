public import MeshReports

/// The lines of `meshctl config diff` and `apply`: one block per entity, old and new per field.
public struct ChangeList: Sendable {
    private let changes: [ChangeReport]

    /// Creates a list of changes.
    public init(_ changes: [ChangeReport]) { self.changes = changes }

    /// The blocks and a summary; only the summary when nothing changes.
    public func text(_ style: TextTable.Style = .plain) -> String {
        self.changes.map { Self.block($0, style) }.joined() + self.summary + "\n"
    }

    private var summary: String {
        let summary = ChangeSummary(of: self.changes)
        guard !self.changes.isEmpty else { return "no difference" }
        return "\(summary.created) to create, \(summary.updated) to update, "
            + "\(summary.deleted) to delete"
    }

    private static func block(_ change: ChangeReport, _ style: TextTable.Style) -> String {
        let (sign, tone): (String, Cell.Tone) =
            switch change.action {
            case .create: ("+", .good)
            case .update: ("~", .warning)
            case .delete: ("-", .bad)
            }
        let name = change.name.isEmpty ? change.id : change.name
        let head = Cell("\(sign) \(change.kind) \(name)", tone)
        var text = (style.hasColour ? head.coloured(head.text) : head.text) + "\n"
        for field in change.fields {
            let new = field.new ?? "unset"
            let value = change.action == .create ? new : "\(field.old ?? "unset") → \(new)"
            let line = Cell("    \(field.path): \(value)").text
            text += (style.width.map { Cell.cut(line, to: $0) } ?? line) + "\n"
        }
        return text
    }
}
