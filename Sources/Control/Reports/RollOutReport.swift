/// The answer of `/mesh/config/roll-out`: how a change makes its way through the fleet.
public struct RollOutReport: Codable, Equatable, Sendable {
    /// How far it is.
    public enum Phase: String, Codable, CaseIterable, Sendable {
        /// Waves take the change up one after the other.
        case running
        /// No further wave takes it up until somebody resumes it.
        case paused
        /// Every node may route by it.
        case finished
        /// It was taken back.
        case aborted
    }

    /// Tells roll-outs apart: eight hexadecimal digits.
    public var id: String
    /// How far it is.
    public var phase: Phase
    /// Why it is paused or was aborted; empty otherwise.
    public var reason: String
    /// How many waves may take the change up, from 1.
    public var wave: Int
    /// What must not happen, such as `errors<1%,p99<+20%`; empty for nothing.
    public var guarding: String
    /// Seconds that a wave must have held before the next one.
    public var holdSeconds: Double
    /// The waves in order.
    public var waves: [Wave]
    /// What it waits for now; empty when it is over.
    public var waitsFor: String

    /// Nodes that take the change up together.
    public struct Wave: Codable, Equatable, Sendable {
        /// Their names, ascending.
        public var nodes: [String]
        /// Those of them that route by the change.
        public var active: [String]

        /// Creates a wave.
        public init(nodes: [String], active: [String]) {
            self.nodes = nodes
            self.active = active
        }
    }

    /// Creates a report.
    public init(
        id: String,
        phase: Phase,
        reason: String,
        wave: Int,
        guarding: String,
        holdSeconds: Double,
        waves: [Wave],
        waitsFor: String
    ) {
        self.id = id
        self.phase = phase
        self.reason = reason
        self.wave = wave
        self.guarding = guarding
        self.holdSeconds = holdSeconds
        self.waves = waves
        self.waitsFor = waitsFor
    }
}

/// What must not happen to a node that has taken a change up, and how long it is watched.
public struct RollOutLimits: Codable, Equatable, Sendable {
    /// The shortest time that a wave is watched: 1 s.
    public static let shortestHold = 1.0
    /// The usual one: 60 s.
    public static let usualHold = 60.0
    /// The longest: one day.
    public static let longestHold = 86_400.0

    /// The largest part of requests that may end with a status of 500 or more, 0 to 1; `nil` for no
    /// limit.
    public var errors: Double?
    /// By which part the 99th percentile of the latency may rise above what it was before, from 0;
    /// `nil` for no limit.
    public var latencyRise: Double?
    /// Seconds that each wave must have held: ``shortestHold`` to ``longestHold``.
    public var holdSeconds: Double

    /// Creates limits.
    public init(errors: Double? = nil, latencyRise: Double? = nil, holdSeconds: Double) {
        self.errors = errors
        self.latencyRise = latencyRise
        self.holdSeconds = holdSeconds
    }

    /// Why a text is no guard.
    public struct GuardError: Error, Equatable, CustomStringConvertible, Sendable {
        /// What is wrong, with the value found and what is expected.
        public var description: String
    }

    /// Reads what an operator writes: `errors<1%,p99<+20%`, either part alone, or nothing.
    ///
    /// - Throws: ``GuardError``.
    public init(guarding text: String, holdSeconds: Double) throws(GuardError) {
        guard (Self.shortestHold...Self.longestHold).contains(holdSeconds) else {
            throw GuardError(
                description: "a wave is watched for \(holdSeconds) s, but must be for "
                    + "\(Int(Self.shortestHold)) to \(Int(Self.longestHold)) s"
            )
        }
        self.init(holdSeconds: holdSeconds)
        for part in text.split(separator: ",") {
            let part = part.filter { $0 != " " }
            if let value = Self.percent(part, after: "errors<"), value <= 1, self.errors == nil {
                self.errors = value
            } else if let value = Self.percent(part, after: "p99<+"), self.latencyRise == nil {
                self.latencyRise = value
            } else {
                throw GuardError(
                    description: "'\(part)' is no guard; expected errors<1% or p99<+20%, each once"
                )
            }
        }
    }

    /// As an operator writes it.
    public var guarding: String {
        [
            self.errors.map { "errors<\(Self.text($0))%" },
            self.latencyRise.map { "p99<+\(Self.text($0))%" },
        ].compactMap(\.self).joined(separator: ",")
    }

    private static func percent(_ text: some StringProtocol, after prefix: String) -> Double? {
        guard text.hasPrefix(prefix), text.hasSuffix("%"),
            let value = Double(text.dropFirst(prefix.count).dropLast()), value.isFinite, value >= 0
        else { return nil }
        return value / 100
    }

    private static func text(_ part: Double) -> String {
        let percent = (part * 1e6).rounded() / 1e4
        return percent == percent.rounded() && percent < 1e9 ? "\(Int(percent))" : "\(percent)"
    }
}
