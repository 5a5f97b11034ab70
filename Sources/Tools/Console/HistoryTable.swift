public import MeshReports

/// The table of `meshctl config history`.
public struct HistoryTable: Sendable {
    private let report: HistoryReport

    /// Creates a table of one node's answer.
    public init(_ report: HistoryReport) { self.report = report }

    /// Rows, the newest first, and what came before the oldest.
    public func text(_ style: TextTable.Style = .plain) -> String {
        let isWide = style.isWide
        var table = TextTable([
            .words("CHANGESET"), .words("CONFIG"), .words("WRITTEN"), .words("NODE"),
            .words("AUTHOR"), .words("CHANGES"), .words("LIVE ON"), .prose("MESSAGE"),
        ])
        for changeset in self.report.changesets {
            let config =
                isWide
                ? "\(changeset.config.version) \(changeset.config.hash)"
                : Words.config(changeset.config)
            table.add([
                Cell(changeset.id), Cell(config), Cell(Self.time(changeset.at, isWide)),
                Cell(changeset.node), Cell(changeset.author), Self.changes(changeset),
                Cell(changeset.nodes.joined(separator: ",")), Cell(changeset.message),
            ])
        }
        return table.text(style) + "\n" + self.summary + "\n"
    }

    /// To the second, but for whoever wants all of it.
    private static func time(_ text: String, _ isWide: Bool) -> String {
        isWide ? text : "\(text.prefix(10)) \(text.dropFirst(11).prefix(8))"
    }

    private static func changes(_ changeset: ChangesetReport) -> Cell {
        switch changeset.outcome {
        case .refused: return Cell("refused", .bad)
        case .repeated: return Cell("repeated", .warning)
        case .applied:
            let counts = Words.changes(changeset.summary)
            guard changeset.conflicts > 0 else { return Cell(counts) }
            return Cell("\(counts) !\(changeset.conflicts)", .warning)
        }
    }

    private var summary: String {
        let before =
            self.report.checkpoint.version.isEmpty
            ? "nothing is older"
            : "older ones are folded into \(Words.config(self.report.checkpoint))"
        return "config \(Words.config(self.report.config)) · \(before) · "
            + Words.stamp(self.report.view)
    }
}

/// The screen of `meshctl config show`.
public struct ChangesetScreen: Sendable {
    private let report: ChangesetDetailReport

    /// Creates a screen of one node's answer.
    public init(_ report: ChangesetDetailReport) { self.report = report }

    /// Who, when, why, then all that it changed.
    public func text(_ style: TextTable.Style = .plain) -> String {
        let changeset = self.report.changeset
        var lines = [
            "changeset  \(changeset.id)",
            "config     \(changeset.config.version) \(changeset.config.hash)",
            "written    \(changeset.at) at \(changeset.node)"
                + (changeset.author.isEmpty ? "" : " by \(changeset.author)"),
            "message    \(changeset.message.isEmpty ? Words.none : changeset.message)",
            "outcome    \(changeset.outcome.rawValue)"
                + (changeset.reason.isEmpty ? "" : ": \(changeset.reason)")
                + (changeset.isLate ? ", late" : ""),
        ]
        if !changeset.nodes.isEmpty {
            lines.append("live on    \(changeset.nodes.joined(separator: ", "))")
        }
        for conflict in self.report.conflicts {
            let role = conflict.loser.changeset == changeset.id ? "lost to" : "won over"
            let other =
                conflict.loser.changeset == changeset.id
                ? conflict.winner.changeset : conflict.loser.changeset
            lines.append(
                "conflict   \(conflict.id): \(conflict.kind) "
                    + "\(conflict.name.isEmpty ? conflict.entity : conflict.name), \(role) \(other)"
            )
        }
        let head = lines.map { Cell($0).text + "\n" }.joined()
        return head + "\n" + ChangeList(self.report.changes).text(style)
    }
}

/// The table of `meshctl config conflicts`.
public struct ConflictTable: Sendable {
    private let report: ConflictsReport

    /// Creates a table of one node's answer.
    public init(_ report: ConflictsReport) { self.report = report }

    /// Rows, the newest first, and the command that applies a loser again.
    public func text(_ style: TextTable.Style = .plain) -> String {
        guard !self.report.conflicts.isEmpty else {
            return "no conflicts · \(Words.stamp(self.report.view))\n"
        }
        var table = TextTable([
            .words("CONFLICT"), .words("STATE"), .words("ENTITY"), .words("STANDS"),
            .words("LOST"), .prose("WHAT LOST"),
        ])
        for conflict in self.report.conflicts {
            let name = conflict.name.isEmpty ? conflict.entity : conflict.name
            table.add([
                Cell(conflict.id),
                conflict.open ? Cell("open", .warning) : Cell("settled", .good),
                Cell("\(conflict.kind) \(name)"), Cell(Self.side(conflict.winner)),
                Cell(Self.side(conflict.loser)), Cell(conflict.loser.message),
            ])
        }
        let open = self.report.conflicts.count { $0.open }
        return table.text(style)
            + "\n\(Words.count(self.report.conflicts.count, "conflict")), \(open) open · "
            + "apply what lost: meshctl config conflicts apply ID · "
            + Words.shortStamp(self.report.view) + "\n"
    }

    private static func side(_ side: ConflictReport.Side) -> String {
        let place = side.node.isEmpty ? "" : " at \(side.node)"
        let name = side.changeset.isEmpty ? "an older change" : side.changeset
        return name + place + (side.deletes ? ", deletes" : "")
    }
}
