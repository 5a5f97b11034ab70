public import MeshReports

/// The table of `meshctl region list`.
public struct RegionTable: Sendable {
    private let report: RegionsReport

    /// Creates a table of one node's answer.
    public init(_ report: RegionsReport) { self.report = report }

    /// Rows and the view's stamp.
    public func text(_ style: TextTable.Style = .plain) -> String {
        Self.table(self.report.regions).text(style) + "\n" + Words.stamp(self.report.view) + "\n"
    }

    static func table(_ regions: [RegionReport]) -> TextTable {
        var table = TextTable([
            .words("REGION"), .words("STATE"), .numbers("NODES"), .numbers("UP"),
            .numbers("USABLE"), .numbers("TARGETS"), .numbers("HEALTHY"), .numbers("IN FLIGHT"),
            .prose("NOTE"),
        ])
        for region in regions {
            let tone: Cell.Tone =
                switch region.state {
                case .up: .good
                case .degraded: .warning
                case .down, .unreachable: .bad
                }
            table.add([
                Cell(region.name), Cell(region.state.rawValue, tone), Cell("\(region.members)"),
                Cell("\(region.alive)"), Cell("\(region.usable)"), Cell("\(region.targets)"),
                Cell("\(region.healthyTargets)"), Cell("\(region.inFlight)"), Cell(region.note),
            ])
        }
        return table
    }
}
