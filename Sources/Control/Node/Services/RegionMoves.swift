import MeshBalancing
import MeshEntities
import MeshHealth
import MeshObservations
import MeshPrimitives
import MeshReports

extension EventLog {
    /// Tells people that traffic has moved between regions, with what it was decided by.
    func add(_ move: RegionMove) {
        guard let first = move.changes.first else { return }
        var details = ["upstream": move.upstream, "cause": first.cause.rawValue]
        for change in move.changes {
            let name = change.region ?? "failover"
            details["share:\(name)"] = Self.percent(change.after)
            details["capacity:\(name)"] = Self.percent(change.capacity)
        }
        let list = move.changes.map { change in
            "\(change.region ?? "failover targets") \(Self.percent(change.before)) -> "
                + "\(Self.percent(change.after)) (\(change.cause.words))"
        }
        self.add(
            .region,
            .trafficMoved,
            subject: move.upstream,
            message: "\(move.upstream): " + list.joined(separator: ", "),
            details: details
        )
    }

    /// Tells people that a region takes what another bears no more, or does so no longer.
    func add(overflow upstream: String, to region: String?, _ isTaking: Bool) {
        let name = region ?? "failover targets"
        self.add(
            .region,
            isTaking ? .overflowBegan : .overflowEnded,
            subject: upstream,
            message: isTaking
                ? "\(upstream): \(name) takes what another region does not bear"
                : "\(upstream): \(name) takes nothing any more that another region does not bear",
            details: ["upstream": upstream, "region": region ?? ""]
        )
    }

    private static func percent(_ thousandths: Int) -> String { "\((thousandths + 5) / 10)%" }
}

extension RegionCause {
    /// The words shown to operators.
    var words: String {
        switch self {
        case .usual: "as usual"
        case .absent: "no target stands there"
        case .lost: "none of its targets is in use"
        case .lowered: "a part of its targets is out of use"
        case .holding: "back, waits for the end of its hold"
        case .givenUp: "its return was given up: it did far worse than the region that serves"
        case .returning: "returns"
        case .frozen: "its return waits"
        case .drained: "drained by an operator"
        case .failedOver: "failed over by an operator"
        case .onlyOne: "no other region is there"
        case .kept: "regions.spill is off, so no other region may serve"
        case .spilled: "takes what a better region cannot"
        }
    }
}

extension RegionPolicy {
    /// The policy of an upstream's entity.
    init(_ entity: Upstream.RegionPolicy) {
        self.init(hold: .seconds(entity.hold))
        self.ramp = .seconds(entity.ramp)
        switch entity.spill {
        case .off: self.spill = .off
        case .load: self.spill = .load
        case .failure: self.spill = .failure
        }
    }
}

extension TargetTraffic {
    /// What the workers saw of a target.
    init(_ seen: TargetObservation) {
        let answers = seen.answers
        let (attempts, isOver) = answers.addingReportingOverflow(seen.transportFailures)
        self.init(
            id: seen.id,
            attempts: isOver ? .max : attempts,
            failures: seen.failures,
            answers: answers,
            latencySteps: seen.latencySteps,
            overflows: seen.overflows
        )
    }
}

extension RegionReturn {
    /// A return as the mesh carries it.
    init(_ id: RegionReturnID, _ start: MonotonicInstant) {
        self.init(
            number: id.number,
            start: UInt64(clamping: start.nanoseconds / 1_000_000)
        )
    }
}

extension [RegionReturn] {
    /// Returns by number, on the fleet's clock.
    var starts: [UInt64: MonotonicInstant] {
        Dictionary(
            self.map { one in
                let start = Duration.milliseconds(Int64(clamping: one.start))
                return (one.number, MonotonicInstant(sinceStart: start))
            },
            uniquingKeysWith: { first, _ in first }
        )
    }
}
