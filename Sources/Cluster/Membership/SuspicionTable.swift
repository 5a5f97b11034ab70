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
        /// How many members are alive or suspect, this node counted.
        var members = 1
        /// How much longer than the longest suspicion one lasts that nobody confirms, while this
        /// node is isolated; else `nil`.
        var hold: Duration?
    }

    private struct Suspicion {
        var started: MonotonicInstant
        var charges: [Charge]
        let isUnproven: Bool
        /// Whether somebody has already declared the member failed.
        var isDeclared = false

        var confirmations: Int { self.charges.count - 1 }
    }

    private let configuration: MembershipConfiguration
    private var suspicions: [NodeID: Suspicion] = [:]

    /// Creates an empty table.
    init(configuration: MembershipConfiguration) { self.configuration = configuration }

    /// How many members are under suspicion.
    var count: Int { self.suspicions.count }

    /// What is said against a member, in the order heard.
    func charges(against id: NodeID) -> [Charge] { self.suspicions[id]?.charges ?? [] }

    /// Whether `accuser` is among those who accuse a member.
    func isAccused(_ id: NodeID, by accuser: NodeID) -> Bool {
        self.suspicions[id]?.charges.contains { $0.accusation.accuser == accuser } ?? false
    }

    /// Starts a suspicion.
    ///
    /// One of a member that was remembered from the last run and has not been heard in this one is
    /// short from the start.
    mutating func begin(
        _ accusation: Accusation,
        isUnproven: Bool = false,
        at now: MonotonicInstant
    ) {
        self.suspicions[accusation.subject] = Suspicion(
            started: now,
            charges: [Charge(accusation, heard: now)],
            isUnproven: isUnproven
        )
    }

    /// Takes in that somebody declared a suspect failed.
    ///
    /// The verdict of others ends a suspicion once the suspect has had two probe intervals to refute
    /// it here too; so a node that was cut off and comes back fails nobody who can still speak.
    mutating func declare(_ id: NodeID) { self.suspicions[id]?.isDeclared = true }

    /// Takes in one more accusation.
    ///
    /// - Returns: whether it counts, and so deserves to be passed on.
    mutating func confirm(_ accusation: Accusation, at now: MonotonicInstant) -> Bool {
        let id = accusation.subject
        guard self.isOpen(id), !self.isAccused(id, by: accusation.accuser) else { return false }
        self.suspicions[id]?.charges.append(Charge(accusation, heard: now))
        return true
    }

    /// Whether a member is under a suspicion that more accusers would shorten.
    func isOpen(_ id: NodeID) -> Bool {
        guard let suspicion = self.suspicions[id] else { return false }
        return suspicion.confirmations < max(1, self.configuration.suspicionConfirmations)
    }

    /// Ends a suspicion without a verdict.
    mutating func end(_ id: NodeID) { self.suspicions[id] = nil }

    /// The members, sorted, whose time to refute is over.
    func due(_ circumstances: Circumstances, at now: MonotonicInstant) -> [NodeID] {
        self.suspicions
            .filter { self.deadline(of: $0.value, circumstances) <= now }
            .keys.sorted()
    }

    /// The earliest deadline.
    func deadline(_ circumstances: Circumstances) -> MonotonicInstant? {
        self.suspicions.values.map { self.deadline(of: $0, circumstances) }.min()
    }

    private func deadline(
        of suspicion: Suspicion,
        _ circumstances: Circumstances
    ) -> MonotonicInstant {
        let own = self.ownDeadline(of: suspicion, circumstances)
        guard suspicion.isDeclared else { return own }
        guard self.configuration.mechanisms.contains(.questionedVerdicts) else {
            return suspicion.started
        }
        return min(own, suspicion.started.advanced(by: self.configuration.probeInterval * 2))
    }

    /// When this node's own patience ends.
    private func ownDeadline(
        of suspicion: Suspicion,
        _ circumstances: Circumstances
    ) -> MonotonicInstant {
        let mechanisms = self.configuration.mechanisms
        let growth =
            mechanisms.contains(.flatSuspicion)
            ? 1 : max(1, Logarithm.natural(Double(circumstances.members)) / Logarithm.natural(10))
        let minimum =
            self.configuration.probeInterval * Double(self.configuration.suspicionMultiplier)
            * growth
        guard mechanisms.contains(.dynamicSuspicion) else {
            return suspicion.started.advanced(by: minimum + (circumstances.hold ?? .zero))
        }
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
