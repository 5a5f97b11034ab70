import MeshHealth
import MeshObservations
import MeshPrimitives

extension ObserverVotes {
    /// What this node's health core says of targets, as the mesh carries it.
    init(_ report: HealthReport) {
        self.init()
        self.isAbstaining = report.isAbstaining
        for entry in report.entries {
            self.votes[entry.id] = TargetVote(
                stance: TargetVote.Stance(entry.vote),
                reason: entry.reason.rawValue,
                isChecker: entry.isChecker,
                successes: UInt16(clamping: entry.successes),
                failures: UInt16(clamping: entry.failures)
            )
        }
    }
}

extension HealthReport {
    /// What another node says of targets; a reason that is newer than this software is none.
    init(_ votes: ObserverVotes) {
        self.init(
            isAbstaining: votes.isAbstaining,
            entries: votes.votes.sorted { $0.key.rawValue < $1.key.rawValue }.map { id, vote in
                Entry(
                    id: id,
                    vote: HealthVote(vote.stance),
                    reason: HealthReason(rawValue: vote.reason) ?? .none,
                    isChecker: vote.isChecker,
                    successes: UInt32(vote.successes),
                    failures: UInt32(vote.failures)
                )
            }
        )
    }
}

extension TargetVote.Stance {
    fileprivate init(_ vote: HealthVote) {
        switch vote {
        case .up: self = .up
        case .suspect: self = .suspect
        case .down: self = .down
        }
    }
}

extension HealthVote {
    fileprivate init(_ stance: TargetVote.Stance) {
        switch stance {
        case .up: self = .up
        case .suspect: self = .suspect
        case .down: self = .down
        }
    }
}
