public import MeshReports

/// The table of `meshctl config status`.
public struct ConfigurationTable: Sendable {
    private let report: ConfigurationStatusReport

    /// Creates a table of one node's answer.
    public init(_ report: ConfigurationStatusReport) { self.report = report }

    /// Rows, whether all agree, and the view's stamp.
    public func text(_ style: TextTable.Style = .plain) -> String {
        let isWide = style.isWide
        var table = TextTable([
            .words("NODE"), .words("REGION"), .words("MEMBER"), .words("STATE"), .words("CONFIG"),
            .words("AGE"), .numbers("LAG"), .prose("REASON"),
        ])
        for node in self.report.nodes {
            let config =
                isWide ? "\(node.config.version) \(node.config.hash)" : Words.config(node.config)
            table.add([
                Cell(node.name), Cell(node.region), Cell(node.member.rawValue),
                Cell(node.state.rawValue, Self.tone(node.state)), Cell(config),
                Cell(Words.age(node.ageSeconds)), Self.lag(node), Cell(node.reason),
            ])
        }
        return table.text(style) + "\n" + self.summary + "\n"
    }

    private static func tone(_ state: NodeConfigurationReport.State) -> Cell.Tone {
        switch state {
        case .running: .good
        case .pending, .unknown: .warning
        case .rejected: .bad
        }
    }

    /// Changesets between what the node runs and what the asked one holds.
    private static func lag(_ node: NodeConfigurationReport) -> Cell {
        guard let lag = node.lag else { return Cell(Words.none) }
        return Cell("\(lag)", lag == 0 ? .plain : .warning)
    }

    private var summary: String {
        let alive = self.report.nodes.filter { $0.member == .alive }
        let running = alive.count {
            $0.state == .running && $0.config.hash == self.report.config.hash
        }
        return "config \(Words.config(self.report.config)) on \(running) of "
            + "\(Words.count(alive.count, "alive node")) · \(Words.stamp(self.report.view))"
    }
}
