internal import MeshBalancing
internal import MeshHTTP
internal import MeshHealth
internal import MeshPrimitives
internal import Synchronization

/// One request's chance to try a target that is out of use, whichever worker gets that request.
final class TrialTicket: Sendable {
    private enum Stage {
        static let open = 0
        static let running = 1
        static let over = 2
    }

    let offer: TrialOffer
    /// How long it may be taken from when it was issued.
    let validity: Duration
    private let stage = Atomic(Stage.open)

    init(_ offer: TrialOffer, validity: Duration) {
        self.offer = offer
        self.validity = validity
    }

    var isRunning: Bool { self.stage.load(ordering: .relaxed) == Stage.running }
    var isOpen: Bool { self.stage.load(ordering: .relaxed) == Stage.open }

    /// Takes it; `false` when another worker was faster.
    func take() -> Bool {
        self.stage.compareExchange(
            expected: Stage.open,
            desired: Stage.running,
            ordering: .relaxed
        ).exchanged
    }

    /// The request that took it is through.
    func end() { self.stage.store(Stage.over, ordering: .relaxed) }
}

/// The newest ticket of each target.
struct TrialTickets {
    /// Most targets whose tickets are remembered; those that do not run are forgotten first.
    private static let limit = 1_024

    private var tickets: [TargetID: TrialTicket] = [:]

    /// Issues tickets for targets of which no trial is running.
    mutating func issue(_ offers: [TrialOffer], at now: MonotonicInstant) -> [TrialTicket] {
        if self.tickets.count + offers.count > Self.limit {
            self.tickets = self.tickets.filter(\.value.isRunning)
        }
        return offers.compactMap { offer in
            let validity = now.duration(to: offer.until)
            guard validity > .zero, self.tickets[offer.id]?.isRunning != true else { return nil }
            let ticket = TrialTicket(offer, validity: validity)
            self.tickets[offer.id] = ticket
            return ticket
        }
    }
}

/// A ticket as one worker holds it.
struct OpenTrial {
    let ticket: TrialTicket
    /// Milliseconds on the worker's clock.
    let until: Int64
}

/// A ticket that a request has taken.
struct TakenTrial {
    let ticket: TrialTicket
    let target: TargetIndex
}

/// Single requests that find out whether a target is back.
extension Worker {
    func open(_ tickets: [TrialTicket]) {
        self.dropOldTrials()
        for ticket in tickets {
            let milliseconds = Int64(max(1, min(ticket.validity.milliseconds, 600_000)))
            self.trials.append(OpenTrial(ticket: ticket, until: self.milliseconds + milliseconds))
        }
    }

    private func dropOldTrials() {
        self.trials.removeAll { $0.until <= self.milliseconds || !$0.ticket.isOpen }
    }

    /// Takes a trial for a request that has not been sent anywhere, if there is one that it fits.
    func takeTrial(
        _ exchange: UnsafeMutablePointer<Exchange>,
        of upstream: UpstreamIndex
    ) -> TakenTrial? {
        self.dropOldTrials()
        guard exchange.pointee.attempts == 0 else { return nil }
        let isSafe =
            exchange.pointee.flags.contains([.idempotent, .isKept])
            && (self.routePlan(exchange)?.pointee.retries ?? 0) > 0
        let balancer = exchange.pointee.view.pointee.live[Int(upstream.rawValue)]
            ._withUnsafeGuaranteedRef { $0.balancer }
        for trial in self.trials {
            // Where nothing else is in use, a request that must not be repeated has nothing to lose.
            guard isSafe || !trial.ticket.offer.isCautious || !balancer.hasHealthy,
                let index = self.targets[trial.ticket.offer.id]?.pointee.place(in: balancer),
                trial.ticket.take()
            else { continue }
            return TakenTrial(ticket: trial.ticket, target: TargetIndex(index))
        }
        return nil
    }

    /// Gives an attempt the patience of its trial.
    func begin(_ trial: TakenTrial, at index: Int32) {
        let patience = Int32(max(1, min(trial.ticket.offer.patience.milliseconds, 3_600_000)))
        self.attempts[index].pointee.patience = patience
        self.runningTrials[index] = trial.ticket
    }

    /// Moves the trial of an attempt that is repeated on another connection.
    func moveTrial(from index: Int32, to again: Int32, patience: Int32) {
        guard let ticket = self.runningTrials.removeValue(forKey: index) else { return }
        guard again >= 0 else { return ticket.end() }
        self.attempts[again].pointee.patience = patience
        self.runningTrials[again] = ticket
    }

    /// The attempt on trial is over, however it went.
    func endTrial(_ index: Int32) {
        self.attempts[index].pointee.patience = 0
        self.runningTrials.removeValue(forKey: index)?.end()
    }

    /// Whether the answer at hand loses a trial and another target gets the request, so that the
    /// client need not know; any other answer ends the trial, too.
    func losesTrial(_ index: Int32) -> Bool {
        guard self.attempts[index].pointee.patience > 0 else { return false }
        let status = self.response.status
        guard status == 500 || (502...504).contains(status),
            self.policy(index, .lostTrial).decision == .otherTarget
        else {
            self.endTrial(index)
            return false
        }
        self.observeAnswer(self.exchanges[self.attempts[index].pointee.exchange], status: status)
        self.attemptFailed(index, .lostTrial)
        return true
    }
}
