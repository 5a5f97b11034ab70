import MeshPrimitives
import Testing

@testable import MeshHealth

@Suite("A health machine")
struct HealthMachineTests {
    private static let eu1 = HealthPeer(id: NodeID(high: 0, low: 1), region: "eu")
    private static let eu2 = HealthPeer(id: NodeID(high: 0, low: 2), region: "eu")
    private static let eu3 = HealthPeer(id: NodeID(high: 0, low: 3), region: "eu")
    private static let us1 = HealthPeer(id: NodeID(high: 0, low: 4), region: "us")
    private static let all = [eu1, eu2, eu3, us1]

    private let target = HealthTarget(
        id: TargetID(rawValue: 42),
        upstream: "api",
        name: "127.0.0.1:9001",
        endpoint: Endpoint(address: .v4(0x7F00_0001), port: 9_001),
        region: "eu"
    )

    private func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
    }

    private func machine(
        node: HealthPeer = Self.eu1,
        peers: [HealthPeer] = Self.all,
        settings: HealthSettings = HealthSettings()
    ) -> HealthMachine {
        var machine = HealthMachine(node: node, timing: HealthTiming())
        _ = machine.setPeers(peers, at: self.at(0))
        _ = machine.configure(
            [HealthUpstream(settings: settings, targets: [self.target])],
            at: self.at(0)
        )
        return machine
    }

    private func refused(_ id: TargetID? = nil) -> TargetObservation {
        var seen = TargetObservation(id: id ?? self.target.id)
        seen.connectFailures = 1
        return seen
    }

    private func answered(_ count: UInt32) -> TargetObservation {
        var seen = TargetObservation(id: self.target.id)
        seen.statuses = [.init(status: 200, count: count)]
        return seen
    }

    private func report(_ stance: HealthStance, isAbstaining: Bool = false) -> HealthReport {
        var report = HealthReport()
        report.isAbstaining = isAbstaining
        report.votes[self.target.id] = HealthVote(
            stance: stance,
            reason: stance == .up ? .answering : .connectFailed,
            isChecker: true,
            successes: stance == .up ? 3 : 0,
            failures: stance == .up ? 0 : 1
        )
        return report
    }

    private func factors(_ effects: [HealthMachine.Effect]) -> [Float] {
        effects.compactMap { if case .factor(_, let factor) = $0 { factor } else { nil } }
    }

    private func probes(_ effects: [HealthMachine.Effect]) -> [ProbeRequest] {
        effects.compactMap { if case .probe(let request) = $0 { request } else { nil } }
    }

    private func isNews(_ effects: [HealthMachine.Effect]) -> Bool {
        effects.contains(.votesChanged)
    }

    @Test("excludes at once on own evidence, says so and checks at once")
    func ownEvidence() {
        var machine = self.machine()

        let effects = machine.observe([self.refused()], at: self.at(1))

        #expect(self.factors(effects) == [0])
        #expect(self.isNews(effects))
        #expect(machine.report.votes[self.target.id]?.stance == .suspect)
        #expect(self.probes(effects).map(\.endpoint) == [self.target.endpoint])
    }

    @Test("halves the weight for one peer and makes the checker check at once")
    func oneRemoteFailure() {
        var machine = self.machine()

        let effects = machine.receive(self.report(.suspect), from: Self.eu2.id, at: self.at(1))

        #expect(self.factors(effects) == [0.5])
        #expect(self.probes(effects).count == 1)
    }

    @Test("excludes by remote evidence alone only when two peers agree")
    func twoRemoteFailures() {
        var machine = self.machine()
        _ = machine.receive(self.report(.down), from: Self.eu2.id, at: self.at(1))

        let effects = machine.receive(self.report(.suspect), from: Self.eu3.id, at: self.at(1.01))

        #expect(self.factors(effects) == [0])
    }

    @Test("keeps half the weight when own fresh answers contradict two peers")
    func contradiction() {
        var machine = self.machine()
        _ = machine.receive(self.report(.down), from: Self.eu2.id, at: self.at(1))
        _ = machine.observe([self.answered(9)], at: self.at(1.05))
        _ = machine.observe([self.answered(5)], at: self.at(1.2))

        let effects = machine.receive(self.report(.down), from: Self.us1.id, at: self.at(1.3))
        let afterwards = machine.observe([self.answered(5)], at: self.at(1.5))

        #expect(self.factors(effects) == [0], "what peers say anew counts until contradicted anew")
        #expect(self.factors(afterwards).count == 1)
        #expect(machine.views(at: self.at(1.5)).first?.verdict == .lowered)
    }

    @Test("lets own answers outweigh what a peer had said before the target was known here")
    func earlyAccusation() {
        var machine = HealthMachine(node: Self.eu1, timing: HealthTiming())
        _ = machine.setPeers(Self.all, at: self.at(0))
        _ = machine.receive(self.report(.down), from: Self.eu2.id, at: self.at(0.5))
        let upstream = HealthUpstream(settings: HealthSettings(), targets: [self.target])
        _ = machine.configure([upstream], at: self.at(1))
        #expect(machine.views(at: self.at(1)).first?.factor == 0.5)

        _ = machine.observe([self.answered(9)], at: self.at(1.2))

        #expect(machine.views(at: self.at(1.2)).first?.factor == 1)
        #expect(machine.report.votes[self.target.id]?.stance == .up, "and it says so")
    }

    @Test("ignores strangers and abstaining peers, and keeps a report until the next")
    func invalidReports() {
        var machine = self.machine()
        let stranger = NodeID(high: 9, low: 9)
        #expect(machine.receive(self.report(.down), from: stranger, at: self.at(1)).isEmpty)
        let abstained = machine.receive(
            self.report(.down, isAbstaining: true),
            from: Self.eu2.id,
            at: self.at(1)
        )
        #expect(self.factors(abstained).isEmpty)

        _ = machine.receive(self.report(.down), from: Self.eu2.id, at: self.at(2))
        #expect(machine.views(at: self.at(2)).first?.factor == 0.5)
        _ = machine.wake(at: self.at(60))
        #expect(machine.views(at: self.at(60)).first?.factor == 0.5)
        _ = machine.receive(HealthReport(), from: Self.eu2.id, at: self.at(61))

        #expect(machine.views(at: self.at(61)).first?.factor == 1)
    }

    @Test("forgets what a node said when it is no longer a peer")
    func departedPeer() {
        var machine = self.machine()
        _ = machine.receive(self.report(.down), from: Self.eu2.id, at: self.at(1))

        let effects = machine.setPeers([Self.eu1, Self.eu3], at: self.at(2))

        #expect(self.factors(effects) == [1])
    }

    @Test("brings a target back through three checks and a ramp from a tenth")
    func returns() {
        var machine = self.machine()
        var effects = machine.observe([self.refused()], at: self.at(1))
        effects += self.finish(&machine, effects, .connectFailed, at: 1.001)
        #expect(machine.views(at: self.at(1.1)).first?.verdict == .excluded)

        var moment = 1.001
        for _ in 0..<2_000 where machine.views(at: self.at(moment)).first?.factor == 0 {
            moment += 0.01
            let woken = machine.wake(at: self.at(moment))
            effects = self.finish(&machine, woken, .connected, at: moment)
        }

        #expect(self.factors(effects) == [0.1])
        #expect(moment < 2.8, "one second to the first check, then two transition intervals")
        let later = machine.wake(at: self.at(moment + 10))
        #expect(self.factors(later) == [1])
    }

    @Test("checks a target in use at the user's interval, spread over the checkers")
    func interval() {
        var settings = HealthSettings()
        settings.active.healthyInterval = .seconds(3)
        settings.active.check = .http(path: "/health", host: "api", headers: [])
        var starts: [Double] = []
        for node in [Self.eu1, Self.eu2, Self.eu3] {
            var machine = self.machine(node: node, settings: settings)
            var moment = 0.0
            while moment < 3, self.probes(machine.wake(at: self.at(moment))).isEmpty {
                moment += 0.01
            }
            starts.append(moment)
        }

        starts.sort()
        #expect(starts.allSatisfy { $0 < 3.1 })
        #expect(zip(starts, starts.dropFirst()).allSatisfy { $1 - $0 > 0.5 }, "\(starts)")
    }

    @Test("lets at most three nodes of the target's region and one of each other check it")
    func checkerCount() {
        let peers = (1...40).map {
            HealthPeer(id: NodeID(high: 7, low: $0), region: $0 % 2 == 0 ? "eu" : "us")
        }

        let checkers = self.checkers(peers)

        #expect(checkers.filter { $0.low % 2 == 0 }.count == 3)
        #expect(checkers.filter { $0.low % 2 == 1 }.count == 1)
        let again = self.checkers(peers.reversed())
        #expect(again == checkers)
    }

    private func checkers(_ peers: [HealthPeer]) -> [NodeID] {
        let chosen = CheckerShare(own: peers[0], peers: peers, perRegion: 3)
            .checkers(of: self.target.id, in: "eu")
        for peer in peers {
            let part = CheckerShare(own: peer, peers: peers, perRegion: 3)
                .part(in: self.target.id, of: "eu")
            #expect(part.rank == chosen.firstIndex(of: peer.id), "\(peer)")
        }
        return chosen
    }

    @Test("moves only the lost node's share of the checking when a node leaves")
    func checkerStability() {
        let peers = (1...10).map { HealthPeer(id: NodeID(high: 7, low: $0), region: "eu") }
        let before = self.checkers(peers)
        for lost in peers where !before.contains(lost.id) {
            let after = self.checkers(peers.filter { $0 != lost })
            #expect(after == before)
        }
    }

    @Test("abstains when most of its targets fail that other nodes still reach")
    func abstains() {
        var machine = HealthMachine(node: Self.eu1, timing: HealthTiming())
        let targets = (1...6).map { index in
            HealthTarget(
                id: TargetID(rawValue: UInt64(index)),
                upstream: "api",
                name: "t\(index)",
                endpoint: self.target.endpoint,
                region: "eu"
            )
        }
        _ = machine.configure([HealthUpstream(settings: .init(), targets: targets)], at: self.at(0))
        _ = machine.setPeers(Self.all, at: self.at(0))
        _ = machine.observe(targets.map { self.refused($0.id) }, at: self.at(2))
        #expect(machine.report.votes.count == 6)
        var others = HealthReport()
        for target in targets {
            others.votes[target.id] = HealthVote(
                stance: .up,
                reason: .answering,
                isChecker: true,
                successes: 5
            )
        }
        let effects = machine.receive(others, from: Self.eu2.id, at: self.at(2.5))

        #expect(self.isNews(effects))
        #expect(machine.report.isAbstaining)
        #expect(machine.report.votes.isEmpty)
    }

    @Test("takes a check that this node could not carry out for no evidence, and repeats it")
    func checksNotCarriedOut() {
        var settings = HealthSettings()
        settings.active.healthyInterval = .seconds(1)
        settings.active.rules.tcpFailures = 1
        var machine = self.machine(settings: settings)
        var begun = 0
        for second in 0..<20 {
            let effects = machine.wake(at: self.at(Double(second) + 10))
            begun += self.probes(effects).count
            let after = self.finish(&machine, effects, .notCarriedOut, at: Double(second) + 10.1)
            #expect(self.factors(effects + after).isEmpty)
        }
        #expect(begun >= 10)
        let effects = machine.wake(at: self.at(40))
        let after = self.finish(&machine, effects, .connectFailed, at: 40.1)
        #expect(self.factors(after) == [0])
    }

    /// Answers every check in `effects` with `outcome` and returns what follows.
    private func finish(
        _ machine: inout HealthMachine,
        _ effects: [HealthMachine.Effect],
        _ outcome: ProbeResult.Outcome,
        at seconds: Double
    ) -> [HealthMachine.Effect] {
        self.probes(effects).flatMap { request in
            machine.finished(
                ProbeResult(
                    id: request.id,
                    sequence: request.sequence,
                    outcome: outcome,
                    latency: .milliseconds(1)
                ),
                at: self.at(seconds)
            )
        }
    }
}

@Suite("A user's circuit breaker")
struct CircuitBreakerTests {
    private let target = HealthTarget(
        id: TargetID(rawValue: 42),
        upstream: "api",
        name: "127.0.0.1:9001",
        endpoint: Endpoint(address: .v4(0x7F00_0001), port: 9_001),
        region: "eu"
    )

    private func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
    }

    private func answered(_ status: UInt16, _ count: UInt32) -> TargetObservation {
        var seen = TargetObservation(id: self.target.id)
        seen.statuses = [.init(status: status, count: count)]
        return seen
    }

    @Test("refuses all requests while it is open, tries one at a time, and closes by a ramp")
    func life() {
        let node = HealthPeer(id: NodeID(high: 0, low: 1), region: "eu")
        var settings = HealthSettings()
        (settings.breaker.failures, settings.breaker.open) = (3, .seconds(10))
        var machine = HealthMachine(node: node, timing: HealthTiming())
        let upstream = HealthUpstream(settings: settings, targets: [self.target])
        _ = machine.configure([upstream], at: self.at(0))

        let opened = machine.observe([self.answered(503, 3)], at: self.at(1))
        #expect(opened.contains(.factor(self.target.id, .disabled)), "not even in need")
        #expect(machine.views(at: self.at(1)).map(\.stage.circuit) == ["open"])
        #expect(machine.views(at: self.at(1)).map(\.reason) == [.breaker])
        #expect(machine.views(at: self.at(1)).map(\.nextTry) == [.seconds(10)])

        var offers = 0
        for tick in 10...109 {
            for case .trial(let offer) in machine.wake(at: self.at(Double(tick) / 10)) {
                offers += offer.id == self.target.id ? 1 : 0
            }
        }
        #expect(offers == 0, "not before its time")
        let tried = machine.wake(at: self.at(11.1))
        let offered: [TrialOffer] = tried.compactMap {
            if case .trial(let offer) = $0 { offer } else { nil }
        }
        #expect(offered.map(\.isCautious) == [false], "half-open lets any request through")
        #expect(machine.views(at: self.at(11.2)).map(\.stage.circuit) == ["half-open"])

        for second in 12..<15 {
            _ = machine.observe([self.answered(200, 1)], at: self.at(Double(second)))
        }
        let view = machine.views(at: self.at(15))
        #expect(view.map(\.stage.circuit) == ["closed"])
        #expect(view.allSatisfy { $0.factor > 0 && $0.factor < 1 })
    }

    @Test("is half-open when its time is over at the node that opened it, whatever its place")
    func ownTime() {
        let all = (1...5).map { HealthPeer(id: NodeID(high: 0, low: UInt64($0)), region: "eu") }
        for own in all {
            var settings = HealthSettings()
            (settings.breaker.failures, settings.breaker.open) = (3, .seconds(10))
            var machine = HealthMachine(node: own, timing: HealthTiming())
            let upstream = HealthUpstream(settings: settings, targets: [self.target])
            _ = machine.configure([upstream], at: self.at(0))
            _ = machine.setPeers(all.filter { $0.id != own.id }, at: self.at(0))
            _ = machine.observe([self.answered(503, 3)], at: self.at(1))
            let effects = machine.wake(at: self.at(11.1))
            #expect(effects.contains { if case .trial = $0 { true } else { false } })
            #expect(machine.views(at: self.at(11.1)).map(\.stage.circuit) == ["half-open"])
        }
    }
}
