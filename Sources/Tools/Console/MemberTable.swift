public import MeshReports

/// The table of `meshctl members`.
public struct MemberTable: Sendable {
    private let report: MembersReport

    /// Creates a table of one node's answer.
    public init(_ report: MembersReport) { self.report = report }

    /// Rows, a summary with the view's stamp, and the legend.
    public func text(_ style: TextTable.Style = .plain) -> String {
        let isWide = style.isWide
        var table = TextTable(
            [
                .words("ST"), .words("NODE"), .words("REGION"), .words("ADDRESS"),
                .words("VERSION"), .words("CONFIG"), .words("AGE"), .words("RTT"), .words("LOAD"),
            ] + (isWide ? [.words("ZONE"), .numbers("INC"), .words("ADMIN"), .words("ID")] : [])
                + [.prose("NOTE")]
        )
        for member in self.report.members {
            table.add(self.row(member) + (isWide ? Self.more(member) : []) + [Self.note(member)])
        }
        return table.text(style) + "\n" + self.summary + "\n" + Self.legend(style)
    }

    private static func legend(_ style: TextTable.Style) -> String {
        let first = "first letter U up, S suspect, D down, L left;"
        let second = "second N normal, D draining, M maintenance"
        let fits = style.width.map { $0 > first.count + second.count } ?? true
        return first + (fits ? " " : "\n") + second + "\n"
    }

    private func row(_ member: MemberReport) -> [Cell] {
        [
            Words.code(member), Cell(member.name), Cell(member.region), Cell(member.address),
            Cell(member.version), Cell(Words.config(member.config)),
            Cell(Words.age(member.ageSeconds)),
            Cell(member.isAsked ? "self" : Words.roundTrip(member.rttMs)),
            Cell(Words.percent(member.load)),
        ]
    }

    private static func more(_ member: MemberReport) -> [Cell] {
        [
            Cell(member.zone.isEmpty ? Words.none : member.zone), Cell("\(member.incarnation)"),
            Cell(member.adminAddress ?? Words.none), Cell(member.id),
        ]
    }

    private static func note(_ member: MemberReport) -> Cell {
        if !member.note.isEmpty { return Cell(member.note) }
        guard member.state == .alive, member.mode != .normal else {
            return Cell(member.state == .alive ? "" : member.state.rawValue)
        }
        let left = member.inFlight.map { ", \(Words.count($0, "request")) left" } ?? ""
        return Cell(member.mode.rawValue + left)
    }

    private var summary: String {
        let counts = StatusReport.Counts(of: self.report.members)
        let states = [
            (counts.alive, "up"), (counts.suspect, "suspect"), (counts.failed, "down"),
            (counts.left, "left"),
        ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        let parts = [
            "\(Words.count(counts.members, "member")): \(states.isEmpty ? "none" : states)",
            self.agreement, Words.shortStamp(self.report.view),
        ]
        return parts.filter { !$0.isEmpty }.joined(separator: " · ")
    }

    /// Hashes among alive members, the most common first.
    private var agreement: String {
        let alive = self.report.members.filter { $0.state == .alive && !$0.config.version.isEmpty }
        let groups = Dictionary(grouping: alive, by: \.config.hash)
            .map { (hash: $0.key, count: $0.value.count) }
            .sorted { ($1.count, $0.hash) < ($0.count, $1.hash) }
        guard !groups.isEmpty else { return "" }
        return "config "
            + groups.map { "\($0.hash.prefix(4)) on \($0.count)" }.joined(separator: ", ")
    }
}
