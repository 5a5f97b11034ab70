import MeshPrimitives
import Testing

@testable import MeshHealth

/// One node, some targets of one upstream, an upstream that was serving for a while.
@Suite("A target that was out of use")
struct HealthReturnTests {
    private var node = ServingNode()

    private func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
    }

    private mutating func configure(_ count: Int = 4, at seconds: Double = 0) {
        self.node.configure(count, at: self.at(seconds))
    }

    private func seen(
        _ index: Int,
        refused: UInt32 = 0,
        statuses: [UInt16] = []
    )
        -> TargetObservation
    {
        var seen = TargetObservation(id: self.node.targets[index].id)
        seen.connectFailures = refused
        seen.statuses = statuses.map { .init(status: $0, count: 1) }
        return seen
    }

    private func factor(_ index: Int, at seconds: Double) -> Float? {
        self.node.machine.views(at: self.at(seconds)).first {
            $0.target.id == self.node.targets[index].id
        }?.factor
    }

    private func offers(_ effects: [HealthMachine.Effect]) -> [TrialOffer] {
        effects.compactMap { if case .trial(let offer) = $0 { offer } else { nil } }
    }

    /// Wakes the machine as it wishes, answering every check with `outcome`.
    private mutating func run(
        _ effects: [HealthMachine.Effect],
        from start: Double,
        to end: Double,
        _ outcome: ProbeResult.Outcome
    ) -> [HealthMachine.Effect] {
        var (effects, next, all) = (effects, self.at(start), effects)
        while next <= self.at(end) {
            var wake: MonotonicInstant?
            var results: [ProbeResult] = []
            for effect in effects {
                if case .wake(let moment) = effect { wake = moment }
                guard case .probe(let request) = effect else { continue }
                results.append(
                    ProbeResult(
                        id: request.id,
                        sequence: request.sequence,
                        outcome: outcome,
                        latency: .milliseconds(1)
                    )
                )
            }
            effects = results.flatMap { self.node.machine.finished($0, at: next) }
            if effects.isEmpty || wake != nil {
                next = max(wake ?? next.advanced(by: .milliseconds(50)), next)
                effects += self.node.machine.wake(at: next)
            }
            all += effects
        }
        return all
    }

    @Test("is never out for ever because of one refused connection and checks of a wrong path")
    mutating func wrongPath() {
        self.node.settings.active.check = .http(path: "/nothing", host: "api", headers: [])
        self.node.settings.active.healthyInterval = .seconds(1)
        self.node.settings.active.unhealthyInterval = .seconds(1)
        self.node.settings.active.rules.unhealthyStatuses = [404, 500]
        self.configure()
        let effects = self.node.machine.observe([self.seen(0, refused: 1)], at: self.at(1))
        #expect(self.factor(0, at: 1) == 0)

        // Kong's thresholds are 0: a 404 is neither for the target nor against it.
        let all = self.run(effects, from: 1, to: 8, .status(404))
        #expect(!self.offers(all).isEmpty)
        for step in 0..<3 {
            _ = self.node.machine.observe(
                [self.seen(0, statuses: [200])],
                at: self.at(8.5 + Double(step) / 10)
            )
        }

        #expect(self.factor(0, at: 9) == 0.1)
    }

    @Test("is tried by one request at a time, which may be repeated elsewhere")
    mutating func singleTrials() throws {
        self.configure()
        let effects = self.node.machine.observe(
            [self.seen(0, statuses: [502, 503, 504, 500, 500].map { $0 })],
            at: self.at(1)
        )
        #expect(self.factor(0, at: 1) == 0)
        let all = self.run(effects, from: 1, to: 7.2, .connected)
        let offer = try #require(self.offers(all).first)
        #expect(offer.isCautious && offer.patience == .seconds(1))
        #expect(offer.until > self.at(5) && offer.until < self.at(9.1))
        #expect(self.factor(0, at: 7.2) == 0, "a trial is no share of the traffic")

        let won = self.node.machine.observe([self.seen(0, statuses: [200])], at: self.at(7.3))
        #expect(self.offers(won).count == 1, "the next one follows at once")
        let lost = self.node.machine.observe([self.seen(0, statuses: [500])], at: self.at(7.4))
        #expect(self.offers(lost).isEmpty)
        let later = self.run(lost, from: 7.4, to: 14, .connected)
        #expect(self.offers(later).isEmpty, "the back-off has doubled")
        let last = self.run([.wake(at: self.at(14))], from: 14, to: 20, .connected)
        #expect(self.offers(last).first?.patience == .seconds(2))
    }

    @Test("is back by checks alone when no request takes its trial")
    mutating func nobodyTries() {
        self.configure()
        var timeouts = self.seen(0)
        timeouts.timeouts = 2
        let effects = self.node.machine.observe([timeouts], at: self.at(1))
        let early = self.run(effects, from: 1, to: 60, .connected)
        #expect(self.factor(0, at: 60) == 0)
        #expect(self.offers(early).last?.isCautious == false)
        _ = self.run([.wake(at: self.at(60))], from: 60, to: 90, .connected)
        #expect(self.factor(0, at: 90) == 1)
    }

    @Test("keeps schedule, verdict and ramp when the configuration changes around it")
    mutating func reconfigured() {
        self.configure()
        for index in 0..<4 {
            _ = self.node.machine.observe([self.seen(index, statuses: [200])], at: self.at(0.1))
        }
        let effects = self.node.machine.observe([self.seen(0, refused: 1)], at: self.at(20))
        _ = self.run(effects, from: 20, to: 23, .connected)
        let ramping = self.factor(0, at: 23) ?? 0
        #expect(ramping > 0 && ramping < 1)

        self.node.settings.passive.timeouts = 9
        self.configure(3, at: 23)
        #expect(abs((self.factor(0, at: 23) ?? 0) - ramping) < 0.06)
        _ = self.node.machine.observe([self.seen(1, refused: 1)], at: self.at(24))
        self.node.settings.passive.timeouts = 8
        self.configure(2, at: 24)
        #expect(self.factor(1, at: 24) == 0)
    }

    @Test("starts slowly when it is new among targets that serve, at once when all are new")
    mutating func newTargets() {
        self.configure(3)
        for index in 0..<3 {
            #expect(self.factor(index, at: 0) == 1)
            _ = self.node.machine.observe([self.seen(index, statuses: [200])], at: self.at(0.5))
        }
        self.configure(4, at: 60)
        #expect(self.factor(3, at: 60) == 0.1)
        _ = self.node.machine.wake(at: self.at(65))
        #expect(abs((self.factor(3, at: 65) ?? 0) - 0.5) < 0.06)
        _ = self.node.machine.wake(at: self.at(71))
        #expect(self.factor(3, at: 71) == 1)
    }

    @Test("stays out by an operator's word until the word or checks bring it back")
    mutating func marked() {
        self.configure()
        let id = self.node.targets[0].id
        let effects = self.node.machine.mark([id], isHealthy: false, at: self.at(1))
        let all = self.run(effects, from: 1, to: 400, .connected)
        #expect(self.offers(all).isEmpty)
        #expect(self.factor(0, at: 400) == 0, "a connection is no health check")
        let view = self.node.machine.views(at: self.at(400)).first { $0.target.id == id }
        #expect(view?.reason == .word, "neither checks nor traffic change why")
        #expect(view?.circuit == nil && view?.nextTry == nil)
        let told = effects.compactMap {
            if case .event(let event) = $0 { event.reason } else { nil }
        }
        #expect(told == [.word])

        _ = self.node.machine.mark([self.node.targets[0].id], isHealthy: true, at: self.at(401))
        #expect(self.factor(0, at: 401) == 0.1)
    }

    @Test("is not said to be tried soon while its checks fail")
    mutating func inVain() {
        self.configure()
        let effects = self.node.machine.observe([self.seen(0, refused: 2)], at: self.at(1))
        #expect(self.view(0, at: 1)?.nextTry != nil)
        _ = self.run(effects, from: 1, to: 20, .connectFailed)
        #expect(self.view(0, at: 20)?.circuit == "open")
        #expect(self.view(0, at: 20)?.nextTry == nil)
    }

    private func view(_ index: Int, at seconds: Double) -> TargetView? {
        self.node.machine.views(at: self.at(seconds)).first {
            $0.target.id == self.node.targets[index].id
        }
    }

    @Test("is not accused of timeouts that this node's own lateness made")
    mutating func lateness() {
        self.node.settings.active.healthyInterval = .seconds(1)
        self.node.settings.active.rules.timeouts = 1
        self.configure()
        let effects = self.node.machine.wake(at: self.at(3))
        _ = effects
        // The wake that was wanted a second later comes after four.
        let late = self.node.machine.wake(at: self.at(9))
        var timeouts = self.seen(2)
        timeouts.timeouts = 5
        _ = self.node.machine.observe([timeouts], at: self.at(9.1))
        for case .probe(let request) in effects + late {
            _ = self.node.machine.finished(
                ProbeResult(
                    id: request.id,
                    sequence: request.sequence,
                    outcome: .timedOut,
                    latency: .seconds(1)
                ),
                at: self.at(9.2)
            )
        }

        #expect((0..<4).allSatisfy { self.factor($0, at: 10) == 1 })
    }

    @Test("serves nobody because others are out, too, when nothing listens there any more")
    mutating func killed() {
        self.configure()
        for index in 0..<4 {
            _ = self.node.machine.observe([self.seen(index, statuses: [200])], at: self.at(1))
        }
        // All are killed: first their connections break, then new ones are refused.
        for index in 0..<4 {
            var seen = TargetObservation(id: self.node.targets[index].id)
            seen.resets = 2
            _ = self.node.machine.observe([seen], at: self.at(2))
        }
        #expect((0..<4).contains { self.factor($0, at: 2) == 1 }, "less than half is in use")
        for index in 0..<4 {
            _ = self.node.machine.observe([self.seen(index, refused: 1)], at: self.at(2.1))
        }
        for index in 0..<4 { #expect(self.factor(index, at: 2.2) == 0) }
    }
}
