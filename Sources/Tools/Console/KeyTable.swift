public import MeshReports

/// The table of `meshctl keys list`.
public struct KeyTable: Sendable {
    private let report: KeysReport

    /// Creates a table of one node's answer.
    public init(_ report: KeysReport) { self.report = report }

    /// One row per key.
    public func text(_ style: TextTable.Style = .plain) -> String {
        var table = TextTable([
            .numbers("KEY"), .words("HASH"), .words("USE"), .words("HELD BY"), .words("SEALING"),
            .prose("LACKING"),
        ])
        for key in self.report.keys {
            table.add([
                Cell("\(key.epoch)"), Cell(key.mark), Cell(key.isSealing ? "seals" : "opens"),
                Cell(
                    "\(key.holders) of \(key.members)",
                    key.lacking.isEmpty ? .good : .warning
                ),
                Cell("\(key.sealing.count) of \(key.members)"),
                Cell(key.lacking.joined(separator: ", ")),
            ])
        }
        return table.text(style) + "\n"
    }
}
