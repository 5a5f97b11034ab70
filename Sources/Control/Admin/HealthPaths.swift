import Foundation
import MeshEntities
import MeshReports

/// Kong's `/upstreams/{upstream}/health`: the asked node's verdicts in Kong's words.
struct HealthPaths: Sendable {
    let node: any AdminNode

    var all: [AdminPath] { self.reads + self.marks }

    /// What the status listener offers too.
    var reads: [AdminPath] {
        [.reading("upstreams/:upstreams/health") { await self.health($0) }]
    }

    private var marks: [AdminPath] {
        let target = "upstreams/:upstreams/targets/:targets"
        return ["", "/:address"].flatMap { address in
            [("healthy", true), ("unhealthy", false)].map { word, isHealthy in
                AdminPath.putting("\(target)\(address)/\(word)", "Call a target \(word)") {
                    await self.mark($0, isHealthy: isHealthy)
                }
            }
        }
    }

    private func mark(_ exchange: AdminExchange, isHealthy: Bool) async -> AdminAnswer {
        let catalogue = await self.node.held().catalogue
        guard let upstream = catalogue.id(of: .upstreams, named: exchange.parameters[0]),
            let id = catalogue.id(of: .targets, named: exchange.parameters[1], below: upstream),
            let target = catalogue.row(.targets, id),
            target.document.reference("upstream") == upstream
        else { return .notFound }
        let mark = TargetMark(
            upstream: upstream,
            target: target.document["target"]?.text ?? "",
            address: exchange.parameters.count > 2 ? exchange.parameters[2] : nil,
            isHealthy: isHealthy
        )
        do throws(AdminError) {
            try await self.node.mark(mark)
            return .empty(204)
        } catch {
            if case .refused(let reason) = error { return .message(reason, status: 400) }
            return .message("An unexpected error occurred", status: 500)
        }
    }

    private func health(_ exchange: AdminExchange) async -> AdminAnswer {
        let catalogue = await self.node.held().catalogue
        guard let upstream = catalogue.id(of: .upstreams, named: exchange.parameters[0]) else {
            return .notFound
        }
        let rows = EntityKind.upstreams.referrers.flatMap { key in
            catalogue.ids(referringBy: key, to: upstream).compactMap {
                catalogue.row(key.child, $0)
            }
        }
        let report = await self.node.health(of: "\(upstream)")
        let seen = report.upstreams.first { $0.id == "\(upstream)" }?.targets ?? []
        let targets = rows.map { row in
            TargetView(
                row: row,
                addresses: seen.filter { $0.target == row.document["target"]?.text }
            )
        }
        let checks = catalogue.row(.upstreams, upstream)?.document["healthchecks"]
        let threshold: Double =
            switch checks?["threshold"] {
            case .integer(let whole): Double(whole)
            case .number(let number): number
            default: 0
            }
        let data =
            exchange.flag("balancer_health")
            ? Self.balancer("\(upstream)", targets, threshold: threshold)
            : .list(targets.map(\.document))
        return .document(
            .record([
                "data": data, "next": .null, "node_id": .string(self.node.identity.id),
            ])
        )
    }

    /// Whether an upstream takes requests with so much of its weight in use: more than its threshold, a
    /// percentage.
    static func isUsable(_ available: Int64, of total: Int64, threshold: Double) -> Bool {
        available > 0 && Double(available) * 100 > threshold * Double(total)
    }

    private static func balancer(
        _ id: String,
        _ targets: [TargetView],
        threshold: Double
    ) -> DocumentValue {
        let states = targets.map(\.health)
        let anyHealthy = states.contains("HEALTHY")
        let checked = states.contains { $0 == "HEALTHY" || $0 == "UNHEALTHY" }
        let total = targets.reduce(0) { $0 + $1.total }
        let available = targets.reduce(0) { $0 + $1.available }
        let anyUsable = Self.isUsable(available, of: total, threshold: threshold)
        let weights = TargetView.weights(total: total, available: available)
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

    /// The weight of all addresses that no operator has taken out: these are no capacity.
    var total: Int64 {
        let counted = self.addresses.count { report in
            report.address != nil && report.verdict != .draining && report.verdict != .disabled
        }
        return self.weight * Int64(counted)
    }

    var available: Int64 {
        let usable = self.addresses.count { report in
            report.address != nil && Self.word(for: report.verdict) != "UNHEALTHY"
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
        let host = target[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        return .record([
            "host": .string(host),
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
        case .excluded, .draining, .disabled: "UNHEALTHY"
        case .unchecked: "HEALTHCHECKS_OFF"
        case .unresolved: "DNS_ERROR"
        }
    }
}
