import Foundation
import MeshEntities
import MeshReports

/// Kong's `/upstreams/{upstream}/health`: the asked node's verdicts in Kong's words.
struct HealthPaths: Sendable {
    let node: any AdminNode

    var all: [AdminPath] {
        [.reading("upstreams/:/health") { await self.health($0) }]
    }

    private func health(_ exchange: AdminExchange) async -> AdminAnswer {
        let table = EntityTable(await self.node.entities())
        guard let upstream = table.row(of: .upstreams, named: exchange.parameters[0]) else {
            return .notFound
        }
        let rows = table.rows(
            of: .targets,
            belongingTo: EntityTable.Parent(field: "upstream", id: upstream.id)
        )
        let report = await self.node.health(of: upstream.id)
        let seen = report.upstreams.first { $0.id == upstream.id }?.targets ?? []
        let targets = rows.map { row in
            TargetView(
                row: row,
                addresses: seen.filter { $0.target == row.document["target"]?.text }
            )
        }
        let data =
            exchange.flag("balancer_health")
            ? Self.balancer(upstream.id, targets) : .list(targets.map(\.document))
        return .document(
            .record([
                "data": data, "next": .null, "node_id": .string(self.node.identity.id),
            ])
        )
    }

    private static func balancer(_ id: String, _ targets: [TargetView]) -> DocumentValue {
        let states = targets.map(\.health)
        let anyHealthy = states.contains("HEALTHY")
        let anyUsable = targets.contains { $0.available > 0 }
        let checked = states.contains { $0 == "HEALTHY" || $0 == "UNHEALTHY" }
        let weights = TargetView.weights(
            total: targets.reduce(0) { $0 + $1.total },
            available: targets.reduce(0) { $0 + $1.available }
        )
        return .record([
            "id": .string(id),
            "health": .string(
                checked ? (anyHealthy ? "HEALTHY" : "UNHEALTHY") : "HEALTHCHECKS_OFF"
            ),
            "balancer_health": .string(anyUsable ? "HEALTHY" : "UNHEALTHY"),
            "details": .record([
                "healthy": .bool(anyUsable), "weight": weights,
                "hosts": .list(targets.map(\.hostDetails)),
            ]),
        ])
    }
}

/// One target's row joined with what the node makes of its addresses.
struct TargetView {
    let row: EntityRow
    let addresses: [TargetHealthReport]

    private var weight: Int64 {
        guard case .integer(let weight) = self.row.document["weight"] else { return 100 }
        return weight
    }

    /// Kong's word for the target: healthy when one address is.
    var health: String {
        if self.weight == 0 { return "HEALTHCHECKS_OFF" }
        let words = self.addresses.map { Self.word(for: $0.verdict) }
        return ["HEALTHY", "HEALTHCHECKS_OFF", "UNHEALTHY"].first(where: words.contains)
            ?? "DNS_ERROR"
    }

    var total: Int64 {
        self.weight * Int64(self.addresses.count { $0.address != nil })
    }

    var available: Int64 {
        let usable = self.addresses.count { report in
            report.address != nil && report.verdict != .excluded
        }
        return self.weight * Int64(usable)
    }

    var document: DocumentValue {
        var fields = self.row.document.fields ?? []
        fields.append(DocumentField("health", .string(self.health)))
        fields.append(DocumentField("data", self.hostDetails))
        return .object(fields)
    }

    var hostDetails: DocumentValue {
        let target = self.row.document["target"]?.text ?? ""
        let colon = target.lastIndex(of: ":") ?? target.endIndex
        let port = Int64(target[colon...].dropFirst()) ?? 0
        return .record([
            "host": .string(String(target[..<colon])),
            "port": .integer(port),
            "dns": .string("A"),
            "nodeWeight": .integer(self.weight),
            "weight": Self.weights(total: self.total, available: self.available),
            "addresses": .list(self.addresses.compactMap(self.address)),
        ])
    }

    private func address(_ report: TargetHealthReport) -> DocumentValue? {
        guard let address = report.address, let colon = address.lastIndex(of: ":") else {
            return nil
        }
        let host = address[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        return .record([
            "ip": .string(host),
            "port": .integer(Int64(address[colon...].dropFirst()) ?? 0),
            "weight": .integer(self.weight),
            "health": .string(Self.word(for: report.verdict)),
        ])
    }

    static func weights(total: Int64, available: Int64) -> DocumentValue {
        .record([
            "total": .integer(total), "available": .integer(available),
            "unavailable": .integer(total - available),
        ])
    }

    private static func word(for verdict: TargetHealthReport.Verdict) -> String {
        switch verdict {
        case .healthy, .lowered: "HEALTHY"
        case .excluded: "UNHEALTHY"
        case .unchecked: "HEALTHCHECKS_OFF"
        case .unresolved: "DNS_ERROR"
        }
    }
}
