public import MeshReports

/// An upgrade as people read it.
public enum UpgradeScreen {
    /// Waves and obstacles before it begins.
    public static func plan(_ upgrade: UpgradeReport, obstacles: [String]) -> String {
        var lines: [String] = []
        for (wave, nodes) in Self.waves(upgrade) {
            let names = nodes.map { "\($0.name) (\($0.versionBefore))" }
            lines.append("wave \(wave)   \(names.joined(separator: "  "))")
        }
        let target = upgrade.target.isEmpty ? "restart" : "to \(upgrade.target)"
        lines.append(
            "\(upgrade.nodes.count) nodes, \(target), "
                + (upgrade.drains ? "each drained" : "without drain")
                + ", gates hold \(upgrade.settleSeconds) s"
        )
        lines += obstacles.map { "first: \($0)" }
        return lines.map { $0 + "\n" }.joined()
    }

    /// How far it is.
    public static func status(_ upgrade: UpgradeReport) -> String {
        var lines: [String] = []
        for (wave, nodes) in Self.waves(upgrade) {
            let names = nodes.map { "\($0.name) \($0.step.rawValue)" }
            lines.append("wave \(wave)   \(names.joined(separator: "  "))")
        }
        let done = upgrade.nodes.count { $0.step == .done }
        let reason = upgrade.reason.isEmpty ? "" : ": \(upgrade.reason)"
        let driver = upgrade.driver.isEmpty ? "" : ", by \(upgrade.driver)"
        lines.append(
            "\(upgrade.state.rawValue)\(reason)  \(done) of \(upgrade.nodes.count) nodes\(driver)"
        )
        return lines.map { $0 + "\n" }.joined()
    }

    private static func waves(
        _ upgrade: UpgradeReport
    ) -> [(wave: Int, nodes: [UpgradeReport.Node])] {
        Dictionary(grouping: upgrade.nodes, by: \.wave).sorted { $0.key < $1.key }
            .map { ($0.key, $0.value) }
    }
}
