public import MeshReports

/// The screen of `meshctl check`.
public struct CheckScreen: Sendable {
    /// How much to show.
    public enum Detail: Sendable {
        /// Every check.
        case all
        /// Only what did not pass.
        case troubled
    }

    private let report: ChecksReport

    /// Creates a screen of one run.
    public init(_ report: ChecksReport) { self.report = report }

    /// Checks under their headings with hints, then counts and the view's stamp.
    public func text(_ style: TextTable.Style = .plain, detail: Detail = .all) -> String {
        var text = ""
        var group = ""
        for check in self.report.checks where detail == .all || check.outcome != .passed {
            if check.group != group {
                group = check.group
                text += "\(group)\n"
            }
            text += Self.lines(check, style)
        }
        let counts = { (outcome: CheckReport.Outcome) in
            self.report.checks.count { $0.outcome == outcome }
        }
        return text + "\(Words.count(self.report.checks.count, "check")): "
            + "\(counts(.passed)) passed, \(Words.count(counts(.warning), "warning")), "
            + "\(counts(.failed)) failed · \(Words.stamp(self.report.view))\n"
    }

    private static func lines(_ check: CheckReport, _ style: TextTable.Style) -> String {
        let (mark, tone): (String, Cell.Tone) =
            switch check.outcome {
            case .passed: ("✓", .good)
            case .warning: ("!", .warning)
            case .failed: ("✗", .bad)
            }
        let title = "\(check.code) \(check.title)"
        let gap = String(repeating: " ", count: max(2, 58 - title.count))
        let rest = Cell(check.detail.isEmpty ? title : "\(title)\(gap)\(check.detail)").text
        let shown = style.width.map { Cell.cutEnd(rest, to: $0 - 4) } ?? rest
        let dressed = style.hasColour ? Cell(mark, tone).coloured(mark) : mark
        let hint = check.hint.isEmpty ? "" : "    → \(Cell(check.hint).text)\n"
        return "  \(dressed) \(shown)\n\(hint)"
    }
}
