import MeshMembership
import MeshPrimitives
import MeshWire
import NIOCore

/// Questions to other nodes, and theirs to this one; both bounded.
struct PeerQuestions {
    /// Questions that wait for their answer at most; further ones are not asked.
    static let askedLimit = 256
    /// Questions of others that are worked on at most; further ones are answered 503.
    static let servedLimit = 16
    /// How long an answer is waited for: 3 s.
    static let patience = Duration.seconds(3)

    /// Who waits, by the question's number.
    var asked: [UInt64: (node: NodeID, promise: EventLoopPromise<PeerAnswer?>)] = [:]
    var last: UInt64 = 0
    var served = 0
    /// Answers the questions of others; nil before the node can.
    var respond: ClusterService.Respond?
}

extension ClusterLoop {
    /// Asks a member; `promise` succeeds with its answer, or with `nil` when none came in time.
    func ask(_ path: String, of id: NodeID, promise: EventLoopPromise<PeerAnswer?>) {
        self.questions.last += 1
        let number = self.questions.last
        guard self.isRunning, !self.isPaused, self.membership.member(id) != nil,
            self.questions.asked.count < PeerQuestions.askedLimit,
            let question = PeerQuestion(number: number, path: path)
        else { return promise.succeed(nil) }
        self.questions.asked[number] = (id, promise)
        self.stream(.question(question), to: id)
        self.after(PeerQuestions.patience) { $0.endQuestion(number, nil) }
    }

    /// Takes in a question of a member, and answers it when that is known.
    func received(_ question: PeerQuestion, from peer: NodeID) {
        guard self.membership.member(peer) != nil, !self.isPaused else { return }
        let number = question.number
        guard let respond = self.questions.respond,
            self.questions.served < PeerQuestions.servedLimit
        else {
            let busy = PeerAnswer(number: number, status: 503, body: [])
            return self.stream(.answer(busy), to: peer)
        }
        self.questions.served += 1
        let done = self.eventLoop.makePromise(of: PeerAnswer.self)
        done.completeWithTask {
            let (status, body) = await respond(question.path)
            return PeerAnswer(number: number, status: status, body: body)
        }
        done.futureResult.assumeIsolated().whenComplete { outcome in
            self.questions.served -= 1
            guard case .success(let answer) = outcome, self.isRunning else { return }
            self.stream(.answer(answer), to: peer)
        }
    }

    /// Takes in an answer; one that nobody waits for, or that another node gives, is dropped.
    func received(_ answer: PeerAnswer, from peer: NodeID) {
        guard self.questions.asked[answer.number]?.node == peer else { return }
        self.endQuestion(answer.number, answer)
    }

    /// Ends every question, as the node stops.
    func endQuestions() {
        for number in self.questions.asked.keys { self.endQuestion(number, nil) }
    }

    private func endQuestion(_ number: UInt64, _ answer: PeerAnswer?) {
        self.questions.asked.removeValue(forKey: number)?.promise.succeed(answer)
    }
}
