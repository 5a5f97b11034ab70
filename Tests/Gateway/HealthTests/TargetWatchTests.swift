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

    private func check(
        _ rules: HealthSettings.Rules,
        isExpected: Bool = false
    )
        -> TargetWatch.Check
    {
        TargetWatch.Check(
            rules: rules,
            timing: self.timing,
            isConnectionOnly: true,
            isExpected: isExpected
        )
    }

    @Test("suspects a target after one refused connection")
    mutating func suspects() {
        self.watch.observe(self.seen(refused: 1), rules: self.rules, at: self.at(1))

        #expect(self.watch.state == .suspect(since: self.at(1)))
        #expect(self.watch.reason == .connectFailed)
    }

    @Test("does not take a target for doubtful that broke connections and refuses them now")
    mutating func killed() {
        self.watch.observe(self.seen(resets: 2), rules: self.rules, at: self.at(1))
        #expect(self.watch.isSoft)
        self.watch.checked(.connectFailed, self.check(self.rules), at: self.at(1.1))
        #expect(!self.watch.isSoft && self.watch.stance == .down)
        #expect(self.watch.reason == .connectFailed)

        var other = TargetWatch()
        other.observe(self.seen(timeouts: 2), rules: self.rules, at: self.at(1))
        #expect(other.isSoft)
        other.observe(self.seen(refused: 1), rules: self.rules, at: self.at(1.1))
        #expect(!other.isSoft && other.stance == .suspect)
        #expect(other.reason == .connectFailed)
    }

    @Test("takes no connection for proof that a target has stopped to break and refuse them")
    mutating func crashLoops() {
        let active = HealthSettings.Active().rules
        for isDown in [false, true] {
            var watch = TargetWatch()
            watch.observe(self.seen(resets: 2), rules: self.rules, at: self.at(1))
            if isDown {
                watch.checked(.connectFailed, self.check(active), at: self.at(1.1))
            } else {
                watch.observe(self.seen(refused: 1), rules: self.rules, at: self.at(1.1))
            }
            #expect(!watch.isSoft)
            for second in 2...20 {
                watch.checked(.connected, self.check(active), at: self.at(Double(second)))
                #expect(watch.stance != .up && watch.ground == .detector)
            }
            #expect(watch.isSoft, "it listens, so it is only in doubt again")
            watch.beginTrial(at: self.at(21))
            watch.checked(.connectFailed, self.check(active), at: self.at(22))
            #expect(!watch.isSoft && watch.stance == .down, "out again, and gone")
        }
    }

    @Test("does not suspect a target for one reset among answers")
    mutating func toleratesOneReset() {
        self.watch.observe(
            self.seen(statuses: [200: 50], resets: 1),
            rules: self.rules,
            at: self.at(1)
        )

        #expect(self.watch.stance == .up)
    }

    @Test("excludes a suspect when a check fails too, and needs three checks to bring it back")
    mutating func excludesAndReturns() {
        self.watch.observe(self.seen(refused: 1), rules: self.rules, at: self.at(1))
        let active = HealthSettings.Active().rules
        self.watch.checked(
            .connectFailed,
            self.check(active, isExpected: true),
            at: self.at(1.1)
        )
        #expect(self.watch.stance == .down)

        for step in 1...2 {
            self.watch.checked(.connected, self.check(active), at: self.at(2))
            #expect(self.watch.stance == .down, "after \(step) successes")
        }
        self.watch.checked(.connected, self.check(active), at: self.at(2))

        #expect(self.watch.stance == .up)
    }

    @Test("counts unhealthy statuses in a row and excludes at Kong's threshold")
    mutating func countsStatuses() {
        self.rules.httpFailures = 3
        self.watch.observe(self.seen(statuses: [500: 2]), rules: self.rules, at: self.at(1))
        self.watch.observe(self.seen(statuses: [200: 1]), rules: self.rules, at: self.at(2))
        self.watch.observe(self.seen(statuses: [500: 2]), rules: self.rules, at: self.at(3))
        #expect(self.watch.stance == .up, "a success in between starts the count anew")

        self.watch.observe(self.seen(statuses: [503: 1]), rules: self.rules, at: self.at(4))

        #expect(self.watch.stance == .down)
        #expect(self.watch.reason == .unhealthyStatus)
    }

    @Test("ignores Kong's unhealthy statuses while their threshold is off")
    mutating func thresholdOff() {
        self.watch.observe(self.seen(statuses: [429: 200]), rules: self.rules, at: self.at(1))

        #expect(self.watch.stance == .up)
    }

    @Test("suspects a target that fails five answers in a row, threshold or not")
    mutating func failsInARow() {
        self.watch.observe(self.seen(statuses: [502: 4]), rules: self.rules, at: self.at(1))
        #expect(self.watch.stance == .up)
        self.watch.observe(self.seen(statuses: [502: 1]), rules: self.rules, at: self.at(2))

        #expect(self.watch.state == .suspect(since: self.at(2)))
        #expect(self.watch.isSoft)
    }

    @Test("takes failures among answers of one batch for spread, not for a row")
    mutating func mixedBatch() {
        self.watch.observe(
            self.seen(statuses: [200: 17, 500: 8]),
            rules: self.rules,
            at: self.at(1)
        )

        #expect(self.watch.stance == .up)
    }

    @Test("suspects a target after two timeouts, not one, and a connection does not clear it")
    mutating func timeouts() {
        self.watch.observe(self.seen(timeouts: 1), rules: self.rules, at: self.at(1))
        #expect(self.watch.stance == .up)
        self.watch.observe(self.seen(timeouts: 1), rules: self.rules, at: self.at(2))
        #expect(self.watch.stance == .suspect)

        let active = HealthSettings.Active().rules
        self.watch.checked(.connected, self.check(active), at: self.at(2.1))

        #expect(self.watch.stance == .suspect)
    }

    @Test("needs three trials won, whatever checks say, after timeouts")
    mutating func trialWon() {
        self.watch.observe(self.seen(timeouts: 2), rules: self.rules, at: self.at(1))
        let moment = self.watch.trialTime(timing: self.timing, salt: 7) ?? self.at(0)
        #expect((self.at(5)...self.at(7)).contains(moment))
        self.watch.beginTrial(at: self.at(6))

        for second in [7.0, 8] {
            self.watch.observe(
                self.seen(statuses: [200: 1]),
                rules: self.rules,
                at: self.at(second)
            )
            #expect(self.watch.stance == .suspect)
        }
        self.watch.observe(self.seen(statuses: [200: 1]), rules: self.rules, at: self.at(9))

        #expect(self.watch.state == .up)
        #expect(self.watch.isProven)
    }

    @Test("waits twice as long after a failed trial, and half as long after a minute in use")
    mutating func trialLost() {
        var expected = 5.0
        var moment = 0.0
        self.watch.observe(self.seen(resets: 2), rules: self.rules, at: self.at(0))
        for _ in 0..<8 {
            let next = self.watch.trialTime(timing: self.timing, salt: 3) ?? self.at(0)
            let wait = self.at(moment).duration(to: next) / .seconds(1)
            #expect((expected * 0.79...expected * 1.21).contains(wait))
            moment += 400
            self.watch.beginTrial(at: self.at(moment))
            self.watch.observe(self.seen(resets: 1), rules: self.rules, at: self.at(moment))
            #expect(self.watch.state == .down(since: self.at(moment)))
            expected = min(expected * 2, 300)
        }
        self.watch.beginTrial(at: self.at(moment))
        self.watch.observe(self.seen(statuses: [200: 3]), rules: self.rules, at: self.at(moment))
        moment += 60 * 7
        self.watch.observe(self.seen(resets: 2), rules: self.rules, at: self.at(moment))
        let again = self.watch.trialTime(timing: self.timing, salt: 3) ?? self.at(0)
        #expect(self.at(moment).duration(to: again) < .seconds(7))
    }

    /// A breaker of eight failures in a row, 10 s open, two successes to close.
    private static var breaker: HealthSettings.Breaker {
        var breaker = HealthSettings.Breaker()
        (breaker.failures, breaker.open, breaker.successes) = (8, .seconds(10), 2)
        return breaker
    }

    @Test("opens a user's circuit after as many failures in a row as it says, not before")
    mutating func opensCircuit() {
        self.watch.breaker = Self.breaker
        self.watch.observe(self.seen(statuses: [500: 6]), rules: self.rules, at: self.at(1))
        self.watch.observe(self.seen(timeouts: 1), rules: self.rules, at: self.at(2))
        #expect(self.watch.state == .up, "neither five answers nor two timeouts are enough here")
        self.watch.observe(self.seen(statuses: [200: 1]), rules: self.rules, at: self.at(3))
        self.watch.observe(self.seen(statuses: [500: 7]), rules: self.rules, at: self.at(4))
        #expect(self.watch.state == .up, "a success begins the count anew")
        self.watch.observe(self.seen(resets: 1), rules: self.rules, at: self.at(5))

        #expect(self.watch.state == .suspect(since: self.at(5)))
        #expect(self.watch.ground == .breaker)
        #expect(self.watch.isCut, "nothing goes there, not even in need")
    }

    @Test("keeps a circuit open for its time whatever checks say, then closes it by requests")
    mutating func closesCircuit() {
        self.watch.breaker = Self.breaker
        self.watch.observe(self.seen(statuses: [500: 8]), rules: self.rules, at: self.at(1))
        for second in 2..<10 {
            self.watch.checked(
                .status(200),
                self.check(HealthSettings.Active().rules),
                at: self.at(Double(second))
            )
        }
        #expect(self.watch.isCut)
        #expect(!self.watch.mayReturn(self.timing, at: self.at(10)))
        #expect(self.watch.trialTime(timing: self.timing, salt: 7) == self.at(11))

        self.watch.beginTrial(at: self.at(11))
        self.watch.observe(self.seen(statuses: [500: 1]), rules: self.rules, at: self.at(12))
        #expect(self.watch.state == .down(since: self.at(12)), "half-open, and lost")
        #expect(
            self.watch.trialTime(timing: self.timing, salt: 7) == self.at(22),
            "the same time again, since the user has set it"
        )
        self.watch.beginTrial(at: self.at(22))
        self.watch.observe(self.seen(statuses: [200: 1]), rules: self.rules, at: self.at(23))
        #expect(self.watch.trialSince != nil, "one of two")
        self.watch.observe(self.seen(statuses: [200: 1]), rules: self.rules, at: self.at(24))
        #expect(self.watch.state == .up)
    }

    @Test("opens a user's circuit by the share of failures, once there are enough attempts")
    mutating func opensByRatio() {
        self.watch.breaker.ratio = 0.5
        self.watch.breaker.requests = 20
        self.watch.observe(
            self.seen(statuses: [200: 5, 503: 9]),
            rules: self.rules,
            at: self.at(1)
        )
        let hasSay = self.watch.openByRatio(at: self.at(1))
        #expect(hasSay)
        #expect(self.watch.state == .up, "14 attempts are too few")
        self.watch.observe(
            self.seen(statuses: [200: 5, 503: 3]),
            rules: self.rules,
            at: self.at(1)
        )
        _ = self.watch.openByRatio(at: self.at(1))
        #expect(self.watch.isCut)

        var other = TargetWatch()
        other.observe(self.seen(statuses: [500: 4]), rules: self.rules, at: self.at(1))
        let isOther = other.openByRatio(at: self.at(1))
        #expect(!isOther, "without a breaker it has no say")
    }
}
