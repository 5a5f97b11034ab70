public import MeshReports

/// The screen of `meshctl status`.
public struct StatusScreen: Sendable {
    private let report: StatusReport

    /// Creates a screen of one node's answer.
    public init(_ report: StatusReport) { self.report = report }

    /// Facts, then regions, then the view's stamp.
    public func text(_ style: TextTable.Style = .plain) -> String {
        let facts = self.facts.map { name, value in
            let padded = name + String(repeating: " ", count: max(0, 9 - name.count))
            let line = Cell("\(padded)\(value)").text
            return (style.width.map { Cell.cutEnd(line, to: $0) } ?? line) + "\n"
        }
        let regions = RegionTable.table(self.report.regions).text(style)
        return facts.joined() + "\n" + (self.report.regions.isEmpty ? "" : regions + "\n")
            + Words.stamp(self.report.view) + "\n"
    }

    private var facts: [(String, String)] {
        let report = self.report
        let node = report.node
        let counts = report.counts
        let agreement = report.configAgreed ? "all alive nodes agree" : "alive nodes disagree"
        let entities = report.entities.filter { $0.value > 0 }.sorted { $0.key < $1.key }
            .map { Words.count($0.value, String($0.key.dropLast())) }.joined(separator: ", ")
        let rejected = report.rejected.filter { $0.value > 0 }.sorted { $0.key < $1.key }
            .map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        var facts = [
            (
                "node",
                "\(node.name) in \(node.region), up \(Words.age(report.uptimeSeconds)), "
                    + "version \(node.version)"
            ),
            (
                "traffic",
                "\(report.readiness); \(report.requests) requests, "
                    + "\(Words.count(report.connections, "connection")) open"
            ),
            ("listens", report.proxyAddresses.joined(separator: ", ")),
            (
                "members",
                "\(counts.alive) up, \(counts.suspect) suspect, \(counts.failed) down, "
                    + "\(counts.left) left, \(counts.draining) draining"
            ),
            ("config", "\(Words.config(node.config)), \(agreement)"),
            ("holds", entities.isEmpty ? "no entities" : entities),
        ]
        if !report.cluster.isEmpty {
            let mesh = report.mesh.isEmpty ? "" : ", mesh \(report.mesh)"
            facts.insert(("cluster", report.cluster + mesh), at: 0)
        }
        if !rejected.isEmpty { facts.append(("refused", "\(rejected) (gossip)")) }
        return facts
    }
}
