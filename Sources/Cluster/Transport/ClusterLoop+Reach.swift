import MeshMembership
public import MeshPrimitives
import MeshWire
import NIOCore

/// Which ways to a member work, tried on an operator's word.
public struct MemberReach: Equatable, Sendable {
    /// Whom it concerns.
    public let node: NodeID
    /// The round trip of a datagram; `nil` when none of three was answered.
    public internal(set) var datagram: Duration?
    /// How long a stream took to open and to be answered; `nil` when it was not.
    public internal(set) var stream: Duration?
}

/// One try of both ways, until both have worked or its time is over.
struct ReachTrial {
    var reach: MemberReach
    let began: MonotonicInstant
    let promise: EventLoopPromise<MemberReach>
}

/// Tries on an operator's word; apart from the probes that membership makes.
extension ClusterLoop {
    /// How long both ways are waited for: 2 s.
    private static let reachPatience = Duration.seconds(2)
    /// Datagrams of one try.
    private static let reachDatagrams = 3
    /// Members tried at one time at most; more are answered as not reached.
    private static let trialLimit = 64

    /// Tries both ways to a member.
    func reach(_ id: NodeID, promise: EventLoopPromise<MemberReach>) {
        guard let member = self.membership.member(id), self.trials.count < Self.trialLimit,
            self.isRunning, !self.isPaused
        else { return promise.succeed(MemberReach(node: id)) }
        self.lastTrial &+= 1
        // Beside the numbers that probes count up from a random start.
        let sequence = self.lastTrial
        self.trials[sequence] = ReachTrial(
            reach: MemberReach(node: id),
            began: LoopClock.now(),
            promise: promise
        )
        let ping = self.membership.streamPing(sequence: sequence, target: id)
        self.exchange(ping, with: member.profile.address, purpose: .trial(id, sequence: sequence))
        for number in 0..<Self.reachDatagrams {
            self.after(.milliseconds(300) * number) { loop in
                guard loop.trials[sequence]?.reach.datagram == nil, loop.trials[sequence] != nil
                else { return }
                loop.send(.membership(ping), to: member.profile.address)
            }
        }
        self.after(Self.reachPatience) { $0.endTrial(sequence) }
    }

    /// Takes in that a trial's ping was answered; gives whether it was one.
    func trialAnswered(_ sequence: UInt32, by peer: NodeID, byStream: Bool) -> Bool {
        guard var trial = self.trials[sequence], trial.reach.node == peer else { return false }
        let took = trial.began.duration(to: LoopClock.now())
        if byStream {
            trial.reach.stream = trial.reach.stream ?? took
        } else {
            trial.reach.datagram = trial.reach.datagram ?? took
        }
        self.trials[sequence] = trial
        if trial.reach.stream != nil, trial.reach.datagram != nil { self.endTrial(sequence) }
        return true
    }

    /// Ends every try, as the node stops.
    func endTrials() {
        for sequence in self.trials.keys { self.endTrial(sequence) }
    }

    private func endTrial(_ sequence: UInt32) {
        guard let trial = self.trials.removeValue(forKey: sequence) else { return }
        trial.promise.succeed(trial.reach)
    }
}
