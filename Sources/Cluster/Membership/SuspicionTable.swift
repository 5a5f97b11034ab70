import MeshPrimitives

/// Members under suspicion, who accuses them, and when each suspicion becomes a verdict.
///
/// The more nodes confirm a suspicion, the sooner it ends:
/// `max(min, max - (max - min) * ln(C + 1) / ln(k + 1))` after it began, with `C` confirmations of
/// the `k` that suffice. The first accuser is no confirmation.
///
/// `k` counts only members that could confirm: when most of a fleet dies at once, the dead cannot
/// accuse one another. The shortest suspicion does not grow with the fleet, as memberlist's does:
/// a suspect is told by every accuser's own ping, not by an epidemic.
///
/// Source: Lifeguard (arXiv 1707.00788), LHA-Suspicion.
struct SuspicionTable: Sendable {
    /// What decides how long suspicions last, besides their accusers.
    struct Circumstances: Equatable, Sendable {
        /// How many members are alive and under no suspicion, this node not counted.
        var trusted: Int
        /// How much longer than the longest suspicion one lasts that nobody confirms, while this
        /// node is isolated; else `nil`.
        var hold: Duration?
    }

    private struct Suspicion {
        var started: MonotonicInstant
        var accusers: [NodeID]
        let isUnproven: Bool

        var confirmations: Int { self.accusers.count - 1 }
    }

    private let configuration: MembershipConfiguration
    private var suspicions: [NodeID: Suspicion] = [:]

    /// Creates an empty table.
    init(configuration: MembershipConfiguration) { self.configuration = configuration }

    /// Who accuses a member, in the order heard.
    func accusers(of id: NodeID) -> [NodeID] { self.suspicions[id]?.accusers ?? [] }

    /// Starts a suspicion.
    ///
    /// One of a member that was remembered from the last run and has not been heard in this one is
    /// short from the start.
    mutating func begin(
        _ id: NodeID,
        accuser: NodeID,
        isUnproven: Bool = false,
        at now: MonotonicInstant
    ) {
        self.suspicions[id] = Suspicion(
            started: now,
            accusers: [accuser],
            isUnproven: isUnproven
        )
    }

    /// Takes in one more accusation.
    ///
    /// - Returns: whether it counts, and so deserves to be passed on.
    mutating func confirm(_ id: NodeID, accuser: NodeID) -> Bool {
        guard self.isOpen(id), self.suspicions[id]?.accusers.contains(accuser) == false
        else { return false }
        self.suspicions[id]?.accusers.append(accuser)
        return true
    }

    /// Whether a member is under a suspicion that more accusers would shorten.
    func isOpen(_ id: NodeID) -> Bool {
        guard let suspicion = self.suspicions[id] else { return false }
        return suspicion.confirmations < max(1, self.configuration.suspicionConfirmations)
    }

    /// Ends a suspicion without a verdict.
    mutating func end(_ id: NodeID) { self.suspicions[id] = nil }

    /// Takes out, sorted, the members whose time to refute is over.
    mutating func expire(_ circumstances: Circumstances, at now: MonotonicInstant) -> [NodeID] {
        let due = self.suspicions
            .filter { self.deadline(of: $0.value, circumstances) <= now }
            .keys.sorted()
        for id in due { self.suspicions[id] = nil }
        return due
    }

    /// The earliest deadline.
    func deadline(_ circumstances: Circumstances) -> MonotonicInstant? {
        self.suspicions.values.map { self.deadline(of: $0, circumstances) }.min()
    }

    private func deadline(
        of suspicion: Suspicion,
        _ circumstances: Circumstances
    ) -> MonotonicInstant {
        let minimum =
            self.configuration.probeInterval * Double(self.configuration.suspicionMultiplier)
        let maximum = minimum * max(1, self.configuration.suspicionMaximumMultiplier)
        let wanted = self.configuration.suspicionConfirmations
        let sufficient = suspicion.isUnproven ? 0 : max(0, min(wanted, circumstances.trusted))
        let confirmations = suspicion.confirmations
        if let hold = circumstances.hold, confirmations < max(1, sufficient) {
            return suspicion.started.advanced(by: maximum + hold)
        }
        guard confirmations < sufficient else {
            return suspicion.started.advanced(by: minimum)
        }
        let share =
            Logarithm.natural(Double(confirmations) + 1)
            / Logarithm.natural(Double(sufficient) + 1)
        let length = max(minimum, maximum - (maximum - minimum) * share)
        return suspicion.started.advanced(by: length)
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
