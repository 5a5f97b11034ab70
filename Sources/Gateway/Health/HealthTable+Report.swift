public import MeshPrimitives

extension HealthTable {
    /// Publishes at once when a vote changed, else once per report interval.
    mutating func publishIfDue(into effects: inout [Effect], at now: MonotonicInstant) {
        let report = self.currentReport(at: now)
        let isNews = Self.votes(of: report) != self.published.map(Self.votes)
        guard isNews || now >= self.nextReport else { return }
        self.published = report
        self.nextReport = now.advanced(by: self.timing.reportInterval)
        effects.append(.publish(report))
    }

    /// What is not plainly up: what this node finds failing, and what it checks and finds answering
    /// although another node speaks against it.
    private func currentReport(at now: MonotonicInstant) -> HealthReport {
        var entries: [HealthReport.Entry] = []
        for id in self.order {
            guard let entry = self.entries[id], entry.isChecker || entry.isActive(at: now) else {
                continue
            }
            entries.append(
                HealthReport.Entry(
                    id: id,
                    vote: entry.watch.vote,
                    reason: entry.watch.reason,
                    isChecker: entry.isChecker,
                    successes: entry.watch.successes,
                    failures: entry.watch.failures
                )
            )
        }
        let contested = self.contested
        let told = entries.filter { entry in
            entry.vote != .up
                || (entry.isChecker && entry.successes > 0 && contested.contains(entry.id))
        }
        return HealthReport(
            isAbstaining: self.isAbstaining(entries),
            entries: Array(told.prefix(HealthReport.maximumEntries))
        )
    }

    /// Targets against which another node speaks.
    private var contested: Set<TargetID> {
        var targets: Set<TargetID> = []
        for report in self.remote.values where !report.isAbstaining {
            for (id, entry) in report.votes where entry.vote != .up { targets.insert(id) }
        }
        return targets
    }

    /// Whether this node should distrust its own network: it sees at least half of its targets (and
    /// at least four) failing, while for half of those another node sees an answer.
    private func isAbstaining(_ own: [HealthReport.Entry]) -> Bool {
        let failing = own.filter { $0.vote != .up }
        guard failing.count >= 4, failing.count * 2 >= own.count else { return false }
        let contradicted = failing.filter { entry in
            self.remote.values.contains { report in
                guard let vote = report.votes[entry.id] else { return false }
                return vote.vote == .up && vote.successes > 0
            }
        }
        return contradicted.count * 2 >= failing.count
    }

    private static func votes(of report: HealthReport) -> [TargetID: HealthVote] {
        Dictionary(
            report.entries.map { ($0.id, $0.vote) },
            uniquingKeysWith: { first, _ in first }
        )
    }
}

/// What the merged evidence means for a target.
public enum TargetVerdict: String, Sendable {
    /// In use at full or growing weight.
    case healthy
    /// In use at a lowered weight: one peer speaks against it.
    case lowered
    /// In use for a trickle of requests that decide whether it is back.
    case trial
    /// Out of use.
    case excluded
}

/// A verdict that changed.
public struct HealthEvent: Equatable, Sendable {
    /// The target.
    public let target: HealthTarget
    /// The new verdict at this node.
    public let verdict: TargetVerdict
    /// The own evidence behind it.
    public let reason: HealthReason
    /// How many peers speak against the target.
    public let observers: Int
}

/// One target as this node sees it, with who says what.
public struct TargetView: Equatable, Sendable {
    /// One observer's last word.
    public struct Observer: Equatable, Sendable {
        /// The node that observed.
        public let node: NodeID
        /// What it reported.
        public let entry: HealthReport.Entry
        /// How old the report is; zero for the own one.
        public let age: Duration
    }

    /// The target.
    public let target: HealthTarget
    /// What the evidence means here.
    public let verdict: TargetVerdict
    /// The share of its weight, 0 to 1.
    public let factor: Float
    /// Who says what, the own node first, the others by identity.
    public let observers: [Observer]
}

extension HealthTable {
    /// Every target with its verdict and the evidence behind it, in configuration order.
    public func views(at now: MonotonicInstant) -> [TargetView] {
        self.order.compactMap { id in
            guard let entry = self.entries[id] else { return nil }
            let own = TargetView.Observer(
                node: self.node.id,
                entry: HealthReport.Entry(
                    id: id,
                    vote: entry.watch.vote,
                    reason: entry.watch.reason,
                    isChecker: entry.isChecker,
                    successes: entry.watch.successes,
                    failures: entry.watch.failures
                ),
                age: .zero
            )
            let others = self.remote.sorted { $0.key < $1.key }
                .compactMap { node, report -> TargetView.Observer? in
                    guard let vote = report.votes[id] else { return nil }
                    let age = report.receivedAt.duration(to: now)
                    return TargetView.Observer(node: node, entry: vote, age: age)
                }
            return TargetView(
                target: entry.target,
                verdict: self.verdict(of: entry),
                factor: entry.factor,
                observers: (entry.isChecker || entry.watch.lastActivity != nil ? [own] : [])
                    + others
            )
        }
    }

    private func verdict(of entry: Entry) -> TargetVerdict {
        if entry.factor == 0 { return .excluded }
        if case .trial = entry.watch.state { return .trial }
        return self.accusers(of: entry.target.id).isEmpty ? .healthy : .lowered
    }
}

extension HealthTable.Entry {
    /// Whether this node has evidence that is younger than 30 s.
    fileprivate func isActive(at now: MonotonicInstant) -> Bool {
        guard let last = self.watch.lastActivity else { return false }
        return self.watch.vote != .up || now < last.advanced(by: .seconds(30))
    }
}
