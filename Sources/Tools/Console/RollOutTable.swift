public import MeshReports

/// The table of `meshctl config roll-out`.
public struct RollOutTable: Sendable {
    private let report: RollOutReport

    /// Creates a table of one node's answer.
    public init(_ report: RollOutReport) { self.report = report }

    /// A row per wave, and a line about the whole.
    public func text(_ style: TextTable.Style = .plain) -> String {
        var table = TextTable([
            .words("WAVE"), .words("STATE"), .words("ACTIVE"), .words("NODES"),
        ])
        for (index, wave) in self.report.waves.enumerated() {
            table.add([
                Cell("\(index + 1)"), Cell(self.state(ofWaveAt: index)),
                Cell("\(wave.active.count) of \(wave.nodes.count)"),
                Cell(wave.nodes.joined(separator: ",")),
            ])
        }
        return table.text(style) + "\n" + self.summary + "\n"
    }

    private func state(ofWaveAt index: Int) -> String {
        switch self.report.phase {
        case .aborted: "taken back"
        case .finished: "released"
        case .running, .paused: index < self.report.wave ? "released" : "held"
        }
    }

    private var summary: String {
        let guarding = self.report.guarding.isEmpty ? "no guard" : self.report.guarding
        let hold = self.report.holdSeconds
        let parts = [
            "roll-out \(self.report.id) \(self.report.phase.rawValue)",
            self.report.reason,
            self.report.waitsFor.isEmpty ? "" : "waits for \(self.report.waitsFor)",
            guarding,
            "\(hold == hold.rounded() ? "\(Int(hold))" : "\(hold)") s per wave",
        ]
        return parts.filter { !$0.isEmpty }.joined(separator: " · ")
    }
}
