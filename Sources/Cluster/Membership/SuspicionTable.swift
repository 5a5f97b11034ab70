import MeshPrimitives

/// Members under suspicion, who accuses them, and when each suspicion becomes a verdict.
///
/// The more nodes confirm a suspicion, the sooner it ends:
/// `max(min, max - (max - min) * ln(C + 1) / ln(k + 1))` after it began, with `C` confirmations of
/// the `k` that suffice. The first accuser is no confirmation.
///
/// Source: Lifeguard (arXiv 1707.00788), LHA-Suspicion.
struct SuspicionTable: Sendable {
    private struct Suspicion {
        var started: MonotonicInstant
        var accusers: [NodeID]
        let sufficient: Int
        let minimum: Duration
        let maximum: Duration

        var isConfirmed: Bool { self.accusers.count - 1 >= self.sufficient }

        func deadline(holding hold: Duration?) -> MonotonicInstant {
            let natural = self.started.advanced(by: self.timeout)
            guard let hold, !self.isConfirmed else { return natural }
            return self.started.advanced(by: self.maximum + hold)
        }

        private var timeout: Duration {
            guard !self.isConfirmed else { return self.minimum }
            let confirmations = Double(self.accusers.count - 1)
            let share =
                Logarithm.natural(confirmations + 1)
                / Logarithm.natural(Double(self.sufficient) + 1)
            return max(self.minimum, self.maximum - (self.maximum - self.minimum) * share)
        }
    }

    private let configuration: MembershipConfiguration
    private var suspicions: [NodeID: Suspicion] = [:]

    /// Creates an empty table.
    init(configuration: MembershipConfiguration) { self.configuration = configuration }

    /// Who accuses a member, in the order heard.
    func accusers(of id: NodeID) -> [NodeID] { self.suspicions[id]?.accusers ?? [] }

    /// Starts a suspicion in a cluster of `memberCount`, this node and the suspect included.
    mutating func begin(
        _ id: NodeID,
        accuser: NodeID,
        memberCount: Int,
        at now: MonotonicInstant
    ) {
        let decades = max(1, Logarithm.decimal(Double(max(1, memberCount))))
        let minimum =
            self.configuration.probeInterval
            * (Double(self.configuration.suspicionMultiplier) * decades)
        self.suspicions[id] = Suspicion(
            started: now,
            accusers: [accuser],
            sufficient: max(0, min(self.configuration.suspicionConfirmations, memberCount - 2)),
            minimum: minimum,
            maximum: minimum * max(1, self.configuration.suspicionMaximumMultiplier)
        )
    }

    /// Takes in one more accusation.
    ///
    /// - Returns: whether it counts, and so deserves to be passed on.
    mutating func confirm(_ id: NodeID, accuser: NodeID) -> Bool {
        guard let suspicion = self.suspicions[id], !suspicion.isConfirmed,
            !suspicion.accusers.contains(accuser)
        else { return false }
        self.suspicions[id]?.accusers.append(accuser)
        return true
    }

    /// Ends a suspicion without a verdict.
    mutating func end(_ id: NodeID) { self.suspicions[id] = nil }

    /// Takes out, sorted, the members whose time to refute is over.
    ///
    /// `hold` is how much longer than the longest suspicion an insufficiently confirmed one lasts
    /// while this node is isolated; else it is `nil`.
    mutating func expire(holding hold: Duration?, at now: MonotonicInstant) -> [NodeID] {
        let due = self.suspicions
            .filter { $0.value.deadline(holding: hold) <= now }
            .keys.sorted()
        for id in due { self.suspicions[id] = nil }
        return due
    }

    /// The earliest deadline.
    func deadline(holding hold: Duration?) -> MonotonicInstant? {
        self.suspicions.values.map { $0.deadline(holding: hold) }.min()
    }

    /// Gives every suspect more time, after this node itself was not running for `delay`.
    mutating func postpone(by delay: Duration) {
        self.suspicions = self.suspicions.mapValues { suspicion in
            var later = suspicion
            later.started = suspicion.started.advanced(by: delay)
            return later
        }
    }
}
