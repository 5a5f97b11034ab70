import MeshHealth
import MeshObservations

extension ObserverVotes {
    /// A report as the mesh carries it.
    init(_ report: HealthReport) {
        self.init()
        self.isAbstaining = report.isAbstaining
        self.votes = report.votes.mapValues { vote in
            TargetVote(
                stance: TargetVote.Stance(rawValue: vote.stance.rawValue) ?? .up,
                reason: vote.reason.rawValue,
                isChecker: vote.isChecker,
                successes: vote.successes,
                failures: vote.failures
            )
        }
    }
}

extension HealthReport {
    /// What the mesh has carried.
    init(_ votes: ObserverVotes) {
        self.init()
        self.isAbstaining = votes.isAbstaining
        self.votes = votes.votes.mapValues { vote in
            HealthVote(
                stance: HealthStance(rawValue: vote.stance.rawValue) ?? .up,
                reason: HealthReason(rawValue: vote.reason) ?? .none,
                isChecker: vote.isChecker,
                successes: vote.successes,
                failures: vote.failures
            )
        }
    }
}
