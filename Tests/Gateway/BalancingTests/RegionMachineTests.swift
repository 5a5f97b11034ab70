import MeshBalancing
import MeshPrimitives
import Testing

@Suite("A region machine")
struct RegionMachineTests {
    var machine = RegionMachine()
    private var clock: Int64 = 0
    private static let eu = ["eu", "us", nil]

    @Test("moves when the last target of a region is out, and says why")
    mutating func moves() {
        _ = self.configure()
        let first = self.machine.setFactor(0, of: regionTarget("eu", 0), at: second(1))
        #expect(first.shares == [700, 300, 0], "half of the capacity carries seven tenths")
        let both = self.machine.setFactor(0, of: regionTarget("eu", 1), at: second(2))
        #expect(both.shares == [0, 1_000, 0])
        #expect(both.move?.changes.first?.cause == .lost)
        #expect(both.move?.changes.first?.region == "eu")
        #expect(self.machine.activeRegions == ["api": "us"])
    }

    @Test("touches only the upstreams that have changed, and forgets those that are gone")
    mutating func partial() {
        var other = regionUpstream(RegionPolicy(), Self.eu)
        other.name = "web"
        other.targets = [(TargetID(rawValue: 91), 0, 100), (TargetID(rawValue: 92), 1, 100)]
        _ = self.machine.configure([regionUpstream(RegionPolicy(), Self.eu), other], at: second(0))
        _ = self.set(0, "eu", 1)
        let changed = self.machine.configure(changed: [other], gone: [], at: second(2))
        let told = changed.compactMap { if case .shares(let name, _, _) = $0 { name } else { nil } }
        #expect(told == ["web"])
        #expect(self.machine.activeRegions == ["api": "us", "web": "eu"], "the other stays away")
        _ = self.machine.configure(changed: [], gone: ["api"], at: second(3))
        #expect(self.machine.activeRegions == ["web": "eu"])
        #expect(self.set(1, "eu", 4).isEmpty, "its targets are nobody's any more")
    }

    @Test("returns after the hold, little by little from a tenth on")
    mutating func returns() {
        _ = self.configure()
        _ = self.set(0, "eu", 1)
        _ = self.set(1, "eu", 10)
        #expect(self.shares(at: 70) == [0, 1_000, 0])
        var before: UInt16 = 100
        #expect(self.shares(at: 71) == [100, 900, 0])
        for time in Int64(72)...171 {
            let share = self.shares(at: time)[0]
            #expect((before...(before + 10)).contains(share), "at most a point a second")
            before = share
        }
        #expect(before == 1_000)
        #expect(self.machine.views(at: second(171))["api"]?.first?.cause == .usual)
        #expect(self.machine.returns.isEmpty)
    }

    @Test("leaves only what it cannot carry, and nothing to failover targets while a region serves")
    mutating func lowersShare() {
        _ = self.configure()
        _ = self.set(0.5, "eu", 1)
        #expect(self.shares(at: 2) == [700, 300, 0])
        _ = self.set(0.8, "eu", 3)
        #expect(self.shares(at: 4) == [1_000, 0, 0])
        _ = self.set(0, "us", 5)
        _ = self.set(0.1, "eu", 6)
        #expect(self.shares(at: 7) == [1_000, 0, 0], "no other region is there")
    }

    @Test("with spill on failure leaves only when nothing is left, as classic backup servers do")
    mutating func failureOnly() {
        var policy = RegionPolicy()
        policy.spill = .failure
        _ = self.configure(policy)
        _ = self.set(0.1, "eu", 1)
        #expect(self.shares(at: 2) == [1_000, 0, 0])
        _ = self.set(0, "eu", 3)
        #expect(self.shares(at: 4) == [0, 1_000, 0])
    }

    @Test("uses failover targets only when no region has a target")
    mutating func failover() {
        _ = self.configure()
        _ = self.set(0, "eu", 1)
        #expect(self.set(0, "us", 2).shares == [0, 0, 1_000])
        #expect(self.machine.activeRegions.isEmpty)
        _ = self.set(0, "failover", 3)
        #expect(self.shares(at: 4).reduce(0, +) == 1_000, "somebody is always asked")
    }

    @Test("lets a flapping region return ever more rarely: at most five times in an hour")
    mutating func flaps() {
        _ = self.configure()
        var returns = 0
        var isReturning = false
        for time in Int64(0)..<3_600 {
            // Down for 20 s of every 100 s: longer than the hold, shorter than its double.
            if time % 100 == 0 { _ = self.set(0, "eu", time) }
            if time % 100 == 20 { _ = self.set(1, "eu", time) }
            let share = self.shares(at: time)[0]
            if share > 0, !isReturning { returns += 1 }
            isReturning = share > 0
        }
        #expect(returns <= 5, "\(returns) returns")
    }

    @Test(
        "keeps a hold that runs when the configuration is applied again, and takes a new one at once"
    )
    mutating func reconfigured() {
        _ = self.configure()
        _ = self.set(0, "eu", 1)
        _ = self.set(1, "eu", 10)
        for time in Int64(11)..<60 {
            #expect(self.configure(at: time).shares == [0, 1_000, 0])
        }
        _ = self.configure(RegionPolicy(hold: .seconds(30)), ["us", "eu", nil], at: 61)
        #expect(self.shares(at: 62) == [1_000, 0, 0])
        _ = self.configure(RegionPolicy(hold: .seconds(30)), at: 63)
        #expect(self.shares(at: 65)[0] >= 100, "its hold was over in the other order, too")
    }

    @Test("gives a return up when half of what was back is lost, and counts that as a flap")
    mutating func abortsOnLoss() {
        _ = self.configure()
        _ = self.set(0, "eu", 1)
        _ = self.set(1, "eu", 2)
        #expect(self.shares(at: 85)[0] > 0)
        #expect(self.set(0.3, "eu", 86).shares?[0] == 0)
        _ = self.set(1, "eu", 87)
        #expect(self.shares(at: 200)[0] == 0, "the hold has doubled")
        #expect(self.shares(at: 208)[0] == 100)
    }

    @Test(
        "stops a return that fails more often than what serves, and gives up one that fails far more"
    )
    mutating func comparesTraffic() {
        _ = self.configure()
        _ = self.set(0, "eu", 1)
        _ = self.set(1, "eu", 2)
        _ = self.shares(at: 64)
        for time in Int64(65)..<100 {
            self.see("eu", attempts: 100, failures: 4, at: time)
            self.see("us", attempts: 100, failures: 1, at: time)
            _ = self.shares(at: time)
        }
        let view = self.machine.views(at: second(100))["api"]?.first
        #expect(view?.cause == .frozen)
        #expect(view?.share ?? 0 < 120)
        for time in Int64(100)..<160 {
            self.see("eu", attempts: 100, failures: 0, at: time)
            self.see("us", attempts: 100, failures: 1, at: time)
            _ = self.shares(at: time)
        }
        #expect(self.shares(at: 160)[0] > 300, "it went on when it did as well")
        self.see("eu", attempts: 1_000, failures: 900, at: 161)
        #expect(self.shares(at: 162)[0] == 0)
    }

    @Test("judges a return by what it answers itself, not by the failures that it was lost by")
    mutating func forgetsTheLoss() {
        _ = self.configure(RegionPolicy(hold: .seconds(2)))
        self.see("eu", attempts: 300, failures: 12, at: 1)
        _ = self.set(0, "eu", 1)
        _ = self.set(1, "eu", 2)
        for time in Int64(2)..<20 {
            self.see("us", attempts: 100, failures: 0, at: time)
            _ = self.shares(at: time)
        }
        #expect(self.machine.views(at: second(20))["api"]?.first?.cause == .returning)
        #expect(self.shares(at: 20)[0] > 200)
    }

    @Test("stops a return that answers more slowly than what serves")
    mutating func comparesLatency() {
        _ = self.configure()
        _ = self.set(0, "eu", 1)
        _ = self.set(1, "eu", 2)
        _ = self.shares(at: 64)
        for time in Int64(65)..<100 {
            self.see("eu", attempts: 100, failures: 0, step: 280, at: time)
            self.see("us", attempts: 100, failures: 0, step: 268, at: time)
            _ = self.shares(at: time)
        }
        #expect(self.machine.views(at: second(100))["api"]?.first?.cause == .frozen)
    }

    @Test("does not stop a return for a few milliseconds, however many times as slow that is")
    mutating func fewMilliseconds() {
        _ = self.configure()
        _ = self.set(0, "eu", 1)
        _ = self.set(1, "eu", 2)
        _ = self.shares(at: 64)
        for time in Int64(65)..<100 {
            // 45 ms beside 5 ms.
            self.see("eu", attempts: 100, failures: 0, step: 247, at: time)
            self.see("us", attempts: 100, failures: 0, step: 196, at: time)
            _ = self.shares(at: time)
        }
        #expect(self.machine.views(at: second(100))["api"]?.first?.cause == .returning)
    }

    @Test("says of a return that was given up why, and begins the next hold by itself")
    mutating func saysWhyGivenUp() {
        _ = self.configure()
        _ = self.set(0, "eu", 1)
        _ = self.set(1, "eu", 2)
        _ = self.shares(at: 70)
        self.see("us", attempts: 1_000, failures: 0, at: 70)
        self.see("eu", attempts: 1_000, failures: 900, at: 70)
        let effects = self.machine.wake(at: second(71))
        #expect(effects.shares?[0] == 0)
        #expect(effects.move?.changes.first?.cause == .givenUp)
        #expect(self.machine.views(at: second(72))["api"]?.first?.cause == .givenUp)
        #expect(effects.contains { if case .wake = $0 { true } else { false } })
        #expect(
            self.shares(at: 195)[0] >= 100,
            "twice the hold is over, and nothing else has changed"
        )
    }

    mutating func configure(
        _ policy: RegionPolicy = RegionPolicy(),
        _ regions: [String?] = RegionMachineTests.eu,
        at time: Int64 = 0
    ) -> [RegionMachine.Effect] {
        self.machine.configure([regionUpstream(policy, regions)], at: second(time))
    }

    mutating func set(_ factor: Float, _ region: String, _ time: Int64) -> [RegionMachine.Effect] {
        (0..<2).flatMap {
            self.machine.setFactor(factor, of: regionTarget(region, $0), at: second(time))
        }
    }

    /// The shares when every second until then had a wake.
    @discardableResult
    mutating func shares(at time: Int64) -> [UInt16] {
        while self.clock < time {
            self.clock += 1
            _ = self.machine.wake(at: second(self.clock))
        }
        return (self.machine.views(at: second(time))["api"] ?? []).map { UInt16($0.share) }
    }

    private mutating func see(
        _ region: String,
        attempts: UInt32,
        failures: UInt32,
        step: UInt64 = 200,
        at time: Int64
    ) {
        let seen = TargetTraffic(
            id: regionTarget(region, 0),
            attempts: attempts,
            failures: failures,
            answers: attempts,
            latencySteps: step * UInt64(attempts)
        )
        _ = self.machine.observe([seen], at: second(time))
    }

    @Test("tells once that a region takes what a better one does not bear, and that it is over")
    mutating func overflows() {
        _ = self.configure()
        let began = RegionMachine.Effect.overflow(upstream: "api", region: "us", isTaking: true)
        let ended = RegionMachine.Effect.overflow(upstream: "api", region: "us", isTaking: false)
        for moment in Int64(10)..<13 {
            let seen = TargetTraffic(
                id: regionTarget("us", 0),
                attempts: 9,
                failures: 0,
                answers: 9,
                latencySteps: 0,
                overflows: 9
            )
            let effects = self.machine.observe([seen], at: second(moment))
            #expect(effects.contains(began) == (moment == 10))
            let view = self.machine.views(at: second(moment))["api"]?.first { $0.region == "us" }
            #expect(view?.cause == .spilled)
        }
        #expect(!self.machine.wake(at: second(41)).contains(ended))
        #expect(self.machine.wake(at: second(42)).contains(ended))
        #expect(self.shares(at: 43) == [1_000, 0, 0])
    }

    @Test("tells that a region takes no more of others when it is taken away, or its upstream is")
    mutating func overflowsOfRegionsThatGo() {
        let ended = RegionMachine.Effect.overflow(upstream: "api", region: "us", isTaking: false)
        for isWhole in [false, true] {
            self = Self()
            let upstream = regionUpstream(RegionPolicy(), Self.eu)
            _ = self.machine.configure([upstream], at: second(0))
            let seen = TargetTraffic(
                id: regionTarget("us", 0),
                attempts: 9,
                failures: 0,
                answers: 9,
                latencySteps: 0,
                overflows: 9
            )
            _ = self.machine.observe([seen], at: second(10))
            var rest = upstream
            rest.regions = upstream.regions.filter { $0 != "us" }
            rest.targets = upstream.targets.filter { upstream.regions[$0.group] != "us" }
                .map { target in
                    let region = upstream.regions[target.group]
                    return (target.id, rest.regions.firstIndex(of: region) ?? 0, target.weight)
                }
            let effects = self.machine.configure(isWhole ? [] : [rest], at: second(11))
            #expect(effects.count { $0 == ended } == 1)
            #expect(!self.machine.wake(at: second(60)).contains(ended))
        }
    }
}

@Suite("An operator's order about a region")
struct RegionOrderTests {
    private var bench = RegionMachineTests()

    @Test("drains a tenth a second, and returns by the ramp when it is taken back or ends")
    mutating func drains() {
        _ = self.bench.configure()
        let order = RegionOrder(.drain, of: "eu", since: second(10), until: second(100))
        _ = self.bench.machine.setOrders([order], at: second(10))
        #expect(self.bench.shares(at: 13) == [700, 300, 0])
        #expect(self.bench.shares(at: 20) == [0, 1_000, 0])
        #expect(self.bench.machine.views(at: second(20))["api"]?.first?.cause == .drained)
        #expect(self.bench.shares(at: 99) == [0, 1_000, 0])
        #expect(self.bench.shares(at: 100)[0] == 0)
        #expect((100...120).contains(self.bench.shares(at: 102)[0]))
        #expect(self.bench.shares(at: 202)[0] == 1_000)
    }

    @Test("goes on from where a drain stood that is taken back at once")
    mutating func undrains() {
        _ = self.bench.configure()
        let order = RegionOrder(.drain, of: "eu", since: second(10), until: second(100))
        _ = self.bench.machine.setOrders([order], at: second(10))
        #expect(self.bench.shares(at: 12)[0] == 800)
        _ = self.bench.machine.setOrders([], at: second(12))
        #expect((790...820).contains(self.bench.shares(at: 14)[0]))
        #expect(self.bench.shares(at: 36)[0] == 1_000)
    }

    @Test("loses no share by taking a drain back, whatever the ramp", arguments: [5, 30, 100])
    mutating func undrainsWithoutDip(ramp: Int64) {
        var policy = RegionPolicy()
        policy.ramp = .seconds(ramp)
        _ = self.bench.configure(policy)
        let start = MonotonicInstant(sinceStart: .milliseconds(10_400))
        let order = RegionOrder(.drain, of: "eu", since: start, until: second(100))
        _ = self.bench.machine.setOrders([order], at: start)
        var before = self.bench.shares(at: 15)[0]
        #expect(before == 600)
        _ = self.bench.machine.setOrders(
            [],
            at: MonotonicInstant(sinceStart: .milliseconds(15_300))
        )
        for time in Int64(16)...120 {
            let share = self.bench.shares(at: time)[0]
            #expect(share >= before, "\(before) to \(share) at \(time) s")
            before = share
        }
        #expect(before == 1_000)
    }

    @Test("moves everything at once with a failover")
    mutating func failsOver() {
        _ = self.bench.configure()
        let order = RegionOrder(.failover, of: "eu", since: second(10), until: second(100))
        let effects = self.bench.machine.setOrders([order], at: second(10))
        #expect(effects.shares == [0, 1_000, 0])
        #expect(effects.move?.changes.first?.cause == .failedOver)
    }

    @Test("holds a return back, and a failback lets it begin before its hold is over")
    mutating func holdsAndReturns() {
        _ = self.bench.configure()
        _ = self.bench.set(0, "eu", 1)
        _ = self.bench.set(1, "eu", 2)
        let hold = RegionOrder(.hold, of: "eu", since: second(3), until: second(500))
        _ = self.bench.machine.setOrders([hold], at: second(3))
        #expect(self.bench.shares(at: 400)[0] == 0)
        let back = RegionOrder(.failback, of: "eu", since: second(401), until: second(500))
        _ = self.bench.machine.setOrders([back], at: second(401))
        #expect((100...120).contains(self.bench.shares(at: 403)[0]))
    }

    /// A region that has lost its traffic and is half a minute on its way back.
    private mutating func halfBack() -> UInt16 {
        _ = self.bench.configure()
        _ = self.bench.set(0, "eu", 1)
        _ = self.bench.set(1, "eu", 2)
        return self.bench.shares(at: 93)[0]
    }

    @Test("ends a return that runs with a failover: the next one begins from its start")
    mutating func failoverEndsReturn() {
        #expect((350...400).contains(self.halfBack()))
        let order = RegionOrder(.failover, of: "eu", since: second(94), until: second(300))
        _ = self.bench.machine.setOrders([order], at: second(94))
        #expect(self.bench.shares(at: 299)[0] == 0)
        #expect(self.bench.machine.returns.isEmpty, "no return runs meanwhile")
        #expect((0...120).contains(self.bench.shares(at: 302)[0]))
        #expect((300...420).contains(self.bench.shares(at: 330)[0]), "it goes by the ramp")
    }

    @Test("lets a region wait for its whole hold when a failover is taken back early")
    mutating func failoverTakenBack() {
        _ = self.halfBack()
        let order = RegionOrder(.failover, of: "eu", since: second(94), until: second(300))
        _ = self.bench.machine.setOrders([order], at: second(94))
        _ = self.bench.shares(at: 99)
        _ = self.bench.machine.setOrders([], at: second(100))
        #expect(self.bench.shares(at: 153)[0] == 0)
        #expect((100...130).contains(self.bench.shares(at: 156)[0]))
    }

    @Test("stops a return with a drain, and lets it go on from where the drain stood")
    mutating func drainStopsReturn() {
        var before = self.halfBack()
        let order = RegionOrder(.drain, of: "eu", since: second(94), until: second(300))
        _ = self.bench.machine.setOrders([order], at: second(94))
        for time in Int64(95)...110 {
            let share = self.bench.shares(at: time)[0]
            #expect(share <= before + 10, "\(before) to \(share) at \(time) s")
            before = min(before, share)
        }
        #expect(self.bench.shares(at: 299)[0] == 0)
        #expect((0...130).contains(self.bench.shares(at: 303)[0]), "no jump at its end")
    }

    @Test("raises no share by a hold, whatever held before", arguments: [5, 30, 100])
    mutating func holdRaisesNothing(ramp: Int64) {
        for kind in [RegionOrder.Kind.drain, .failover, .failback] {
            self.bench = RegionMachineTests()
            var policy = RegionPolicy()
            policy.ramp = .seconds(ramp)
            _ = self.bench.configure(policy)
            let start = MonotonicInstant(sinceStart: .milliseconds(10_400))
            let first = RegionOrder(kind, of: "eu", since: start, until: second(900))
            if kind == .failback {
                _ = self.bench.set(0, "eu", 1)
                _ = self.bench.set(1, "eu", 2)
            }
            _ = self.bench.machine.setOrders([first], at: start)
            let before = self.bench.shares(at: 14)[0]
            let hold = RegionOrder(.hold, of: "eu", since: second(14), until: second(100))
            let moment = MonotonicInstant(sinceStart: .milliseconds(14_700))
            _ = self.bench.machine.setOrders([hold], at: moment)
            for time in Int64(15)...99 {
                let share = self.bench.shares(at: time)[0]
                #expect(share <= before, "\(kind): \(before) to \(share) at \(time) s")
            }
            #expect(self.bench.shares(at: 220)[0] == 1_000, "\(kind): and returns after it")
        }
    }

    @Test("tells what has changed since people were last told")
    mutating func tellsSinceTold() {
        _ = self.bench.configure()
        let order = RegionOrder(.failover, of: "eu", since: second(1), until: second(10))
        let away = self.bench.machine.setOrders([order], at: second(1))
        var told = away.move?.changes.first { $0.region == "eu" }?.after
        #expect(told == 0)
        var moves = 0
        for time in Int64(2)...120 {
            guard let move = self.bench.machine.wake(at: second(time)).move else { continue }
            moves += 1
            let change = move.changes.first { $0.region == "eu" }
            #expect(change?.before == told, "at \(time) s")
            told = change?.after
        }
        #expect(told == 1_000)
        #expect((2...4).contains(moves), "\(moves) events of one ramp")
    }

    @Test("never leaves a request without a region that has a target")
    mutating func drainsTheLast() {
        _ = self.bench.configure()
        _ = self.bench.set(0, "us", 1)
        _ = self.bench.set(0, "failover", 1)
        let order = RegionOrder(.failover, of: "eu", since: second(10), until: second(100))
        _ = self.bench.machine.setOrders([order], at: second(10))
        #expect(self.bench.shares(at: 11) == [1_000, 0, 0])
    }

    @Test("shows beforehand what it would do")
    mutating func dryRun() {
        _ = self.bench.configure()
        let order = RegionOrder(.drain, of: "eu", since: second(0), until: second(100))
        #expect(self.bench.machine.shares(under: [order], at: second(5)) == ["api": [0, 1_000, 0]])
        #expect(self.bench.shares(at: 6) == [1_000, 0, 0])
    }
}

func second(_ second: Int64) -> MonotonicInstant { MonotonicInstant(sinceStart: .seconds(second)) }

func regionTarget(_ region: String, _ index: Int) -> TargetID {
    let endpoint = Endpoint(address: .v4(UInt32(index)), port: 80)
    return TargetID(upstream: "api", target: region, endpoint: endpoint)
}

func regionUpstream(_ policy: RegionPolicy, _ regions: [String?]) -> RegionMachine.Upstream {
    RegionMachine.Upstream(
        name: "api",
        regions: regions,
        policy: policy,
        targets: regions.indices.flatMap { group in
            (0..<2).map { (regionTarget(regions[group] ?? "failover", $0), group, 100) }
        }
    )
}

extension [RegionMachine.Effect] {
    /// The last shares among them.
    var shares: [UInt16]? {
        self.compactMap { effect in
            if case .shares(_, let shares, _) = effect { shares } else { nil }
        }.last
    }

    /// The last move among them.
    var move: RegionMove? {
        self.compactMap { effect in if case .moved(let move) = effect { move } else { nil } }.last
    }
}
