public import MeshReports

/// In which order a fleet is upgraded: waves of at most one node per region, the busiest node of a
/// region last; and why it must not be begun.
public struct UpgradePlan: Equatable, Sendable {
    /// The turns, wave by wave.
    public let nodes: [UpgradeReport.Node]
    /// What has to be mended first; empty when the fleet is whole.
    public let obstacles: [String]

    /// Plans an upgrade of all members, or of those named.
    ///
    /// - Parameters:
    ///   - members: as the asked node believes them; those that have left are not there.
    ///   - names: whom to upgrade; empty means everybody.
    public init(members: [MemberReport], names: Set<String> = []) {
        let present = members.filter { $0.state != .left }
        let chosen = present.filter { names.isEmpty || names.contains($0.name) }
        var nodes: [UpgradeReport.Node] = []
        for inside in Dictionary(grouping: chosen, by: \.region).values {
            let ordered = inside.sorted { left, right in
                (left.load ?? 0, left.name) < (right.load ?? 0, right.name)
            }
            for (index, member) in ordered.enumerated() {
                nodes.append(
                    UpgradeReport.Node(
                        name: member.name,
                        wave: index + 1,
                        versionBefore: member.version
                    )
                )
            }
        }
        self.nodes = nodes.sorted { ($0.wave, $0.name) < ($1.wave, $1.name) }
        self.obstacles = Self.obstacles(present, names: names)
    }

    private static func obstacles(_ members: [MemberReport], names: Set<String>) -> [String] {
        let strangers = names.subtracting(members.map(\.name)).sorted()
        var obstacles = strangers.map { "no member is called \($0)" }
        for member in members where !member.isWell {
            let what = member.state == .alive ? member.mode.rawValue : member.state.rawValue
            obstacles.append("\(member.name) is \(what)")
        }
        let alive = members.filter { $0.state == .alive }
        if Set(alive.map(\.config.hash)).count > 1 {
            obstacles.append("the nodes run several configurations")
        }
        for (region, inside) in Dictionary(grouping: alive, by: \.region).sorted(by: {
            $0.key < $1.key
        })
        where inside.count == 1 && alive.count > 1 {
            obstacles.append("region \(region) has one node, and would be without")
        }
        return obstacles
    }
}

/// What was measured of a fleet at one moment, to be compared with a later one.
public struct UpgradeSample: Equatable, Sendable {
    /// Answers of one node since its start.
    public struct Traffic: Equatable, Sendable {
        /// When the node's process began, in seconds since 1970; `nil` when the node does not tell.
        public var start: Double?
        /// All answers.
        public var answers: Double
        /// Those of 500 and above.
        public var errors: Double
        /// Requests by the upper end of their latency class in milliseconds, cumulative.
        public var latencies: [Double: Double]

        /// Creates counts of nothing.
        public init() {
            self.answers = 0
            self.errors = 0
            self.latencies = [:]
        }

        /// Reads a node's metrics, in Prometheus' text form.
        public init(metrics: String) {
            self.init()
            for line in metrics.split(separator: "\n") {
                guard let space = line.lastIndex(of: " "),
                    let value = Double(line[line.index(after: space)...])
                else { continue }
                if line.hasPrefix(Self.startMetric) {
                    self.start = value
                } else if line.hasPrefix("kong_http_requests_total{") {
                    self.answers += value
                    if Self.label("code", of: line)?.hasPrefix("5") == true { self.errors += value }
                } else if line.hasPrefix("meshgate_service_latency_ms_bucket{"),
                    let end = Self.label("le", of: line)
                {
                    self.latencies[Double(end) ?? .infinity, default: 0] += value
                }
            }
        }

        /// Reads a node's metrics by service; requests of no service under "".
        static func byService(metrics: String) -> [String: Traffic] {
            var lines: [Substring: [Substring]] = [:]
            var start: Double?
            for line in metrics.split(separator: "\n") {
                if line.hasPrefix(Self.startMetric) { start = Traffic(metrics: String(line)).start }
                guard line.contains("service=\"") else { continue }
                lines[Self.label("service", of: line) ?? "", default: []].append(line)
            }
            return lines.reduce(into: [:]) { result, entry in
                var traffic = Traffic(metrics: entry.value.joined(separator: "\n"))
                traffic.start = start
                result[String(entry.key)] = traffic
            }
        }

        private static let startMetric = "process_start_time_seconds "

        private static func label(_ name: String, of line: Substring) -> Substring? {
            guard let start = line.firstRange(of: "\(name)=\"")?.upperBound,
                let end = line[start...].firstIndex(of: "\"")
            else { return nil }
            return line[start..<end]
        }

        /// What came after an earlier sample; all of it when the node has restarted since.
        public func since(_ earlier: Traffic?) -> Traffic {
            // Nodes of older releases do not tell when they began: fewer answers are a restart, too.
            guard let earlier, earlier.start == self.start, earlier.answers <= self.answers else {
                return self
            }
            var difference = self
            difference.answers -= earlier.answers
            difference.errors -= min(earlier.errors, self.errors)
            for (end, count) in earlier.latencies {
                difference.latencies[end] = max(0, (difference.latencies[end] ?? 0) - count)
            }
            return difference
        }

        /// The upper end of the class of the 99th percentile; `nil` below 100 requests.
        public var percentile99: Double? { self.percentile(0.99, ofAtLeast: 100) }

        /// The upper end of the class of a percentile; `nil` below so many requests.
        func percentile(_ part: Double, ofAtLeast samples: Double) -> Double? {
            let total = self.latencies[.infinity] ?? self.latencies.values.max() ?? 0
            guard total >= samples else { return nil }
            return self.latencies.filter { $0.value >= total * part }.keys.min()
        }
    }

    /// Every member as every node that answered believes it, by observer.
    public var views: [String: [MemberReport]]
    /// What every node that answered has counted, by node.
    public var traffic: [String: Traffic]
    /// Nodes that are alive and did not answer.
    public var silent: Set<String>
    /// Targets that one node alone takes for failed, as `target (node)`.
    public var loneVerdicts: Set<String>

    /// Creates a sample.
    public init(
        views: [String: [MemberReport]],
        traffic: [String: Traffic],
        silent: Set<String> = [],
        loneVerdicts: Set<String>
    ) {
        self.views = views
        self.traffic = traffic
        self.silent = silent
        self.loneVerdicts = loneVerdicts
    }

    /// Targets that one node alone takes for failed while at least two others have evidence.
    public static func loneVerdicts(of report: HealthReport) -> Set<String> {
        var lone: Set<String> = []
        for target in report.upstreams.flatMap(\.targets) {
            let failed = target.observations.filter { $0.state == .failed }
            let fine = target.observations.count { $0.state == .ok }
            guard failed.count == 1, fine >= 2, let only = failed.first else { continue }
            lone.insert("\(target.target) (\(only.observer))")
        }
        return lone
    }
}

/// Judges a fleet during an upgrade.
public struct UpgradeGates: Sendable {
    private let upgrade: UpgradeReport
    private let before: UpgradeSample

    /// Creates the gates of an upgrade whose fleet was `before`.
    public init(_ upgrade: UpgradeReport, before: UpgradeSample) {
        self.upgrade = upgrade
        self.before = before
    }

    /// Judges a later sample.
    ///
    /// - Parameters:
    ///   - now: a later sample.
    ///   - busy: the node whose turn it is and that may be away; empty: none.
    /// - Returns: what is wrong; empty when all gates hold.
    public func failures(_ now: UpgradeSample, busy: String = "") -> [String] {
        guard !now.views.isEmpty else { return ["no node answers"] }
        return self.membershipFailures(now, busy) + self.trafficFailures(now)
            + now.loneVerdicts.subtracting(self.before.loneVerdicts).sorted().map {
                "\($0) is taken for failed by one node alone"
            }
    }

    private func membershipFailures(_ now: UpgradeSample, _ busy: String) -> [String] {
        var failures = Set(now.silent.subtracting([busy]).map { "\($0) does not answer" })
        for (observer, members) in now.views where observer != busy {
            for member in members where member.name != busy && member.state != .left {
                guard member.state != .alive else { continue }
                failures.insert("\(member.name) is \(member.state.rawValue) as \(observer) sees it")
            }
            let present = Set(members.map(\.name))
            for node in self.upgrade.nodes where node.name != busy && !present.contains(node.name) {
                failures.insert("\(observer) does not know \(node.name)")
            }
            let hashes = members.filter { $0.state == .alive && $0.name != busy }.map(\.config.hash)
            if Set(hashes).count > 1 { failures.insert("the nodes run several configurations") }
        }
        return failures.sorted()
    }

    private func trafficFailures(_ now: UpgradeSample) -> [String] {
        var failures: [String] = []
        var (fleetBefore, fleetNow) = (UpgradeSample.Traffic(), UpgradeSample.Traffic())
        for (node, traffic) in now.traffic.sorted(by: { $0.key < $1.key }) {
            let since = traffic.since(self.before.traffic[node])
            let share = since.answers > 0 ? since.errors / since.answers * 100 : 0
            if since.answers >= 20, share > self.upgrade.errorLimit {
                failures.append("\(node) answers \(Self.percent(share)) with 5xx")
            }
            fleetNow.add(since)
        }
        for traffic in self.before.traffic.values { fleetBefore.add(traffic) }
        if let old = fleetBefore.percentile99, let new = fleetNow.percentile99, old > 0,
            new > max(old * (1 + self.upgrade.latencyLimit / 100), self.upgrade.latencyFloor)
        {
            failures.append("p99 is \(new) ms, was \(old) ms")
        }
        return failures
    }

    private static func percent(_ share: Double) -> String {
        "\((share * 100).rounded() / 100) %"
    }
}

extension UpgradeSample.Traffic {
    mutating func add(_ other: UpgradeSample.Traffic) {
        self.answers += other.answers
        self.errors += other.errors
        for (end, count) in other.latencies { self.latencies[end, default: 0] += count }
    }
}
