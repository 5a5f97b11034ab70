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
    /// Answered attempts by status.
    public var statuses: [StatusCount] = []
    /// Sum of times from sending to the response head over ``statuses``, in microseconds.
    public var latencySumMicroseconds: UInt64 = 0

    /// Creates an observation of nothing.
    public init(id: TargetID) { self.id = id }

    /// Attempts that got a response head.
    public var answers: UInt32 { self.statuses.reduce(0) { $0 &+ $1.count } }
    /// Attempts that failed before a response head.
    public var transportFailures: UInt32 {
        self.connectFailures &+ self.resets &+ self.timeouts
    }
}
