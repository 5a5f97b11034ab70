public import MeshReports

/// The tables of `meshctl balance` and `meshctl why`: regions and targets with their shares and causes.
public struct BalanceTable: Sendable {
    private let upstreams: [BalanceReport]
    private let earlier: [BalanceReport]

    /// Creates tables; with an earlier answer, what came between is shown as measured shares.
    public init(_ upstreams: [BalanceReport], since earlier: [BalanceReport] = []) {
        self.upstreams = upstreams
        self.earlier = earlier
    }

    /// One block per upstream.
    public func text(_ style: TextTable.Style = .plain) -> String {
        self.upstreams.map { upstream in
            let regions = upstream.regions.isEmpty ? "" : Self.regions(upstream).text(style) + "\n"
            return "\(Cell(upstream.upstream).text)  \(upstream.algorithm)"
                + Self.bound(upstream) + (upstream.waiting.map(Self.waiting) ?? "") + "\n"
                + regions
                + self.targets(upstream, isWide: style.isWide).text(style)
        }.joined(separator: "\n")
    }

    private static func bound(_ upstream: BalanceReport) -> String {
        guard let bound = upstream.loadBound else { return "" }
        return "  at most \(Words.percent(bound)) of a fair share in flight each"
    }

    private static func waiting(_ report: WaitingReport) -> String {
        let mean = report.waitedMs.map { " for \(Words.roundTrip($0))" } ?? ""
        return "  \(report.waiting) wait, \(report.waited) have waited\(mean), \(report.shed) shed"
    }

    private static func regions(_ upstream: BalanceReport) -> TextTable {
        var table = TextTable([
            .words("REGION"), .numbers("SHARE"), .numbers("CAPACITY"), .numbers("IN FLIGHT"),
            .words("SINCE"), .prose("CAUSE"),
        ])
        for region in upstream.regions {
            let left = region.holdLeftSeconds.map { ", \(Words.age($0)) left" } ?? ""
            let isUsual = region.cause == "usual" || region.cause == "spilled"
            table.add([
                Cell(region.region.isEmpty ? "failover" : region.region),
                Cell(Words.percent(region.share)), Cell(Words.percent(region.capacity)),
                Cell("\(region.inFlight)"), Cell(Words.age(region.ageSeconds)),
                Cell(region.reason + left, isUsual ? .plain : .warning),
            ])
        }
        return table
    }

    private func targets(_ upstream: BalanceReport, isWide: Bool) -> TextTable {
        let more: [TextTable.Column] = [
            .numbers("WEIGHT"), .numbers("FACTOR"), .numbers("IN FLIGHT"), .words("SINCE"),
        ]
        var table = TextTable(
            [
                .words("TARGET"), .words("REGION"), .numbers("SHARE"), .numbers("MEASURED"),
                .numbers("LATENCY"), .words("STATE"),
            ] + (isWide ? more : []) + [.prose("CAUSE")]
        )
        let before = self.earlier.first { $0.upstream == upstream.upstream }?.targets ?? []
        let sent = upstream.targets.map { target -> UInt64 in
            let known = before.first { $0.target == target.target && $0.address == target.address }
            return known.map { target.attempts &- min($0.attempts, target.attempts) } ?? 0
        }
        let total = sent.reduce(0, &+)
        for (target, count) in zip(upstream.targets, sent) {
            let measured = total > 0 ? Words.percent(Double(count) / Double(total)) : Words.none
            let name =
                target.address == target.target
                ? target.target : "\(target.target) (\(target.address))"
            let more = [
                Cell("\(target.weight)"), Cell(Words.percent(target.factor)),
                Cell("\(target.inFlight)" + (target.limit.map { " of \($0)" } ?? "")),
                Cell(Words.age(target.ageSeconds)),
            ]
            table.add(
                [
                    Cell(name), Cell(target.region.isEmpty ? Words.none : target.region),
                    Cell(Words.percent(target.share)), Cell(measured),
                    Cell(Words.roundTrip(target.latencyMs)), Cell(target.stage, Self.tone(target)),
                ] + (isWide ? more : []) + [Cell(Self.cause(target))]
            )
        }
        return table
    }

    private static func tone(_ target: TargetShareReport) -> Cell.Tone {
        switch target.stage {
        case "up", "unknown": .good
        case "ramp", "slow", "trial": .warning
        default: .bad
        }
    }

    private static func cause(_ target: TargetShareReport) -> String {
        var text = target.reason
        if let circuit = target.circuit, circuit != "closed" {
            text += (text.isEmpty ? "" : ", ") + "circuit \(circuit)"
        }
        if let usual = target.usualLatencyMs, target.stage == "slow" {
            text += ", its like take \(Words.roundTrip(usual))"
        }
        if let passed = target.passedOver, passed > 0 {
            let what = passed == 1 ? "1 request" : "\(passed) requests"
            text += (text.isEmpty ? "" : ", ") + "\(what) passed on over its bound"
        }
        if let next = target.nextTrySeconds {
            text += next > 0 ? "; next try in \(Words.age(next))" : "; tried now"
        } else if target.circuit == "open" {
            text += "; its checks fail"
        }
        return text
    }
}

/// The text of `meshctl why`.
public struct WhyScreen: Sendable {
    private let report: WhyReport

    /// Creates a screen of one node's answer.
    public init(_ report: WhyReport) { self.report = report }

    /// How things stand, who says what, and how it came to that.
    public func text(_ style: TextTable.Style = .plain) -> String {
        var text = BalanceTable(self.report.upstreams).text(style)
        let words = self.report.upstreams.flatMap(\.targets).filter { $0.stage != "up" }
            .flatMap(Self.words)
        if !words.isEmpty { text += "\n" + words.joined() }
        text += "\n"
        if self.report.events.isEmpty {
            text += "nothing has moved traffic as far as this node remembers\n"
        }
        for event in self.report.events { text += EventLine(event).text(style) + "\n" }
        return text + "\n" + Words.stamp(self.report.view) + "\n"
    }

    /// Who says what of a target, those with bad news first.
    private static func words(_ target: TargetShareReport) -> [String] {
        target.observations.sorted { ($0.state == .ok ? 1 : 0) < ($1.state == .ok ? 1 : 0) }
            .prefix(12).map { word in
                let what = word.lastFailure ?? word.state.rawValue
                let counts =
                    word.failures + word.successes > 0
                    ? "\(word.failures) failed, \(word.successes) succeeded, " : ""
                return "\(Cell(target.target).text): \(Cell(word.observer).text) "
                    + "(\(Self.role(word))) says \(what), \(counts)\(Words.age(word.ageSeconds)) ago\n"
            }
    }

    private static func role(_ word: ObservationReport) -> String {
        if let count = word.nodesAgainst, count > 0 {
            return "for \(Words.count(Int(clamping: count), "node")) of \(Cell(word.region).text)"
        }
        return word.isProber ? "checks it" : "sends to it"
    }
}

/// The table of `meshctl region drain` and its like.
public struct RegionOrderTable: Sendable {
    private let report: RegionOrderReport

    /// Creates a table of one node's answer.
    public init(_ report: RegionOrderReport) { self.report = report }

    /// A sentence, then what it means for each upstream.
    public func text(_ style: TextTable.Style = .plain) -> String {
        let verb = self.report.isDryRun ? "would" : "shall"
        let until = self.report.until.map { " until \($0)" } ?? ""
        var text = "region \(self.report.region) \(verb) \(self.report.order.rawValue)\(until)\n"
        guard !self.report.shifts.isEmpty else { return text + "no upstream is affected\n" }
        var table = TextTable([
            .words("UPSTREAM"), .words("REGION"), .numbers("SHARE"), .numbers("THEN"),
            .numbers("IN FLIGHT"), .numbers("THEN"), .numbers("CAPACITY"), .numbers("UTILISATION"),
        ])
        for shift in self.report.shifts {
            table.add([
                Cell(shift.upstream), Cell(shift.region.isEmpty ? "failover" : shift.region),
                Cell(Words.percent(shift.before)), Cell(Words.percent(shift.after)),
                Cell("\(shift.inFlight)"), Cell("\(shift.inFlightAfter)"),
                Cell(Words.percent(shift.capacity), shift.capacity < 0.7 ? .warning : .plain),
                Cell(
                    Words.percent(shift.utilisation),
                    shift.utilisation ?? 0 > 0.8 ? .warning : .plain
                ),
            ])
        }
        if self.report.isDryRun, let refusal = self.report.refusal {
            text += "refused without --force: \(refusal)\n"
        }
        text += table.text(style) + self.unknown
        return text + "as the node asked sees it; nodes of other regions prefer their own\n"
    }

    /// Why a utilisation is not known, and what would make it known; empty when all are.
    private var unknown: String {
        let names = self.report.shifts.filter { $0.utilisation == nil }.map(\.upstream)
        guard !names.isEmpty else { return "" }
        let list = Set(names).sorted().joined(separator: ", ")
        return "how full the others would be is not known for \(list): nothing says how many "
            + "requests its targets can take; set limits.concurrency there to see it, and to have "
            + "an order refused that would overrun them\n"
    }
}
