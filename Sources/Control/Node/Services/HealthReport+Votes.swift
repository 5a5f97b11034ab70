import MeshHealth
import MeshObservations
import MeshPrimitives

extension ObserverVotes {
    /// What this node's health machine says of targets, as the mesh carries it.
    init(_ report: HealthReport) {
        self.init()
        self.isAbstaining = report.isAbstaining
        self.votes = report.votes.mapValues { vote in
            TargetVote(
                stance: TargetVote.Stance(vote.stance),
                reason: vote.reason.rawValue,
                isChecker: vote.isChecker,
                successes: vote.successes,
                failures: vote.failures
            )
        }
    }
}

extension HealthReport {
    /// What another node says of targets; a reason that is newer than this software is none.
    init(_ votes: ObserverVotes) {
        self.init()
        self.isAbstaining = votes.isAbstaining
        self.votes = votes.votes.mapValues { vote in
            HealthVote(
                stance: HealthStance(vote.stance),
                reason: HealthReason(rawValue: vote.reason) ?? .none,
                isChecker: vote.isChecker,
                successes: vote.successes,
                failures: vote.failures
            )
        }
    }
}

extension TargetVote.Stance {
    fileprivate init(_ stance: HealthStance) {
        switch stance {
        case .up: self = .up
        case .suspect: self = .suspect
        case .down: self = .down
        }
    }
}

extension HealthStance {
    fileprivate init(_ stance: TargetVote.Stance) {
        switch stance {
        case .up: self = .up
        case .suspect: self = .suspect
        case .down: self = .down
        }
    }
}
