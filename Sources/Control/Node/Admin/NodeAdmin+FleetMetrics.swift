import MeshAdmin
import MeshDataPlane
import MeshReports

extension NodeAdmin {
    /// What happened to the mesh, how an upgrade of it stands, and when its certificates end.
    func writeFleet(into text: inout MetricsText) async {
        self.writeEvents(into: &text)
        self.writeCertificates(into: &text)
        if let upgrade = await self.upgrade() { Self.write(upgrade, into: &text) }
    }

    private func writeEvents(into text: inout MetricsText) {
        let counts = self.eventLog.counts
        text.family(
            "meshgate_events_total",
            .counter,
            help: "Events of this node since its start, by name; explained by meshctl explain.",
            labels: ["event", "severity"],
            samples: EventType.allCases.map { type in
                MetricsText.Sample(
                    [type.rawValue, type.severity.rawValue],
                    Double(counts[type] ?? 0)
                )
            }
        )
    }

    private func writeCertificates(into text: inout MetricsText) {
        text.family(
            "meshgate_certificate_not_after_seconds",
            .gauge,
            help: "When a certificate ceases to be valid, in seconds since 1970.",
            labels: ["certificate", "id", "use"],
            samples: self.dataPlane.certificateEnds.map { end in
                MetricsText.Sample([end.name, end.id, end.use.rawValue], Double(end.notAfter))
            }
        )
    }

    private static func write(_ upgrade: UpgradeReport, into text: inout MetricsText) {
        text.family(
            "meshgate_upgrade_state",
            .gauge,
            help: "1 for the state of the newest upgrade of the mesh.",
            labels: ["state"],
            samples: UpgradeReport.State.allCases.map { state in
                MetricsText.Sample([state.rawValue], upgrade.state == state ? 1 : 0)
            }
        )
        text.family(
            "meshgate_upgrade_nodes",
            .gauge,
            help: "Nodes of the newest upgrade of the mesh, by how far they are.",
            labels: ["step"],
            samples: UpgradeReport.Step.allCases.map { step in
                MetricsText.Sample(
                    [step.rawValue],
                    Double(upgrade.nodes.count { $0.step == step })
                )
            }
        )
    }
}
