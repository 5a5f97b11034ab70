/// How much every service, node or region has answered in a short time, and how well.
public struct TopReport: Codable, Equatable, Sendable {
    /// What a row stands for.
    public enum Kind: String, Codable, CaseIterable, Sendable {
        /// A service over all nodes.
        case services
        /// A node with all its services.
        case nodes
        /// A region with all its nodes.
        case regions
    }

    /// One service, node or region.
    public struct Row: Codable, Equatable, Sendable {
        /// Its name; empty for requests that belong to no service.
        public var name: String
        /// Requests answered per second.
        public var perSecond: Double
        /// The part of them that ended with 500 or above, 0 to 1.
        public var errorShare: Double
        /// The upper end of the class of the median in milliseconds; `nil` without requests.
        public var p50Ms: Double?
        /// The same of the 99th percentile.
        public var p99Ms: Double?
    }

    /// What the rows stand for.
    public var kind: Kind
    /// The busiest first.
    public var rows: [Row]
    /// The nodes that answered.
    public var nodes: [String]
    /// Over how many seconds.
    public var seconds: Double

    /// Compares the metrics of nodes at two moments.
    ///
    /// - Parameters:
    ///   - kind: what the rows shall stand for.
    ///   - before: the metrics by node, in Prometheus' text form.
    ///   - now: the same later; nodes that were not there before are left out.
    ///   - regions: the nodes' regions.
    ///   - seconds: the time between the two.
    public init(
        _ kind: Kind,
        before: [String: String],
        now: [String: String],
        regions: [String: String],
        seconds: Double
    ) {
        var sums: [String: UpgradeSample.Traffic] = [:]
        for (node, text) in now {
            guard let old = before[node].map(UpgradeSample.Traffic.byService(metrics:)) else {
                continue
            }
            for (service, traffic) in UpgradeSample.Traffic.byService(metrics: text) {
                let name =
                    switch kind {
                    case .services: service
                    case .nodes: node
                    case .regions: regions[node] ?? ""
                    }
                let since = traffic.since(old[service])
                sums[name, default: UpgradeSample.Traffic()].add(since)
            }
            if kind == .nodes, sums[node] == nil { sums[node] = UpgradeSample.Traffic() }
        }
        self.kind = kind
        self.nodes = now.keys.filter { before[$0] != nil }.sorted()
        self.seconds = seconds
        self.rows = sums.map { name, traffic in
            Row(
                name: name,
                perSecond: traffic.answers / max(seconds, 0.001),
                errorShare: traffic.answers > 0 ? traffic.errors / traffic.answers : 0,
                p50Ms: Self.finite(traffic.percentile(0.5, ofAtLeast: 1)),
                p99Ms: Self.finite(traffic.percentile(0.99, ofAtLeast: 1))
            )
        }.sorted { ($1.perSecond, $0.name) < ($0.perSecond, $1.name) }
    }

    /// JSON has no infinity: what is slower than the last class is told as an hour.
    private static func finite(_ milliseconds: Double?) -> Double? {
        milliseconds.map { $0.isFinite ? $0 : 3_600_000 }
    }

    /// The table of `meshctl top`.
    public func text(_ style: TextTable.Style = .plain) -> String {
        var table = TextTable([
            .words(self.kind.rawValue.dropLast().uppercased()), .numbers("REQ/S"),
            .numbers("5XX %"),
            .numbers("P50"), .numbers("P99"),
        ])
        for row in self.rows {
            let tone: Cell.Tone =
                row.errorShare >= 0.05 ? .bad : row.errorShare >= 0.01 ? .warning : .plain
            table.add([
                Cell(row.name.isEmpty ? "(none)" : row.name), Cell(Words.tenths(row.perSecond)),
                Cell(Words.tenths(row.errorShare * 100), tone), Cell(Self.upTo(row.p50Ms)),
                Cell(Self.upTo(row.p99Ms)),
            ])
        }
        return table.text(style)
            + "\nover \(Words.tenths(self.seconds)) s at \(self.nodes.joined(separator: ", "))\n"
    }

    private static func upTo(_ milliseconds: Double?) -> String {
        guard let milliseconds else { return Words.none }
        return milliseconds >= 3_600_000 ? "more" : Words.roundTrip(milliseconds)
    }
}
