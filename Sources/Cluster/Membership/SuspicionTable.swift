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
    /// The patience of ``earliest``, and the earliest deadline under it; `nil` when it is to be looked
    /// for.
    private var patience: Patience?
    private var earliest: MonotonicInstant?

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
        self.end(accusation.subject)
        self.suspicions[accusation.subject] = Suspicion(
            started: now,
            charges: [Charge(accusation, heard: now)],
            isUnproven: isUnproven
        )
        self.noteDeadline(of: accusation.subject)
    }

    /// Takes in that somebody declared a suspect failed.
    ///
    /// The verdict of others ends a suspicion once the suspect has had two probe intervals to refute
    /// it here too; so a node that was cut off and comes back fails nobody who can still speak.
    mutating func declare(_ id: NodeID) {
        self.suspicions[id]?.isDeclared = true
        self.noteDeadline(of: id)
    }

    /// Whether others have declared a suspect failed.
    func isDeclared(_ id: NodeID) -> Bool { self.suspicions[id]?.isDeclared ?? false }

    /// Takes in one more accusation.
    ///
    /// - Returns: whether it counts, and so deserves to be passed on.
    mutating func confirm(_ accusation: Accusation, at now: MonotonicInstant) -> Bool {
        let id = accusation.subject
        guard self.isOpen(id), !self.isAccused(id, by: accusation.accuser) else { return false }
        self.suspicions[id]?.charges.append(Charge(accusation, heard: now))
        self.noteDeadline(of: id)
        return true
    }

    /// Whether a member is under a suspicion that more accusers would shorten.
    func isOpen(_ id: NodeID) -> Bool {
        guard let suspicion = self.suspicions[id] else { return false }
        return suspicion.confirmations < max(1, self.configuration.suspicionConfirmations)
    }

    /// Ends a suspicion without a verdict.
    mutating func end(_ id: NodeID) {
        guard let suspicion = self.suspicions.removeValue(forKey: id) else { return }
        if self.patience?.deadline(of: suspicion) == self.earliest { self.patience = nil }
    }

    /// The members, sorted, whose time to refute is over.
    mutating func due(_ circumstances: Circumstances, at now: MonotonicInstant) -> [NodeID] {
        guard let earliest = self.deadline(circumstances), earliest <= now,
            let patience = self.patience
        else { return [] }
        return self.suspicions.filter { patience.deadline(of: $0.value) <= now }.keys.sorted()
    }

    /// Whether a member is under a suspicion whose time is over.
    mutating func isDue(
        _ id: NodeID,
        _ circumstances: Circumstances,
        at now: MonotonicInstant
    ) -> Bool {
        guard let suspicion = self.suspicions[id] else { return false }
        return self.patience(circumstances).deadline(of: suspicion) <= now
    }

    /// The earliest deadline; costs nothing that grows with the suspects while nothing changes.
    mutating func deadline(_ circumstances: Circumstances) -> MonotonicInstant? {
        guard !self.suspicions.isEmpty else { return nil }
        let patience = self.patience(circumstances)
        if self.patience != patience {
            self.patience = patience
            self.earliest = self.suspicions.values.map(patience.deadline(of:)).min()
        }
        return self.earliest
    }

    private func patience(_ circumstances: Circumstances) -> Patience {
        let circumstances = circumstances.deciding(self.configuration)
        if let patience, patience.circumstances == circumstances { return patience }
        return Patience(self.configuration, circumstances)
    }

    /// Takes in that a suspicion began or ends sooner.
    private mutating func noteDeadline(of id: NodeID) {
        guard let patience, let suspicion = self.suspicions[id] else { return }
        let deadline = patience.deadline(of: suspicion)
        self.earliest = self.earliest.map { min($0, deadline) } ?? deadline
    }

    /// Gives every suspect more time, after this node itself was not running for `delay`.
    mutating func postpone(by delay: Duration) {
        self.suspicions = self.suspicions.mapValues { suspicion in
            var later = suspicion
            later.started = suspicion.started.advanced(by: delay)
            return later
        }
        self.patience = nil
    }

    /// How long suspicions last under some circumstances; made once for many of them.
    private struct Patience: Equatable {
        let circumstances: Circumstances
        private let isDynamic: Bool
        private let declared: Duration?
        private let minimum: Duration
        private let maximum: Duration
        /// How long one lasts that so many confirmed, for fewer than suffice.
        private let lengths: [Duration]

        init(_ configuration: MembershipConfiguration, _ circumstances: Circumstances) {
            let mechanisms = configuration.mechanisms
            self.circumstances = circumstances
            self.isDynamic = mechanisms.contains(.dynamicSuspicion)
            self.declared =
                mechanisms.contains(.questionedVerdicts) ? configuration.probeInterval * 2 : nil
            let growth = Logarithm.natural(Double(circumstances.members)) / Logarithm.natural(10)
            let minimum =
                configuration.probeInterval * Double(configuration.suspicionMultiplier)
                * max(1, growth)
            let maximum = minimum * max(1, configuration.suspicionMaximumMultiplier)
            self.minimum = minimum
            self.maximum = maximum
            let whole = Logarithm.natural(Double(circumstances.trusted) + 1)
            self.lengths = (0..<circumstances.trusted).map { confirmations in
                let share = Logarithm.natural(Double(confirmations) + 1) / whole
                return max(minimum, maximum - (maximum - minimum) * share)
            }
        }

        /// When a suspicion ends, by others' verdict or this node's own patience.
        func deadline(of suspicion: Suspicion) -> MonotonicInstant {
            let own = suspicion.started.advanced(by: self.length(of: suspicion))
            guard suspicion.isDeclared else { return own }
            return min(own, suspicion.started.advanced(by: self.declared ?? .zero))
        }

        /// For how long this node's own patience lasts.
        private func length(of suspicion: Suspicion) -> Duration {
            guard self.isDynamic else { return self.minimum + (self.circumstances.hold ?? .zero) }
            let sufficient = suspicion.isUnproven ? 0 : self.circumstances.trusted
            let confirmations = suspicion.confirmations
            if let hold = self.circumstances.hold, confirmations < max(1, sufficient) {
                return self.maximum + hold
            }
            return confirmations < sufficient ? self.lengths[confirmations] : self.minimum
        }
    }
}

extension SuspicionTable.Circumstances {
    /// The same as far as they count: no more members than could confirm, and how many there are only
    /// where suspicions grow with them.
    fileprivate func deciding(_ configuration: MembershipConfiguration) -> Self {
        var narrowed = self
        narrowed.trusted = max(0, min(self.trusted, configuration.suspicionConfirmations))
        if configuration.mechanisms.contains(.flatSuspicion) { narrowed.members = 1 }
        return narrowed
    }
}
