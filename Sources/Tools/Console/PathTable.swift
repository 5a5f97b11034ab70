public import MeshReports

/// The table of `meshctl reachability`.
public struct PathTable: Sendable {
    private let report: ReachabilityReport

    /// Creates a table of one node's answer.
    public init(_ report: ReachabilityReport) { self.report = report }

    /// One row per member, then what is cut and whose view it is.
    public func text(_ style: TextTable.Style = .plain) -> String {
        var table = TextTable([
            .words("NODE"), .words("REGION"), .words("ADDRESS"), .words("STATE"), .words("UDP"),
            .words("TCP"), .prose("NOTE"),
        ])
        for path in self.report.paths {
            table.add([
                Cell(path.name), Cell(path.region), Cell(path.address), Cell(path.state.rawValue),
                Self.cell(path.udpMs), Self.cell(path.tcpMs), Cell(path.words),
            ])
        }
        return table.text(style) + "\n" + self.summary + "\n"
    }

    private static func cell(_ milliseconds: Double?) -> Cell {
        milliseconds == nil ? Cell("cut", .bad) : Cell(Words.roundTrip(milliseconds))
    }

    private var summary: String {
        let cut = self.report.paths.count(where: \.isCut)
        let untried = self.report.untried
        return [
            "\(Words.count(cut, "way")) cut from \(self.report.view.node) to "
                + Words.count(self.report.paths.count, "member"),
            untried > 0 ? "\(Words.count(untried, "member")) not tried" : "",
        ].filter { !$0.isEmpty }.joined(separator: " · ")
    }
}

extension RoundTripReport {
    /// `eu-1 to us-2: 81ms, measured by eu-1`.
    public var line: String {
        guard self.milliseconds != nil else {
            return "\(self.from) to \(self.to): not known yet; try again in a minute"
        }
        let how =
            self.isMeasured
            ? "measured by \(self.node)"
            : "estimated by coordinates, lately wrong by \(Words.percent(self.error))"
        return "\(self.from) to \(self.to): \(Words.roundTrip(self.milliseconds)), \(how)"
    }
}
