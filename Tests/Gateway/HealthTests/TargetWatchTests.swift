import MeshPrimitives
import Testing

@testable import MeshHealth

@Suite("A target watch")
struct TargetWatchTests {
    private let timing = HealthTiming()
    private var rules = HealthSettings().passive
    private var watch = TargetWatch()

    private func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
    }

    private func seen(
        statuses: [UInt16: UInt32] = [:],
        refused: UInt32 = 0,
        resets: UInt32 = 0,
        timeouts: UInt32 = 0
    ) -> TargetObservation {
        var observation = TargetObservation(id: TargetID(rawValue: 1))
        observation.statuses = statuses.map { .init(status: $0.key, count: $0.value) }
        observation.connectFailures = refused
        observation.resets = resets
        observation.timeouts = timeouts
        return observation
    }

    @Test("suspects a target after one refused connection")
    mutating func suspects() {
        self.watch.observe(self.seen(refused: 1), rules: self.rules, at: self.at(1))

        #expect(self.watch.state == .suspect(since: self.at(1)))
        #expect(self.watch.reason == .connectFailed)
    }

    @Test("does not suspect a target for one reset among answers")
    mutating func toleratesOneReset() {
        self.watch.observe(
            self.seen(statuses: [200: 50], resets: 1),
            rules: self.rules,
            at: self.at(1)
        )

        #expect(self.watch.vote == .up)
    }

    @Test("excludes a suspect when a check fails too, and needs three checks to bring it back")
    mutating func excludesAndReturns() {
        self.watch.observe(self.seen(refused: 1), rules: self.rules, at: self.at(1))
        let active = HealthSettings.Active().rules
        self.watch.checked(.connectFailed, rules: active, isExpected: true, at: self.at(1.1))
        #expect(self.watch.vote == .down)

        for step in 1...2 {
            self.watch.checked(.connected, rules: active, isExpected: false, at: self.at(2))
            #expect(self.watch.vote == .down, "after \(step) successes")
        }
        self.watch.checked(.connected, rules: active, isExpected: false, at: self.at(2))

        #expect(self.watch.vote == .up)
    }

    @Test("counts unhealthy statuses in a row and excludes at Kong's threshold")
    mutating func countsStatuses() {
        self.rules.httpFailures = 3
        self.watch.observe(self.seen(statuses: [500: 2]), rules: self.rules, at: self.at(1))
        self.watch.observe(self.seen(statuses: [200: 1]), rules: self.rules, at: self.at(2))
        self.watch.observe(self.seen(statuses: [500: 2]), rules: self.rules, at: self.at(3))
        #expect(self.watch.vote == .up, "a success in between starts the count anew")

        self.watch.observe(self.seen(statuses: [503: 1]), rules: self.rules, at: self.at(4))

        #expect(self.watch.vote == .down)
        #expect(self.watch.reason == .unhealthyStatus)
    }

    @Test("ignores unhealthy statuses while their threshold is off")
    mutating func thresholdOff() {
        self.watch.observe(self.seen(statuses: [500: 200]), rules: self.rules, at: self.at(1))

        #expect(self.watch.vote == .up)
    }

    @Test("suspects a target after two timeouts, not one, and a connection does not clear it")
    mutating func timeouts() {
        self.watch.observe(self.seen(timeouts: 1), rules: self.rules, at: self.at(1))
        #expect(self.watch.vote == .up)
        self.watch.observe(self.seen(timeouts: 1), rules: self.rules, at: self.at(2))
        #expect(self.watch.vote == .suspect)

        let active = HealthSettings.Active().rules
        self.watch.checked(.connected, rules: active, isExpected: false, at: self.at(2.1))

        #expect(self.watch.vote == .suspect)
    }

    @Test("gives an unconfirmed suspect a trial that one answer wins")
    mutating func trialWon() {
        self.watch.observe(self.seen(resets: 2), rules: self.rules, at: self.at(1))
        self.watch.wake(timing: self.timing, canBeChecked: true, at: self.at(5.9))
        #expect(self.watch.state == .suspect(since: self.at(1)))
        self.watch.wake(timing: self.timing, canBeChecked: true, at: self.at(6))
        #expect(self.watch.state == .trial)

        self.watch.observe(self.seen(statuses: [200: 1]), rules: self.rules, at: self.at(7))

        #expect(self.watch.state == .up)
    }

    @Test("waits twice as long after a failed trial")
    mutating func trialLost() {
        self.watch.observe(self.seen(resets: 2), rules: self.rules, at: self.at(0))
        self.watch.wake(timing: self.timing, canBeChecked: false, at: self.at(5))
        self.watch.observe(self.seen(resets: 1), rules: self.rules, at: self.at(5))
        #expect(self.watch.state == .down(since: self.at(5)))

        self.watch.wake(timing: self.timing, canBeChecked: false, at: self.at(14))
        #expect(self.watch.vote == .down)
        self.watch.wake(timing: self.timing, canBeChecked: false, at: self.at(15))

        #expect(self.watch.state == .trial)
    }
}
