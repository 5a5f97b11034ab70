import MeshHealth
import MeshPrimitives
import MeshReports

extension EventLog {
    /// Tells where a target has come to stand, with the evidence.
    func add(_ event: HealthEvent) {
        let evidence = event.evidence
        var details = [
            "upstream": event.target.upstream, "region": event.target.region,
            "address": event.target.endpoint.description, "from": event.before.rawValue,
            "to": event.stage.rawValue, "factor": "\(event.factor)",
            "reason": event.reason.word, "failures": "\(evidence.failures)",
            "attempts": "\(evidence.attempts)", "against": "\(evidence.against)",
        ]
        if evidence.latency > 0 {
            details["latency_ms"] = Self.milliseconds(evidence.latency)
            details["usual_latency_ms"] = Self.milliseconds(evidence.usualLatency)
        }
        self.add(
            .health,
            event.verdict.event,
            subject: event.target.name,
            message: "\(event.target.upstream): \(event.target.name) is \(Self.standing(event)) "
                + "(\(Self.because(event)))",
            details: details
        )
    }

    /// Tells that an upstream panics, or no longer.
    func add(panic upstream: String, _ region: String, _ isPanicking: Bool) {
        let place = region.isEmpty ? upstream : "\(upstream) in \(region)"
        self.add(
            .health,
            isPanicking ? .panicBegan : .panicEnded,
            subject: upstream,
            message: isPanicking
                ? "\(place): less than half of the capacity is in use; doubtful targets serve again"
                : "\(place): enough capacity is in use again",
            details: ["upstream": upstream, "region": region]
        )
    }

    /// Tells that an upstream refuses its requests, or no longer.
    func add(closed upstream: String, _ isClosed: Bool) {
        self.add(
            .health,
            isClosed ? .upstreamClosed : .upstreamOpen,
            subject: upstream,
            message: isClosed
                ? "\(upstream): no more than its threshold is in use; it answers 503"
                : "\(upstream): more than its threshold is in use again",
            details: ["upstream": upstream]
        )
    }

    /// Where the target stands, in words: a stage that is lowered by others' word is told with that.
    private static func standing(_ event: HealthEvent) -> String {
        switch event.stage {
        case .up where event.verdict == .lowered: "up at a lowered share"
        case .trial: "on trial"
        case .ramp: "back, its share grows"
        default: event.stage.rawValue
        }
    }

    /// The evidence in words: `too many failures, 31 of 96 failed, 2 peers speak against it`.
    private static func because(_ event: HealthEvent) -> String {
        let evidence = event.evidence
        // What this node met itself is no reason to exclude what others cannot reach.
        var parts =
            evidence.against > 0 && event.reason == .answering
            ? ["answers here"] : [event.reason.word]
        switch event.stage {
        case .draining, .disabled: return "by an operator"
        case .slow:
            parts.append(
                "\(Self.milliseconds(evidence.latency)) ms, its like take "
                    + "\(Self.milliseconds(evidence.usualLatency)) ms"
            )
        case .unknown, .up, .suspect, .down, .trial, .ramp:
            if evidence.failures > 0 {
                parts.append("\(evidence.failures) of \(evidence.attempts) failed")
            }
        }
        if evidence.against > 0 { parts.append(Self.accusation(by: evidence.against)) }
        return parts.joined(separator: ", ")
    }

    /// How many peers speak against a target, in words.
    static func accusation(by peers: Int) -> String {
        peers == 1 ? "1 peer speaks against it" : "\(peers) peers speak against it"
    }

    private static func milliseconds(_ microseconds: Int) -> String {
        "\(microseconds / 1_000).\(microseconds / 100 % 10)"
    }
}

extension TargetVerdict {
    /// The event of a target that has come to it.
    fileprivate var event: EventType {
        switch self {
        case .healthy: .targetHealthy
        case .lowered: .targetLowered
        case .trial: .targetTrial
        case .excluded: .targetExcluded
        case .draining: .targetDraining
        case .disabled: .targetDisabled
        }
    }
}
