public import MeshPrimitives

/// What one worker saw of one target since its last report: attempts, never whole requests.
///
/// Counted per attempt and before the retry decision, so that a retry that saved the client does not
/// hide the failure. Never counted: 429 as a transport failure, client aborts, own refusals.
public struct TargetObservation: Equatable, Sendable {
    /// How often attempts ended with one status.
    public struct StatusCount: Equatable, Sendable {
        /// The status the target answered, 100 to 999.
        public var status: UInt16
        /// How many attempts ended so.
        public var count: UInt32

        /// Creates a count.
        public init(status: UInt16, count: UInt32) {
            self.status = status
            self.count = count
        }
    }

    /// The target's address.
    public let id: TargetID
    /// Connections refused, or not established for another reason than time.
    public var connectFailures: UInt32 = 0
    /// Connections broken before a whole response head, and responses that were not HTTP.
    public var resets: UInt32 = 0
    /// Attempts that ran into the connect, write or read timeout.
    public var timeouts: UInt32 = 0
    /// Times that a worker found at least three requests waiting here, none of which was answered for
    /// far longer than usual, while others answered.
    public var silences: UInt32 = 0
    /// Requests that came here since the targets of another region bore no more.
    public var overflows: UInt32 = 0
    /// Answered attempts by status.
    public var statuses: [StatusCount] = []
    /// Sum of the ``LatencyLogarithm`` steps of times from sending to the response head, over
    /// ``statuses``.
    public var latencySteps: UInt64 = 0

    /// Creates an observation of nothing.
    public init(id: TargetID) { self.id = id }

    /// Attempts that got a response head.
    public var answers: UInt32 { self.count { _ in true } }
    /// Attempts that failed before a response head.
    public var transportFailures: UInt32 {
        self.connectFailures.addingSaturated(self.resets).addingSaturated(self.timeouts)
    }

    /// Attempts that ended, with an answer or without.
    var attempts: UInt32 { self.answers.addingSaturated(self.transportFailures) }

    /// Attempts that the target failed, with an answer or without.
    public var failures: UInt32 { self.gatewayFailures.addingSaturated(self.transportFailures) }

    /// Adds what was seen later.
    public mutating func add(_ later: TargetObservation) {
        self.connectFailures = self.connectFailures.addingSaturated(later.connectFailures)
        self.resets = self.resets.addingSaturated(later.resets)
        self.timeouts = self.timeouts.addingSaturated(later.timeouts)
        self.silences = self.silences.addingSaturated(later.silences)
        self.overflows = self.overflows.addingSaturated(later.overflows)
        self.latencySteps &+= later.latencySteps
        for seen in later.statuses {
            if let place = self.statuses.firstIndex(where: { $0.status == seen.status }) {
                self.statuses[place].count = self.statuses[place].count.addingSaturated(seen.count)
            } else {
                self.statuses.append(seen)
            }
        }
    }

    /// Attempts that got a response head whose status passes the test.
    func count(where test: (UInt16) -> Bool) -> UInt32 {
        self.statuses.reduce(0) { test($1.status) ? $0.addingSaturated($1.count) : $0 }
    }

    /// Answers that say that the target, or what stands behind it, did not do its work.
    ///
    /// Never 429, which is an answer of a target that works, nor 501.
    var gatewayFailures: UInt32 {
        self.count { $0 == 500 || $0 == 502 || $0 == 503 || $0 == 504 }
    }

    /// The reason that fits what failed, the worst first.
    var failureReason: HealthReason {
        if self.connectFailures > 0 { return .connectFailed }
        if self.resets > 0 { return .broken }
        return self.timeouts > 0 ? .timedOut : .unhealthyStatus
    }
}
