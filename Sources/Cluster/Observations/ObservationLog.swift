import MeshPrimitives

/// What one owner says now, in the order it said it.
///
/// Complete up to ``head``, loads apart: an observation that was replaced since is gone, and so are withdrawals up
/// to ``floor``. What came ahead of a gap is in use, but is not passed on before the gap is closed.
struct ObservationLog: Sendable {
    /// Withdrawals remembered; older ones are told by telling the whole.
    static let withdrawalLimit = 512

    private struct Place: Sendable {
        let sequence: UInt64
        let subject: Observation.Subject
    }

    /// The owner's start.
    private(set) var boot: UInt64
    /// Everything up to here is known.
    private(set) var head: UInt64 = 0
    private(set) var values: [Observation.Subject: ObservationDelta.Entry] = [:]
    /// The highest number of anything but a load, by scope.
    private(set) var regionHead: UInt64 = 0
    private(set) var meshHead: UInt64 = 0
    /// Withdrawals up to here are forgotten.
    private var floor: UInt64 = 0
    private(set) var withdrawals = 0
    /// By rising number; places whose observation was replaced are passed over.
    private var places: [Place] = []
    /// While the whole arrives in pieces: what was known before and is not confirmed yet.
    private var unconfirmed: Set<Observation.Subject> = []
    private var rebuiltAt: UInt64?

    /// Creates the log of an owner that has said nothing in this start.
    init(boot: UInt64) { self.boot = boot }

    /// How far the word is known.
    var version: ObservationVersion { ObservationVersion(boot: self.boot, sequence: self.head) }

    /// Whether the whole is arriving in pieces; until it has, nothing is passed on.
    var isRebuilding: Bool { self.rebuiltAt != nil }

    /// How far the word is known, loads apart, as peers of a scope see it.
    func content(in scope: ObservationScope) -> ObservationVersion {
        let sequence = scope == .region ? self.regionHead : self.meshHead
        return ObservationVersion(boot: self.boot, sequence: min(sequence, self.head))
    }

    /// Says something new, as the owner; returns the number before it.
    @discardableResult
    mutating func say(_ observation: Observation) -> UInt64 {
        let before = self.head
        self.head += 1
        self.put(ObservationDelta.Entry(sequence: self.head, observation: observation))
        return before
    }

    /// Begins a start above `version`, saying again everything that is said, as the owner.
    mutating func outrank(_ version: ObservationVersion) {
        let said = self.places.compactMap { place -> Observation? in
            guard let entry = self.values[place.subject], entry.sequence == place.sequence,
                !entry.observation.isWithdrawal
            else { return nil }
            return entry.observation
        }
        self = ObservationLog(boot: version.boot)
        self.head = version.sequence
        for observation in said { self.say(observation) }
        self.floor = self.head
    }

    /// What taking in a run came to.
    struct Outcome: Equatable {
        /// What changed, by aspect.
        var aspects: ObservationAspects = []
        /// Whether the owner is known further than before.
        var hasAdvanced = false
        /// Whether there is more to ask for.
        var hasGap = false
        /// Observations left out because the bound is reached.
        var refused = 0
        /// Whether the run told the newest of what was known before.
        var isCurrent = false
    }

    /// Takes in a run that a peer sent; any part of it may be a lie, none of it can do harm beyond
    /// this owner.
    ///
    /// - Parameters:
    ///   - delta: the run.
    ///   - limit: observations kept at most.
    ///   - isAnswer: whether this node asked for it. A whole that begins before what is known here
    ///     is then taken in from its start: the sender cannot tell what was withdrawn meanwhile.
    ///   - flaw: for simulations only.
    /// - Returns: what it came to.
    mutating func merge(
        _ delta: ObservationDelta,
        limit: Int,
        isAnswer: Bool = false,
        flaw: ObservationFlaw? = nil
    ) -> Outcome {
        var outcome = Outcome()
        guard delta.boot >= self.boot else { return outcome }
        if delta.boot > self.boot {
            guard delta.base == 0 else {
                outcome.hasGap = true
                return outcome
            }
            self.restart(delta.boot)
        }
        let isFromStart =
            isAnswer && delta.base == 0 && delta.newest > self.head && !self.isRebuilding
        guard delta.head > self.head || isFromStart else {
            outcome.isCurrent = delta.boot == self.boot && delta.head == self.head
            outcome.hasGap = delta.newest > self.head
            return outcome
        }
        if delta.base == 0, self.rebuiltAt == nil {
            self.unconfirmed =
                flaw == .keepsFormerStarts ? [] : Set(self.values.keys).subtracting([.load])
            self.rebuiltAt = delta.newest
            self.floor = delta.newest
        }
        for entry in delta.entries where entry.sequence > delta.base && entry.sequence <= delta.head
        {
            self.unconfirmed.remove(entry.observation.subject)
            guard self.admits(entry.observation, limit: limit) else {
                outcome.refused += 1
                continue
            }
            if self.put(entry) { outcome.aspects.formUnion(.init(of: entry.observation.subject)) }
        }
        if delta.base <= self.head {
            self.head = delta.head
            outcome.hasAdvanced = true
            outcome.aspects.formUnion(self.finishRebuilding())
        }
        outcome.hasGap = delta.newest > self.head
        return outcome
    }

    /// What was said after `base`, as far as it fits.
    ///
    /// The run starts as low as it truly can, so that who missed only what was replaced since can
    /// use it.
    ///
    /// - Parameters:
    ///   - base: what the receiver knows.
    ///   - byteCount: room, head included.
    ///   - owner: the owner.
    ///   - scope: how far away the receiver is.
    ///   - isRest: whether the receiver is taking in the whole and has it up to `base`.
    /// - Returns: the run, without entries when not even one fits; `nil` when there is nothing to
    ///   tell, or nothing may be told yet.
    func delta(
        after base: ObservationVersion,
        fitting byteCount: Int,
        of owner: NodeID,
        in scope: ObservationScope,
        isRest: Bool = false
    ) -> ObservationDelta? {
        guard !self.isRebuilding, base < self.version else { return nil }
        var room =
            byteCount - ObservationDelta.headByteCount(boot: self.boot, newest: self.head)
        guard room >= 0 else { return nil }
        let isUsable = base.boot == self.boot && (isRest || base.sequence >= self.floor)
        let known = isUsable ? base.sequence : 0
        var index = known == 0 ? 0 : self.index(after: known)
        var entries: [ObservationDelta.Entry] = []
        var head = known
        var isAll = true
        while index < self.places.count, self.places[index].sequence <= self.head {
            defer { index += 1 }
            guard let entry = self.live(self.places[index]) else { continue }
            guard scope.covers(self.places[index].subject),
                known > 0 || !entry.observation.isWithdrawal
            else { continue }
            let size = ObservationDelta.byteCount(
                of: entry.observation,
                sequence: entry.sequence
            )
            guard size <= room else {
                isAll = false
                break
            }
            room -= size
            head = entry.sequence
            entries.append(entry)
        }
        return ObservationDelta(
            owner: owner,
            boot: self.boot,
            base: isRest ? known : self.lowestBase(of: known, in: scope),
            head: isAll ? self.head : head,
            newest: self.head,
            entries: entries
        )
    }

    /// The end of what was said, as far as it fits: all of it where that is little.
    ///
    /// - Parameters:
    ///   - byteCount: room, head included.
    ///   - owner: the owner.
    ///   - scope: how far away the receiver is.
    /// - Returns: the run; `nil` when there is nothing to tell, or nothing may be told yet.
    func tail(
        fitting byteCount: Int,
        of owner: NodeID,
        in scope: ObservationScope
    ) -> ObservationDelta? {
        guard !self.isRebuilding, self.head > 0 else { return nil }
        var room =
            byteCount - ObservationDelta.headByteCount(boot: self.boot, newest: self.head)
        guard room >= 0 else { return nil }
        var entries: [ObservationDelta.Entry] = []
        var base: UInt64 = 0
        for place in self.places.reversed() where place.sequence <= self.head {
            guard let entry = self.live(place) else { continue }
            guard scope.covers(place.subject) else { continue }
            let size = ObservationDelta.byteCount(
                of: entry.observation,
                sequence: entry.sequence
            )
            guard size <= room else {
                base = max(place.sequence, self.floor)
                break
            }
            room -= size
            entries.append(entry)
        }
        return ObservationDelta(
            owner: owner,
            boot: self.boot,
            base: base,
            head: self.head,
            newest: self.head,
            entries: entries.reversed()
        )
    }
}

extension ObservationLog {
    private mutating func restart(_ boot: UInt64) {
        let known = self.values
        self = ObservationLog(boot: boot)
        // Numbered 0, what the start before said stays in use until this one has spoken.
        for (subject, entry) in known where !entry.observation.isWithdrawal {
            self.values[subject] = .init(sequence: 0, observation: entry.observation)
        }
    }

    private func admits(_ observation: Observation, limit: Int) -> Bool {
        self.values[observation.subject] != nil || self.values.count < limit
    }

    /// Takes an observation in if it is newer; returns whether it says something else than before.
    @discardableResult
    private mutating func put(_ entry: ObservationDelta.Entry) -> Bool {
        let subject = entry.observation.subject
        let old = self.values[subject]
        guard entry.sequence > old?.sequence ?? 0 else { return false }
        self.values[subject] = entry
        self.withdrawals += entry.observation.isWithdrawal ? 1 : 0
        self.withdrawals -= old?.observation.isWithdrawal == true ? 1 : 0
        let place = Place(sequence: entry.sequence, subject: subject)
        if let last = self.places.last, last.sequence > entry.sequence {
            self.places.insert(place, at: self.index(after: entry.sequence))
        } else {
            self.places.append(place)
        }
        if subject != .load {
            self.regionHead = max(self.regionHead, entry.sequence)
            if ObservationScope.mesh.covers(subject) {
                self.meshHead = max(self.meshHead, entry.sequence)
            }
        }
        if self.withdrawals > Self.withdrawalLimit { self.forgetWithdrawals() }
        if self.places.count > 2 * self.values.count + 64 { self.compact() }
        return old?.observation != entry.observation
    }

    /// Ends what the whole did not confirm, once it has arrived.
    private mutating func finishRebuilding() -> ObservationAspects {
        guard let end = self.rebuiltAt, self.head >= end else { return [] }
        var aspects: ObservationAspects = []
        for subject in self.unconfirmed where (self.values[subject]?.sequence ?? 0) <= end {
            guard let entry = self.values.removeValue(forKey: subject) else { continue }
            if entry.observation.isWithdrawal {
                self.withdrawals -= 1
            } else {
                aspects.formUnion(.init(of: subject))
            }
        }
        self.unconfirmed = []
        self.rebuiltAt = nil
        self.compact()
        return aspects
    }

    /// Forgets the older half of the withdrawals.
    private mutating func forgetWithdrawals() {
        var left = self.withdrawals / 2
        for place in self.places where left > 0 {
            guard let entry = self.live(place), entry.observation.isWithdrawal else { continue }
            self.values[place.subject] = nil
            self.withdrawals -= 1
            self.floor = max(self.floor, place.sequence)
            left -= 1
        }
        self.compact()
    }

    private mutating func compact() {
        let values = self.values
        self.places.removeAll { values[$0.subject]?.sequence != $0.sequence }
    }

    private func live(_ place: Place) -> ObservationDelta.Entry? {
        guard let entry = self.values[place.subject], entry.sequence == place.sequence else {
            return nil
        }
        return entry
    }

    /// The lowest number that a run after `base` may begin at.
    ///
    /// That of the last observation in use up to there, and of the last forgotten withdrawal. A load
    /// that was missed is renewed soon.
    private func lowestBase(of base: UInt64, in scope: ObservationScope) -> UInt64 {
        guard base > 0 else { return 0 }
        var index = self.index(after: base)
        while index > 0 {
            index -= 1
            let place = self.places[index]
            if place.subject != .load, scope.covers(place.subject), self.live(place) != nil {
                return max(place.sequence, self.floor)
            }
        }
        return 0
    }

    /// The first place whose number is above `sequence`.
    private func index(after sequence: UInt64) -> Int {
        var range = 0..<self.places.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range =
                self.places[middle].sequence <= sequence
                ? (middle + 1)..<range.upperBound : range.lowerBound..<middle
        }
        return range.lowerBound
    }
}
