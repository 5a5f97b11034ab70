import MeshPrimitives

/// Addresses worth trying again: seeds that are no member, and members that failed.
///
/// Each attempt doubles the pause before the next, up to a limit. This is what lets a full split
/// heal by itself: nobody is given up before its tombstone expires.
struct Reconnection: Sendable {
    /// How many addresses are tried at one time: 3.
    static let attemptLimit = 3

    private struct Attempt {
        var next: MonotonicInstant
        var pause: Duration
    }

    private let minimum: Duration
    private var attempts: [Endpoint: Attempt] = [:]
    private var order: [Endpoint] = []

    /// Creates an empty schedule whose first pause is `minimum`.
    init(minimum: Duration) { self.minimum = minimum }

    /// When the next attempt is due.
    private(set) var deadline: MonotonicInstant?

    /// Replaces the addresses; those already known keep their pause.
    mutating func aim(at endpoints: [Endpoint], at now: MonotonicInstant) {
        var kept: [Endpoint: Attempt] = [:]
        self.order = []
        for endpoint in endpoints where kept[endpoint] == nil {
            kept[endpoint] =
                self.attempts[endpoint] ?? Attempt(next: now, pause: self.minimum)
            self.order.append(endpoint)
        }
        self.attempts = kept
        self.plan()
    }

    private mutating func plan() { self.deadline = self.attempts.values.map(\.next).min() }

    /// Takes the addresses to try now and plans their next attempts, with up to a quarter of jitter.
    mutating func due(
        pausingAtMost maximum: Duration,
        using generator: inout SeededGenerator,
        at now: MonotonicInstant
    ) -> [Endpoint] {
        guard let deadline, deadline <= now else { return [] }
        let due = self.order.filter { endpoint in
            self.attempts[endpoint].map { $0.next <= now } ?? false
        }
        let chosen = due.prefix(Self.attemptLimit)
        for endpoint in chosen {
            guard let attempt = self.attempts[endpoint] else { continue }
            let pause = min(attempt.pause, maximum)
            self.attempts[endpoint] = Attempt(
                next: now.advanced(by: pause * (1 + generator.nextUnit() / 4)),
                pause: min(pause * 2, maximum)
            )
        }
        self.plan()
        return Array(chosen)
    }
}
