public import MeshPrimitives

/// What the merged evidence means for a target.
public enum TargetVerdict: String, Sendable {
    /// In use at full or growing weight.
    case healthy
    /// In use at a lowered weight: a peer speaks against it, it is slow, or too much else is out of
    /// use.
    case lowered
    /// Out of use but for one request at a time that shows whether it is back.
    case trial
    /// Out of use.
    case excluded
    /// Out of use by an operator; what is pinned to it may finish.
    case draining
    /// Out of use by an operator.
    case disabled
}

/// A target that has come to stand elsewhere than before.
public struct HealthEvent: Equatable, Sendable {
    /// The target.
    public let target: HealthTarget
    /// Where it stood.
    public let before: TargetStage
    /// Where it stands now.
    public let stage: TargetStage
    /// The verdict at this node.
    public let verdict: TargetVerdict
    /// The share of its weight that it gets, 0 to 1.
    public let factor: Float
    /// The own evidence behind it, in one word.
    public let reason: HealthReason
    /// The evidence in numbers.
    public let evidence: HealthEvidence
}

/// One target as this node sees it, with who says what.
public struct TargetView: Equatable, Sendable {
    /// One observer's last word.
    public struct Observer: Equatable, Sendable {
        /// The node that observed.
        public let node: NodeID
        /// What it says.
        public let vote: HealthVote
        /// How long ago it was last heard; zero for the own node.
        public let age: Duration
    }

    /// The target.
    public let target: HealthTarget
    /// What the evidence means here.
    public let verdict: TargetVerdict
    /// Where it stands, and for how long it has.
    public let stage: TargetStage
    /// How long it has stood there.
    public let age: Duration
    /// The own evidence, in one word.
    public let reason: HealthReason
    /// The evidence in numbers.
    public let evidence: HealthEvidence
    /// In how long single requests may try it; `nil` when it is in use, when only an operator brings it
    /// back, or while its checks fail.
    public let nextTry: Duration?
    /// The share of its weight, 0 to 1.
    public let factor: Float
    /// Who says what, the own node first, the others by identity.
    public let observers: [Observer]

    /// Its circuit: `closed`, `open` or `half-open`; `nil` when an operator has taken it out.
    public var circuit: String? {
        let circuit = self.stage.circuit
        return self.reason == .word && circuit == "open" ? nil : circuit
    }
}

extension HealthMachine {
    /// Every target with its verdict and the evidence behind it, by upstream, then by name.
    ///
    /// A checker that has said nothing against a target is shown to find it up.
    public func views(at now: MonotonicInstant) -> [TargetView] {
        self.slots.values.map { slot in
            let entry = self.entries[slot]
            return TargetView(
                target: entry.target,
                verdict: entry.told,
                stage: entry.currentStage,
                age: entry.stageSince.duration(to: now),
                reason: entry.slowFactor != nil ? .slow : entry.watch.reason,
                evidence: self.evidence(of: slot, at: now),
                nextTry: self.nextTry(of: entry, at: now),
                factor: max(0, entry.factor),
                observers: self.words(of: entry, at: now)
            )
        }.sorted {
            ($0.target.upstream, $0.target.name, $0.target.id)
                < ($1.target.upstream, $1.target.name, $1.target.id)
        }
    }

    private func nextTry(of entry: HealthEntry, at now: MonotonicInstant) -> Duration? {
        let salt = SeededGenerator.mix(entry.target.id.rawValue ^ self.node.id.low)
        guard entry.directive == nil, !entry.isTrialInVain,
            let start = entry.watch.trialTime(timing: self.timing, salt: salt)
        else { return nil }
        return max(.zero, now.duration(to: start))
    }

    private func words(of entry: HealthEntry, at now: MonotonicInstant) -> [TargetView.Observer] {
        let id = entry.target.id
        let checkers = self.share.checkers(of: id, in: entry.target.region)
        var words: [TargetView.Observer] = []
        if entry.part.rank != nil || entry.watch.lastActivity != nil {
            words.append(TargetView.Observer(node: self.node.id, vote: entry.word, age: .zero))
        }
        let speaking = self.observers.filter { $0.value.votes[id] != nil }.keys
        for node in Set(speaking).union(checkers).subtracting([self.node.id]).sorted() {
            guard let observer = self.observers[node] else { continue }
            let implied = HealthVote(stance: .up, reason: .none, isChecker: true)
            words.append(
                TargetView.Observer(
                    node: node,
                    vote: observer.votes[id]?.vote ?? implied,
                    age: (observer.votes[id]?.at ?? observer.saidAt).duration(to: now)
                )
            )
        }
        return words
    }
}

extension HealthEntry {
    /// What the own node thinks of it, in full.
    fileprivate var word: HealthVote {
        HealthVote(
            stance: self.watch.stance,
            reason: self.watch.reason,
            isChecker: self.part.rank != nil,
            successes: UInt16(clamping: self.watch.successes),
            failures: UInt16(clamping: self.watch.failures)
        )
    }
}
