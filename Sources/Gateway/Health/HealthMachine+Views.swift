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
}

/// A verdict that changed.
public struct HealthEvent: Equatable, Sendable {
    /// The target.
    public let target: HealthTarget
    /// The new verdict at this node.
    public let verdict: TargetVerdict
    /// The own evidence behind it.
    public let reason: HealthReason
    /// How many peers speak against the target.
    public let observers: Int
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
    /// The share of its weight, 0 to 1.
    public let factor: Float
    /// Who says what, the own node first, the others by identity.
    public let observers: [Observer]
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
                factor: entry.factor,
                observers: self.words(of: entry, at: now)
            )
        }.sorted {
            ($0.target.upstream, $0.target.name, $0.target.id)
                < ($1.target.upstream, $1.target.name, $1.target.id)
        }
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
