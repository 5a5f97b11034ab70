public import MeshReports

/// Which protocol versions a fleet speaks, as people read it.
public enum ProtocolScreen {
    /// One line, and one for everything that hinders.
    public static func text(_ report: ProtocolReport) -> String {
        let lines =
            ["protocol   \(Self.standing(report))"] + report.obstacles.map { "first: \($0)" }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func standing(_ report: ProtocolReport) -> String {
        guard report.newest >= report.finalized else {
            return "\(report.finalized); this node speaks \(report.newest) at most: upgrade it"
        }
        let all = report.members.count
        let able = report.members.count { $0.maximum >= report.newest }
        if report.isFinal {
            let newer = report.members.filter { $0.maximum > report.finalized }.map(\.name)
            let more =
                newer.isEmpty
                ? "" : "; \(newer.joined(separator: ", ")) speak more, ask one of them"
            return "\(report.finalized), spoken by all; nothing is to be finalized\(more)"
        }
        let what =
            "\(report.finalized) until finalized; \(able) of \(all) members speak \(report.newest)"
        return report.obstacles.isEmpty ? what + ": meshctl upgrade finalize" : what
    }
}
