public import MeshReports

/// The matrix of `meshctl health`: targets × observers, with the asked node's verdict.
public struct TargetTable: Sendable {
    /// Observers shown unless the table is wide; those with bad news come first.
    private static let maximumObservers = 6

    private let report: HealthReport

    /// Creates a matrix of one node's answer.
    public init(_ report: HealthReport) { self.report = report }

    /// One matrix per upstream, then the view's stamp.
    public func text(_ style: TextTable.Style = .plain) -> String {
        let matrices = self.report.upstreams.map { upstream in
            Self.heading(upstream) + "\n" + Self.matrix(upstream, style)
        }
        let body =
            matrices.isEmpty ? "no upstreams are configured\n" : matrices.joined(separator: "\n")
        return body + "\n" + Words.stamp(self.report.view) + "\n"
    }

    private static func heading(_ upstream: UpstreamHealthReport) -> String {
        let region =
            upstream.activeRegion.isEmpty ? "" : ", traffic goes to \(upstream.activeRegion)"
        return "\(Cell(upstream.name).text)  \(upstream.algorithm)\(region)"
    }

    private static func matrix(
        _ upstream: UpstreamHealthReport,
        _ style: TextTable.Style
    ) -> String {
        let (observers, hidden) = Self.observers(of: upstream, isWide: style.isWide)
        var table = TextTable(
            [.words("TARGET"), .words("REGION"), .numbers("WEIGHT")]
                + observers.map { .words($0) } + [.prose("VERDICT")]
        )
        for target in upstream.targets {
            let cells = observers.map { name in
                target.observations.first { $0.observer == name }.map(Self.cell) ?? Cell(Words.none)
            }
            table.add(
                [
                    Cell(Self.name(target)),
                    Cell(target.region.isEmpty ? Words.none : target.region),
                    Cell("\(target.weight)"),
                ] + cells + [Self.verdict(target)]
            )
        }
        let rest = hidden > 0 ? "\(Words.count(hidden, "observer")) not shown; see -o wide\n" : ""
        return table.text(style) + rest
    }

    private static func observers(
        of upstream: UpstreamHealthReport,
        isWide: Bool
    ) -> (shown: [String], hidden: Int) {
        var names: [String] = []
        var troubled: Set<String> = []
        for observation in upstream.targets.flatMap(\.observations) {
            if !names.contains(observation.observer) { names.append(observation.observer) }
            if observation.state != .ok { troubled.insert(observation.observer) }
        }
        guard !isWide, names.count > Self.maximumObservers else { return (names, 0) }
        let first = names.filter(troubled.contains) + names.filter { !troubled.contains($0) }
        let chosen = Set(first.prefix(Self.maximumObservers))
        return (names.filter(chosen.contains), names.count - chosen.count)
    }

    private static func name(_ target: TargetHealthReport) -> String {
        guard let address = target.address, address != target.target else { return target.target }
        return "\(target.target) (\(address))"
    }

    private static func cell(_ observation: ObservationReport) -> Cell {
        let failures = observation.failures > 0 ? "\(observation.failures)" : ""
        switch observation.state {
        case .ok: return Cell("ok", .good)
        case .failing: return Cell("fail\(failures)", .warning)
        case .failed: return Cell("FAIL\(failures)", .bad)
        case .unknown: return Cell(Words.none)
        }
    }

    private static func verdict(_ target: TargetHealthReport) -> Cell {
        let tone: Cell.Tone =
            switch target.verdict {
            case .healthy, .unchecked: .good
            case .lowered: .warning
            case .draining, .disabled: .warning
            case .excluded, .unresolved: .bad
            }
        var text = target.verdict.rawValue
        if let circuit = target.circuit, circuit != "closed" { text += ", circuit \(circuit)" }
        if target.verdict == .lowered { text += " to \(Words.percent(target.factor))" }
        let against = target.observations.filter { $0.state == .failed || $0.state == .failing }
        if !target.reason.isEmpty {
            text += ": \(target.reason)"
        } else if let objection = target.observations.objection {
            text += ", \(objection) object"
        }
        if let evidence = against.lazy.compactMap(Self.evidence).first { text += " (\(evidence))" }
        return Cell(text, tone)
    }

    private static func evidence(_ observation: ObservationReport) -> String? {
        guard let failure = observation.lastFailure else { return nil }
        let age = observation.lastFailureAgeSeconds ?? observation.ageSeconds
        return "\(observation.observer): \(failure), \(Words.age(age)) ago"
    }
}
