public import MeshReports

/// What `meshctl member` prints: one fact per line, then who says what against the member.
public struct MemberScreen: Sendable {
    private let member: MemberReport

    /// Creates a screen about one member.
    public init(_ member: MemberReport) { self.member = member }

    /// The screen.
    public var text: String {
        var lines: [(String, String)] = [
            ("node", self.member.name), ("id", self.member.id),
            (
                "place",
                self.member.region + (self.member.zone.isEmpty ? "" : "/\(self.member.zone)")
            ),
            ("address", self.member.address),
            ("admin", self.member.adminAddress ?? Words.none),
            (
                "state",
                self.member.state.rawValue + (self.member.since.map { " since \($0)" } ?? "")
            ),
            ("mode", self.member.mode.rawValue), ("version", self.member.version),
            ("config", Words.config(self.member.config)),
            ("incarnation", "\(self.member.incarnation)"),
            ("round trip", self.member.isAsked ? "self" : Words.roundTrip(self.member.rttMs)),
        ]
        if !self.member.note.isEmpty { lines.append(("note", self.member.note)) }
        let width = lines.map(\.0.count).max() ?? 0
        let facts = lines.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + Cell(value).text
        }
        return (facts + self.accusations).joined(separator: "\n") + "\n"
    }

    private var accusations: [String] {
        guard !self.member.accusations.isEmpty else { return [] }
        return ["", "said against it:"]
            + self.member.accusations.map { accusation in
                "  \(accusation.time)  \(accusation.verdict) by \(Cell(accusation.accuser).text): "
                    + Cell(accusation.evidence).text
            }
    }
}
