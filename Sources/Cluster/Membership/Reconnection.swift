import MeshPrimitives

/// Addresses worth trying again: seeds that are no member, and members that failed.
///
/// Each attempt doubles the pause before the next, up to a limit. This is what lets a full split
/// heal by itself: nobody is given up before its tombstone expires.
///
/// Of those that failed, three at most are tried per shortest pause, and the longest pause grows with how
/// many they are, so that all of them together are tried about once per shortest pause: when half of a
/// fleet dies, or members live for minutes only, this node does not spend itself on who is gone. In a large
/// mesh it begins later and more slowly, since all others try as well. Seeds are tried as often as ever.
struct Reconnection: Sendable {
    /// How many addresses are tried at one time: 3.
    static let attemptLimit = 3
    /// So many others that try as well make the first pause longer by the shortest one: 6.
    static let crowd = 6

    private struct Attempt {
        var next: MonotonicInstant
        var pause: Duration
        var isSeed: Bool
    }

    private let minimum: Duration
    private var attempts: [Endpoint: Attempt] = [:]
    private var order: [Endpoint] = []
    /// When the next of those that failed may be tried.
    private var nextOfFailed = MonotonicInstant(nanoseconds: 0)

    /// Creates an empty schedule whose first pause is `minimum`.
    init(minimum: Duration) { self.minimum = minimum }

    /// When the next attempt is due.
    private(set) var deadline: MonotonicInstant?

    /// Replaces the addresses; those already known keep their pause.
    ///
    /// - Parameters:
    ///   - seeds: to be tried at once.
    ///   - failed: to be tried with all others.
    ///   - others: how many others try those that failed as well.
    ///   - generator: for when to begin, so that all do not at once.
    ///   - now: the current moment.
    mutating func aim(
        at seeds: [Endpoint],
        and failed: [Endpoint],
        among others: Int,
        using generator: inout SeededGenerator,
        at now: MonotonicInstant
    ) {
        var kept: [Endpoint: Attempt] = [:]
        self.order = []
        for endpoint in seeds where kept[endpoint] == nil {
            let pause = self.attempts[endpoint]?.pause ?? self.minimum
            let next = self.attempts[endpoint]?.next ?? now
            kept[endpoint] = Attempt(next: next, pause: pause, isSeed: true)
            self.order.append(endpoint)
        }
        let share = others / Self.crowd
        for endpoint in failed where kept[endpoint] == nil {
            let pause = self.attempts[endpoint]?.pause ?? self.minimum * max(1, share)
            let begin = share > 0 ? pause * generator.nextUnit() : .zero
            let next = self.attempts[endpoint]?.next ?? now.advanced(by: begin)
            kept[endpoint] = Attempt(next: next, pause: pause, isSeed: false)
            self.order.append(endpoint)
        }
        self.attempts = kept
        self.plan()
    }

    private mutating func plan() {
        self.deadline = self.attempts.values.map(self.moment(of:)).min()
    }

    private func moment(of attempt: Attempt) -> MonotonicInstant {
        attempt.isSeed ? attempt.next : max(attempt.next, self.nextOfFailed)
    }

    /// Takes the addresses to try now, those that have waited longest, and plans their next attempts, with
    /// up to a quarter of jitter.
    mutating func due(
        pausingAtMost maximum: Duration,
        using generator: inout SeededGenerator,
        at now: MonotonicInstant
    ) -> [Endpoint] {
        guard let deadline, deadline <= now else { return [] }
        let due = self.order.compactMap { endpoint in
            self.attempts[endpoint].flatMap { self.moment(of: $0) <= now ? (endpoint, $0) : nil }
        }
        let inTurn = due.sorted { one, other in
            one.1.isSeed == other.1.isSeed ? one.1.next < other.1.next : one.1.isSeed
        }
        let chosen = inTurn.prefix(Self.attemptLimit)
        let shared = max(maximum, self.minimum * self.attempts.count)
        for (endpoint, attempt) in chosen {
            let longest = attempt.isSeed ? maximum : shared
            let pause = min(attempt.pause, longest)
            self.attempts[endpoint] = Attempt(
                next: now.advanced(by: pause * (1 + generator.nextUnit() / 4)),
                pause: min(pause * 2, longest),
                isSeed: attempt.isSeed
            )
            if !attempt.isSeed { self.nextOfFailed = now.advanced(by: self.minimum) }
        }
        self.plan()
        return chosen.map(\.0)
    }
}
