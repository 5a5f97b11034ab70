public import MeshPrimitives

extension HealthMachine {
    /// Takes in all that a peer says; reports of strangers are ignored.
    ///
    /// It stands until the next: whoever hands reports over says when one has grown too old, by an
    /// empty one. Linear in the number of its votes.
    public mutating func receive(
        _ report: HealthReport,
        from observer: NodeID,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard observer != self.node.id, self.peers.contains(observer) else { return [] }
        var effects: [Effect] = []
        let before = self.observers[observer]
        let isFlip = (before?.isAbstaining ?? false) != report.isAbstaining
        var changed: [TargetID] = []
        var votes: [TargetID: (vote: HealthVote, at: MonotonicInstant)] = [:]
        votes.reserveCapacity(report.votes.count)
        for (id, vote) in report.votes {
            let old = before?.votes[id]
            let isNew = old?.vote != vote
            votes[id] = (vote, isNew ? now : old?.at ?? now)
            guard isNew || isFlip else { continue }
            changed.append(id)
            if vote.isAgainst, !report.isAbstaining, isFlip || old?.vote.stance != vote.stance {
                if let slot = self.slots[id] { self.accuse(slot, at: now) }
            }
        }
        for id in before?.votes.keys ?? [:].keys where votes[id] == nil { changed.append(id) }
        self.observers[observer] = Observer(
            isAbstaining: report.isAbstaining,
            saidAt: now,
            votes: votes
        )
        self.takeUp(changed.sorted(), into: &effects, at: now)
        self.finish(into: &effects, at: now)
        return effects
    }

    mutating func forget(
        _ observer: NodeID,
        into effects: inout [Effect],
        at now: MonotonicInstant
    ) {
        guard let gone = self.observers.removeValue(forKey: observer) else { return }
        self.takeUp(gone.votes.keys.sorted(), into: &effects, at: now)
    }

    private mutating func takeUp(
        _ ids: [TargetID],
        into effects: inout [Effect],
        at now: MonotonicInstant
    ) {
        for id in ids {
            guard let slot = self.slots[id] else { continue }
            self.retally(slot)
            self.settle(slot, into: &effects, at: now)
        }
    }

    /// A peer begins to speak against a target: checkers look at once, and what was seen before no
    /// longer counts for the target.
    mutating func accuse(_ slot: Int, at now: MonotonicInstant) {
        self.entries[slot].alarm(at: now)
        self.entries[slot].contradictions = 0
        self.entries[slot].accusedAt = now
    }

    /// Sums up what peers say of a target, in O(peers).
    mutating func retally(_ slot: Int) {
        let id = self.entries[slot].target.id
        let watch = self.entries[slot].watch
        var tally = HealthEntry.Tally()
        tally.leftAt = watch.stance == .up ? nil : watch.leftAt
        for observer in self.observers.values where !observer.isAbstaining {
            guard let heard = observer.votes[id] else { continue }
            tally.count(heard.vote)
            if let leftAt = tally.leftAt, heard.vote.refutes, heard.at > leftAt {
                tally.refutedBy += heard.vote.isChecker ? 1 : 0
                tally.isProven = tally.isProven || heard.vote.reason == .proven
            }
        }
        self.entries[slot].tally = tally
    }

    /// When what peers say brings a target back that is out of use here; `nil` while it does not.
    func refutedAt(_ slot: Int) -> MonotonicInstant? {
        let entry = self.entries[slot]
        // What was said before it went out of use again says nothing.
        guard let time = entry.watch.returnTime(self.timing),
            entry.tally.leftAt == entry.watch.leftAt
        else { return nil }
        // Of another region's target one checker alone can be heard here.
        let audible = self.share.isHome(entry.target.region) ? 2 : 1
        let isRefuted =
            entry.watch.ground == .connection && entry.part.rank == nil
            && entry.tally.refutedBy >= min(audible, max(1, self.peers.count - 1))
        return entry.watch.ground != .word && (isRefuted || entry.tally.isProven) ? time : nil
    }
}

extension HealthEntry.Tally {
    fileprivate mutating func count(_ vote: HealthVote) {
        if vote.refutes {
            self.refuting += 1
            self.refutingCheckers += vote.isChecker ? 1 : 0
        }
        // Who speaks against it has judged already, or counts nodes, not attempts.
        if vote.failures > 0, !vote.isAgainst {
            self.failing += 1
            self.failures += Double(vote.failures)
            self.attempts += Double(vote.failures) + Double(vote.successes)
        }
        guard vote.isAgainst else { return }
        self.against += 1
        switch vote.reason {
        case .connectFailed, .timedOut, .broken:
            self.isHard = self.isHard || vote.reason == .connectFailed
            self.failsChecks = self.failsChecks || (vote.isChecker && vote.stance == .down)
        case .none, .word: self.isHard = true
        case .answering, .unhealthyStatus, .failureRate, .slow, .stuck, .proven, .breaker: break
        }
    }
}
