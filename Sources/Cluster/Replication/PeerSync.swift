internal import MeshPrimitives

/// What this node knows of one peer's store, and the one exchange that may be in flight with it.
///
///     idle --digest--> awaiting summary --exchange--> awaiting records --> idle
///       \-- pull of offered records ----------------------^
///     every waiting state --timeout--> idle
struct PeerSync: Equatable, Sendable {
    /// What is in flight.
    enum Step: Equatable, Sendable {
        case idle
        case awaitingSummary
        case awaitingRecords
    }

    /// Most offers remembered per peer; more are dropped and come again with a later push.
    static let offerLimit = 256

    /// What is in flight.
    private(set) var step = Step.idle
    /// When ``step`` began.
    private(set) var since = MonotonicInstant(nanoseconds: 0)
    /// When to give up on ``step``.
    private(set) var deadline = MonotonicInstant(nanoseconds: 0)
    /// The peer's root hash, when known to differ from ours.
    var mismatch: ContentHash?
    /// No session may start before this.
    private(set) var earliest = MonotonicInstant(nanoseconds: .min)
    /// Offered records to pull when idle.
    private(set) var wanted: [RecordKey: RecordVersion] = [:]
    /// Offered records being pulled.
    private(set) var pulling: [RecordKey: RecordVersion] = [:]

    private var pause: Duration = .zero
    private var attempted: [ContentHash] = []

    /// Whether anything is known that needs attention.
    var isBusy: Bool { self.step != .idle || self.mismatch != nil || !self.wanted.isEmpty }

    /// Remembers an offered record.
    mutating func want(_ offer: RecordSummary) {
        if self.wanted[offer.key] == nil, self.wanted.count >= Self.offerLimit { return }
        self.wanted[offer.key] = max(self.wanted[offer.key] ?? offer.version, offer.version)
    }

    /// Begins a session over the difference of two roots.
    ///
    /// The pause to the next session doubles while the same two roots meet again: then the last
    /// session changed nothing, for instance because one side refuses the other's clock.
    mutating func beginSession(
        own: ContentHash,
        configuration: ReplicationConfiguration,
        at now: MonotonicInstant
    ) {
        let pair = [own, self.mismatch ?? .zero]
        self.pause =
            pair == self.attempted
            ? min(self.pause * 2, configuration.sessionBackoffLimit)
            : configuration.sessionInterval
        self.attempted = pair
        self.earliest = now.advanced(by: self.pause)
        self.begin(.awaitingSummary, timeout: configuration.sessionTimeout, at: now)
    }

    /// Begins to pull everything wanted; returns the keys in order.
    mutating func beginPull(timeout: Duration, at now: MonotonicInstant) -> [RecordKey] {
        self.pulling = self.wanted
        self.wanted = [:]
        self.begin(.awaitingRecords, timeout: timeout, at: now)
        return self.pulling.keys.sorted()
    }

    /// Goes on from the summary to the records, or waits for more of them.
    mutating func awaitRecords(timeout: Duration, at now: MonotonicInstant) {
        self.begin(.awaitingRecords, timeout: timeout, at: now)
    }

    /// Ends what is in flight, well or not.
    mutating func end() {
        self.step = .idle
        self.pulling = [:]
    }

    private mutating func begin(_ step: Step, timeout: Duration, at now: MonotonicInstant) {
        self.step = step
        self.since = now
        self.deadline = now.advanced(by: timeout)
    }
}
