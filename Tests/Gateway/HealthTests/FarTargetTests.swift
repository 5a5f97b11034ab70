import MeshPrimitives
import Testing

@testable import MeshHealth

/// A node that has used a target of another region and does not check it: of all regions but the
/// target's, one node does.
@Suite("A target of another region")
struct FarTargetTests {
    private static let home = (1...3).map {
        HealthPeer(id: NodeID(high: 0, low: UInt64($0)), region: "eu")
    }
    private static let far = (4...6).map {
        HealthPeer(id: NodeID(high: 0, low: UInt64($0)), region: $0 == 6 ? "ap" : "us")
    }

    private let target = ServingNode().targets[0]

    private func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
    }

    /// A node of region `us` that does not check the target, and who does of all regions but `eu`.
    private func machine(
        besides far: [HealthPeer]
    ) throws -> (machine: HealthMachine, checker: NodeID) {
        let peers = Self.home + far
        let share = CheckerShare(own: Self.home[0], peers: peers, perRegion: 3)
        let checker = try #require(share.checkers(of: self.target.id, in: "eu").last)
        let own = try #require(far.first { $0.id != checker && $0.region == "us" })
        var machine = HealthMachine(node: own, timing: HealthTiming())
        var settings = HealthSettings()
        settings.active.healthyInterval = .seconds(2)
        _ = machine.setPeers(peers, at: self.at(0))
        let upstream = HealthUpstream(settings: settings, targets: [self.target])
        _ = machine.configure([upstream], at: self.at(0))
        return (machine, checker)
    }

    private func report(_ stance: HealthStance, isChecker: Bool) -> HealthReport {
        var report = HealthReport()
        report.votes[self.target.id] = HealthVote(
            stance: stance,
            reason: stance == .up ? .answering : .connectFailed,
            isChecker: isChecker
        )
        return report
    }

    private var refused: TargetObservation {
        var seen = TargetObservation(id: self.target.id)
        seen.connectFailures = 1
        return seen
    }

    private func factor(_ machine: HealthMachine, at seconds: Double) -> Float? {
        machine.views(at: self.at(seconds)).first?.factor
    }

    private func nextWake(_ effects: [HealthMachine.Effect]) -> MonotonicInstant? {
        effects.compactMap { if case .wake(let moment) = $0 { moment } else { nil } }.last
    }

    private func run(_ machine: inout HealthMachine, from start: Int, to end: Int) {
        for second in start...end { _ = machine.wake(at: self.at(Double(second))) }
    }

    @Test("is back when the one node that checks it from here says that it answers")
    func oneChecker() throws {
        var (machine, checker) = try self.machine(besides: Array(Self.far.prefix(2)))
        _ = machine.observe([self.refused], at: self.at(1))
        #expect(self.factor(machine, at: 1) == 0)

        _ = machine.receive(self.report(.up, isChecker: true), from: checker, at: self.at(3))

        #expect(self.factor(machine, at: 3) == 0.1)
        #expect(machine.report.votes.isEmpty)
    }

    @Test("is not spoken against for ever by who has not tried it for a minute")
    func oldWord() throws {
        var (machine, _) = try self.machine(besides: Self.far)
        _ = machine.observe([self.refused], at: self.at(1))
        _ = machine.receive(
            self.report(.down, isChecker: false),
            from: Self.home[0].id,
            at: self.at(1)
        )
        self.run(&machine, from: 1, to: 60)
        #expect(machine.report.votes[self.target.id]?.stance != .up)
        #expect(machine.report.votes[self.target.id] != nil)

        self.run(&machine, from: 61, to: 90)

        #expect(machine.report.votes.isEmpty, "what it saw is a minute old")
        #expect(self.factor(machine, at: 90) == 0, "others still speak against it")
    }

    @Test("is back when it was proven before it might come back here")
    func earlyProof() throws {
        var (machine, checker) = try self.machine(besides: Array(Self.far.prefix(2)))
        var proven = HealthReport()
        proven.votes[self.target.id] = HealthVote(stance: .up, reason: .proven, isChecker: true)
        _ = machine.observe([self.refused], at: self.at(1))
        _ = machine.receive(proven, from: checker, at: self.at(1.1))
        #expect(self.factor(machine, at: 1.1) == 0.1)
        _ = machine.observe([self.refused], at: self.at(2))
        _ = machine.wake(at: self.at(2.1))
        #expect(self.factor(machine, at: 2.1) == 0, "what was said before says nothing")

        _ = machine.receive(HealthReport(), from: checker, at: self.at(2.2))
        _ = machine.receive(proven, from: checker, at: self.at(2.5))
        #expect(self.factor(machine, at: 2.5) == 0, "the second time it stays out for two seconds")
        var now = self.at(2.5)
        while now < self.at(4), let next = self.nextWake(machine.wake(at: now)) {
            #expect(self.factor(machine, at: 2.5) == 0)
            now = next
        }
        _ = machine.wake(at: now)

        #expect(now < self.at(4.2))
        #expect(self.factor(machine, at: 4.2) == 0.1)
    }

    @Test("is tried again by who has failed to check it and checks it no more")
    func formerChecker() throws {
        let far = Array(Self.far.prefix(2))
        let (machine, checker) = try self.machine(besides: far)
        let own = try #require(far.first { $0.id == machine.node.id })
        var alone = machine
        var effects = alone.setPeers(Self.home + [own], at: self.at(1))
        effects += alone.observe([self.refused], at: self.at(1))
        for second in 1...3 {
            let probes = effects.compactMap {
                if case .probe(let request) = $0 { request } else { nil }
            }
            effects = alone.wake(at: self.at(Double(second)))
            for probe in probes {
                let result = ProbeResult(
                    id: probe.id,
                    sequence: probe.sequence,
                    outcome: .connectFailed,
                    latency: .zero
                )
                effects += alone.finished(result, at: self.at(Double(second)))
            }
        }
        #expect(alone.report.votes[self.target.id]?.isChecker == true)

        _ = alone.setPeers(Self.home + far, at: self.at(4))
        var offers = 0
        for second in 5...60 {
            for case .trial in alone.wake(at: self.at(Double(second))) { offers += 1 }
        }

        #expect(checker != own.id)
        #expect(offers > 0)
    }

    @Test("is tried again when nobody has spoken against it for a minute of trials")
    func nobodySpeaks() throws {
        var (machine, _) = try self.machine(besides: Self.far)
        _ = machine.observe([self.refused], at: self.at(1))

        self.run(&machine, from: 1, to: 60)
        #expect(self.factor(machine, at: 60) == 0)
        self.run(&machine, from: 61, to: 100)

        #expect(try #require(self.factor(machine, at: 100)) > 0)
    }
}
