import MeshPrimitives

/// How one upstream fares in one region.
///
///     serving --no target in use--> lost --half of the capacity--> holding
///        ^                           ^ ^-----below a half-------------'  |
///        |                           '--below a third, far worse---.     | hold over
///        |                                   failed over: holding <-.    |
///        '------------------ whole share -----------------------  returning
struct RegionStanding: Equatable, Sendable {
    enum Stage: Equatable, Sendable {
        case serving
        case lost
        case holding(since: MonotonicInstant)
        /// Begun at this moment of the fleet's clock.
        case returning(start: MonotonicInstant)
    }

    /// Capacity in thousandths that lets a hold begin, and below which a return is given up.
    static let enough = 500
    static let tooLittle = 350
    /// Time in which a loss after a return counts as flapping.
    private static let flapSpan = Duration.seconds(600)
    private static let longestHold = Duration.seconds(900)
    private static let flapLimit = 6

    private(set) var stage = Stage.serving
    private var flaps = 0
    /// When it last began to return.
    private var returnedAt: MonotonicInstant?
    /// Whether the return at hand waits, and since when that was looked at.
    private(set) var isFrozen = false
    /// Whether it is away because its last return was given up.
    private(set) var isGivenUp = false
    private var lookedAt: MonotonicInstant?

    /// How long the hold at hand lasts.
    func hold(_ policy: RegionPolicy) -> Duration {
        max(policy.hold, min(policy.hold * (1 << self.flaps), Self.longestHold))
    }

    /// When a hold ends; `nil` when none runs.
    func holdEnd(_ policy: RegionPolicy) -> MonotonicInstant? {
        guard case .holding(let since) = self.stage else { return nil }
        return since.advanced(by: self.hold(policy))
    }

    /// Where the return at hand began; `nil` when none runs.
    var start: MonotonicInstant? {
        guard case .returning(let start) = self.stage else { return nil }
        return start
    }

    /// Takes in how much of its capacity is in use, in thousandths.
    mutating func take(capacity: Int, at now: MonotonicInstant) {
        switch self.stage {
        case .serving:
            if capacity == 0 { self.lose(at: now) }
        case .lost:
            if capacity >= Self.enough { self.stage = .holding(since: now) }
        case .holding:
            guard capacity < Self.enough else { return }
            self.isGivenUp = false
            self.stage = .lost
        case .returning:
            if capacity < Self.tooLittle { self.lose(at: now) }
        }
    }

    /// Begins to return, from a share in thousandths that it has already and does not lose: at a whole
    /// second of the fleet's clock, the next one, or where it has a share, the last.
    mutating func beginReturn(
        _ policy: RegionPolicy,
        from share: Int = 0,
        fleet: MonotonicInstant,
        at now: MonotonicInstant
    ) {
        let second: Int64 = 1_000_000_000
        let whole = (fleet.nanoseconds / second + (share > 0 ? 0 : 1)) * second
        let done = policy.ramp * max(0, share - 100) / 900
        self.returnedAt = now
        self.isGivenUp = false
        self.isFrozen = false
        self.lookedAt = now
        let start = MonotonicInstant(nanoseconds: whole).advanced(by: .zero - done)
        self.stage = .returning(start: start)
    }

    /// Ends a return: it has all its traffic again.
    mutating func serve() { self.stage = .serving }

    /// Gives a return up, since it does far worse than what serves; with enough capacity, in
    /// thousandths, the next hold begins.
    mutating func abort(capacity: Int, at now: MonotonicInstant) {
        self.lose(at: now)
        self.isGivenUp = true
        self.take(capacity: capacity, at: now)
    }

    /// Ends a return because an operator moves the traffic away: it begins again with its hold.
    mutating func recall(at now: MonotonicInstant) {
        guard case .returning = self.stage else { return }
        self.returnedAt = nil
        self.isFrozen = false
        self.stage = .holding(since: now)
    }

    /// Lets a return wait from now on, or go on; what has passed while it waited does not count.
    mutating func freeze(_ isFrozen: Bool, at now: MonotonicInstant) {
        if self.isFrozen, case .returning(let start) = self.stage, let before = self.lookedAt {
            self.stage = .returning(start: start.advanced(by: before.duration(to: now)))
        }
        self.isFrozen = isFrozen
        self.lookedAt = now
    }

    /// The share in thousandths that a return begun at `start` has reached.
    static func progress(
        since start: MonotonicInstant,
        _ policy: RegionPolicy,
        fleet: MonotonicInstant
    ) -> Int {
        let ramp = policy.ramp / .milliseconds(1)
        let elapsed = start.duration(to: fleet) / .milliseconds(1)
        guard elapsed >= 0 else { return 0 }
        return elapsed >= ramp ? 1_000 : 100 + Int(900 * elapsed / ramp)
    }

    private mutating func lose(at now: MonotonicInstant) {
        if let returnedAt = self.returnedAt {
            let spans = returnedAt.duration(to: now) / Self.flapSpan
            let forgiven = Int(min(max(0, spans), 10))
            self.flaps =
                spans < 1 ? min(self.flaps + 1, Self.flapLimit) : max(0, self.flaps - forgiven)
        }
        self.returnedAt = nil
        self.isGivenUp = false
        self.isFrozen = false
        self.stage = .lost
    }
}
