import MeshPrimitives

/// The probes in flight, each of one member: a direct ping, then every other way at once, then a
/// verdict.
///
///     begin --> direct --first deadline--> widened --deadline--> failed
///                  \------- ack --------------\------ ack -----> confirmed
///
/// Several are in flight at a time, so that one silent member does not keep others from being
/// looked at.
///
/// Source: SWIM, Das et al. 2002, section 3.1; the stream probe beside the relays is memberlist's.
struct ProbeRound: Sendable {
    /// How many probes are in flight at most: 16.
    static let limit = 16

    /// What the passing of time asks for.
    enum Step: Equatable, Sendable {
        /// Ask relays, and ping by stream.
        case widen(target: NodeID, sequence: UInt32)
        /// Nobody reached the target.
        case failed(Failure)
    }

    /// A probe that nobody answered.
    struct Failure: Equatable, Sendable {
        let target: NodeID
        /// When the target was first pinged.
        let began: MonotonicInstant
        /// Members asked to relay.
        let relays: [NodeID]
        /// Those that neither vouched for it nor said that they could not.
        let silent: [NodeID]

        /// What the probe has shown, as it is told.
        var evidence: Accusation.Evidence {
            Accusation.Evidence(
                relaysAsked: UInt8(clamping: self.relays.count),
                relaysDenied: UInt8(clamping: self.relays.count - self.silent.count),
                triedStream: true
            )
        }
    }

    /// A probe that was answered.
    struct Confirmation: Equatable, Sendable {
        let target: NodeID
        /// Whether only a relay reached it.
        let isByRelay: Bool
        /// Whether it came only after every other way was tried.
        let isLate: Bool
        /// Set when the target itself answered the direct ping.
        let roundTrip: Duration?
    }

    private struct Flight {
        let target: NodeID
        let sequence: UInt32
        let started: MonotonicInstant
        var firstDeadline: MonotonicInstant
        var deadline: MonotonicInstant
        var isWidened = false
        var relays: [NodeID] = []
        var silent: [NodeID] = []

        var next: MonotonicInstant { self.isWidened ? self.deadline : self.firstDeadline }
    }

    private var flights: [Flight] = []

    /// Whether there is no room for another probe.
    var isFull: Bool { self.flights.count >= Self.limit }

    /// Whether a member is being probed.
    func isProbing(_ id: NodeID) -> Bool { self.flights.contains { $0.target == id } }

    /// Who is probed under a sequence number.
    func target(of sequence: UInt32) -> NodeID? {
        self.flights.first { $0.sequence == sequence }?.target
    }

    /// When ``step(at:)`` will have something to say.
    var deadline: MonotonicInstant? { self.flights.map(\.next).min() }

    /// Starts probing `target`; only while there is room, and not twice.
    mutating func begin(
        target: NodeID,
        sequence: UInt32,
        timeout: Duration,
        verdict: Duration,
        at now: MonotonicInstant
    ) {
        self.flights.append(
            Flight(
                target: target,
                sequence: sequence,
                started: now,
                firstDeadline: now.advanced(by: timeout),
                deadline: now.advanced(by: verdict)
            )
        )
    }

    /// Notes who was asked to relay, after ``Step/widen(target:sequence:)``.
    mutating func asked(_ relays: [NodeID], for sequence: UInt32) {
        guard let place = self.place(of: sequence) else { return }
        self.flights[place].relays = relays
        self.flights[place].silent = relays
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
        guard let place = self.place(of: sequence) else { return nil }
        let flight = self.flights[place]
        guard sender == flight.target || flight.relays.contains(sender) else { return nil }
        self.flights.remove(at: place)
        let isDirect = measured && sender == flight.target
        return Confirmation(
            target: flight.target,
            isByRelay: sender != flight.target,
            isLate: flight.isWidened,
            roundTrip: isDirect ? flight.started.duration(to: now) : nil
        )
    }

    /// Ends a probe without a verdict.
    mutating func end(sequence: UInt32) {
        self.flights.removeAll { $0.sequence == sequence }
    }

    /// Takes in a relay's word that it lives but its target does not answer.
    mutating func nack(sequence: UInt32, from relay: NodeID) {
        guard let place = self.place(of: sequence) else { return }
        self.flights[place].silent.removeAll { $0 == relay }
    }

    /// Moves every probe on whose deadline has passed.
    mutating func step(at now: MonotonicInstant) -> [Step] {
        var steps: [Step] = []
        for flight in self.flights where now >= flight.deadline {
            steps.append(
                .failed(
                    Failure(
                        target: flight.target,
                        began: flight.started,
                        relays: flight.relays,
                        silent: flight.silent
                    )
                )
            )
        }
        self.flights.removeAll { now >= $0.deadline }
        for place in self.flights.indices {
            let flight = self.flights[place]
            guard !flight.isWidened, now >= flight.firstDeadline else { continue }
            self.flights[place].isWidened = true
            steps.append(.widen(target: flight.target, sequence: flight.sequence))
        }
        return steps
    }

    /// Moves the deadlines, after this node itself was not running for `delay`.
    mutating func postpone(by delay: Duration) {
        for place in self.flights.indices {
            self.flights[place].firstDeadline = self.flights[place].firstDeadline.advanced(
                by: delay
            )
            self.flights[place].deadline = self.flights[place].deadline.advanced(by: delay)
        }
    }

    private func place(of sequence: UInt32) -> Int? {
        self.flights.firstIndex { $0.sequence == sequence }
    }
}
