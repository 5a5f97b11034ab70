import MeshPrimitives

/// One probe of one member: a direct ping, then every other way at once, then a verdict.
///
///     idle --begin--> direct --first deadline--> widened --deadline--> idle, failed
///                        \------- ack --------------\------ ack -----> idle, confirmed
///
/// Source: SWIM, Das et al. 2002, section 3.1; the stream probe beside the relays is memberlist's.
struct ProbeRound: Sendable {
    /// What the passing of time asks for.
    enum Step: Equatable, Sendable {
        /// Ask relays, and ping by stream.
        case widen(target: NodeID, sequence: UInt32)
        /// Nobody reached the target; so many relays that should have answered did not.
        case failed(target: NodeID, silentRelays: Int?)
    }

    /// A probe that was answered.
    struct Confirmation: Equatable, Sendable {
        let target: NodeID
        /// Set when the target itself answered the direct ping.
        let roundTrip: Duration?
    }

    private enum Stage {
        case direct
        case widened
    }

    private struct Flight {
        let target: NodeID
        let sequence: UInt32
        let started: MonotonicInstant
        var firstDeadline: MonotonicInstant
        var deadline: MonotonicInstant
        var stage = Stage.direct
        var relays: [NodeID] = []
        var silent: [NodeID] = []
    }

    private var flight: Flight?

    /// Whether no probe is in flight.
    var isIdle: Bool { self.flight == nil }

    /// Who is being probed.
    var target: NodeID? { self.flight?.target }

    /// When ``step(at:)`` will have something to say.
    var deadline: MonotonicInstant? {
        self.flight.map { $0.stage == .direct ? $0.firstDeadline : $0.deadline }
    }

    /// Starts probing `target`; abandons any probe still in flight.
    mutating func begin(
        target: NodeID,
        sequence: UInt32,
        timeout: Duration,
        interval: Duration,
        at now: MonotonicInstant
    ) {
        self.flight = Flight(
            target: target,
            sequence: sequence,
            started: now,
            firstDeadline: now.advanced(by: timeout),
            deadline: now.advanced(by: interval)
        )
    }

    /// Notes who was asked to relay, after ``Step/widen(target:sequence:)``.
    mutating func asked(_ relays: [NodeID]) {
        self.flight?.relays = relays
        self.flight?.silent = relays
    }

    /// Takes in an ack; stale and unsolicited ones are ignored, since datagrams may repeat.
    ///
    /// Only the target and relays that were asked may vouch for it; a success by stream comes as
    /// from the target.
    mutating func acknowledge(
        sequence: UInt32,
        from sender: NodeID,
        measured: Bool,
        at now: MonotonicInstant
    ) -> Confirmation? {
        guard let flight = self.flight, flight.sequence == sequence,
            sender == flight.target || flight.relays.contains(sender)
        else { return nil }
        self.flight = nil
        let isDirect = measured && sender == flight.target
        return Confirmation(
            target: flight.target,
            roundTrip: isDirect ? flight.started.duration(to: now) : nil
        )
    }

    /// Takes in a relay's word that it lives but its target does not answer.
    mutating func nack(sequence: UInt32, from relay: NodeID) {
        guard self.flight?.sequence == sequence else { return }
        self.flight?.silent.removeAll { $0 == relay }
    }

    /// Moves on if a deadline has passed.
    mutating func step(at now: MonotonicInstant) -> Step? {
        guard let flight = self.flight else { return nil }
        if now >= flight.deadline {
            self.flight = nil
            let silent = flight.relays.isEmpty ? nil : flight.silent.count
            return .failed(target: flight.target, silentRelays: silent)
        }
        guard flight.stage == .direct, now >= flight.firstDeadline else { return nil }
        self.flight?.stage = .widened
        return .widen(target: flight.target, sequence: flight.sequence)
    }

    /// Moves the deadlines, after this node itself was not running for `delay`.
    mutating func postpone(by delay: Duration) {
        guard var flight = self.flight else { return }
        flight.firstDeadline = flight.firstDeadline.advanced(by: delay)
        flight.deadline = flight.deadline.advanced(by: delay)
        self.flight = flight
    }
}
