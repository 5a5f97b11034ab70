import MeshPrimitives
import Testing

@testable import MeshHealth

@Suite("A health table")
struct HealthTableTests {
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

    private func table(
        node: HealthPeer = Self.eu1,
        peers: [HealthPeer] = Self.all,
        settings: HealthSettings = HealthSettings()
    ) -> HealthTable {
        var table = HealthTable(node: node, timing: HealthTiming(), at: self.at(0))
        _ = table.setPeers(peers, at: self.at(0))
        _ = table.configure(
            [HealthUpstream(settings: settings, targets: [self.target])],
            at: self.at(0)
        )
        return table
    }

    private func refused(_ count: UInt32 = 1) -> TargetObservation {
        var seen = TargetObservation(id: self.target.id)
        seen.connectFailures = count
        return seen
    }

    private func answered(_ count: UInt32) -> TargetObservation {
        var seen = TargetObservation(id: self.target.id)
        seen.statuses = [.init(status: 200, count: count)]
        return seen
    }

    private func report(_ vote: HealthVote, isAbstaining: Bool = false) -> HealthReport {
        HealthReport(
            isAbstaining: isAbstaining,
            entries: [
                .init(
                    id: self.target.id,
                    vote: vote,
                    reason: vote == .up ? .answering : .connectFailed,
                    isChecker: true,
                    successes: vote == .up ? 3 : 0,
                    failures: vote == .up ? 0 : 1
                )
            ]
        )
    }

    private func factors(_ effects: [HealthTable.Effect]) -> [Float] {
        effects.compactMap { if case .factor(_, let factor) = $0 { factor } else { nil } }
    }

    private func probes(_ effects: [HealthTable.Effect]) -> [ProbeRequest] {
        effects.compactMap { if case .probe(let request) = $0 { request } else { nil } }
    }

    private func published(_ effects: [HealthTable.Effect]) -> [HealthReport] {
        effects.compactMap {
            if case .publish(let report) = $0 { report } else { nil }
        }
    }

    @Test("excludes at once on own evidence, reports it urgently and checks at once")
    func ownEvidence() {
        var table = self.table()

        let effects = table.observe([self.refused()], at: self.at(1))

        #expect(self.factors(effects) == [0])
        #expect(self.published(effects).first?.entries.first?.vote == .suspect)
        #expect(self.probes(effects).map(\.endpoint) == [self.target.endpoint])
    }

    @Test("halves the weight for one peer and makes the checker check at once")
    func oneRemoteFailure() {
        var table = self.table()

        let effects = table.receive(self.report(.suspect), from: Self.eu2.id, at: self.at(1))

        #expect(self.factors(effects) == [0.5])
        #expect(self.probes(effects).count == 1)
    }

    @Test("excludes by remote evidence alone only when two peers agree")
    func twoRemoteFailures() {
        var table = self.table()
        _ = table.receive(self.report(.down), from: Self.eu2.id, at: self.at(1))

        let effects = table.receive(self.report(.suspect), from: Self.eu3.id, at: self.at(1.01))

        #expect(self.factors(effects) == [0])
    }

    @Test("keeps half the weight when own fresh answers contradict two peers")
    func contradiction() {
        var table = self.table()
        _ = table.receive(self.report(.down), from: Self.eu2.id, at: self.at(1))
        _ = table.observe([self.answered(9)], at: self.at(1.05))
        _ = table.observe([self.answered(5)], at: self.at(1.2))

        let effects = table.receive(self.report(.down), from: Self.us1.id, at: self.at(1.3))
        let afterwards = table.observe([self.answered(5)], at: self.at(1.5))

        #expect(self.factors(effects) == [0], "what peers say anew counts until contradicted anew")
        #expect(self.factors(afterwards).count == 1)
        #expect(table.views(at: self.at(1.5)).first?.verdict == .lowered)
    }

    @Test("ignores strangers and abstaining peers, and keeps a report until the next")
    func invalidReports() {
        var table = self.table()
        let stranger = NodeID(high: 9, low: 9)
        #expect(table.receive(self.report(.down), from: stranger, at: self.at(1)).isEmpty)
        let abstained = table.receive(
            self.report(.down, isAbstaining: true),
            from: Self.eu2.id,
            at: self.at(1)
        )
        #expect(self.factors(abstained).isEmpty)

        _ = table.receive(self.report(.down), from: Self.eu2.id, at: self.at(2))
        #expect(table.views(at: self.at(2)).first?.factor == 0.5)
        _ = table.wake(at: self.at(60))
        #expect(table.views(at: self.at(60)).first?.factor == 0.5)
        let empty = HealthReport(isAbstaining: false, entries: [])
        _ = table.receive(empty, from: Self.eu2.id, at: self.at(61))

        #expect(table.views(at: self.at(61)).first?.factor == 1)
    }

    @Test("forgets what a node said when it is no longer a peer")
    func departedPeer() {
        var table = self.table()
        _ = table.receive(self.report(.down), from: Self.eu2.id, at: self.at(1))

        let effects = table.setPeers([Self.eu1, Self.eu3], at: self.at(2))

        #expect(self.factors(effects) == [1])
    }

    @Test("brings a target back through three checks and a ramp from a tenth")
    func returns() {
        var table = self.table()
        var effects = table.observe([self.refused()], at: self.at(1))
        effects += self.finish(&table, effects, .connectFailed, at: 1.001)
        #expect(table.views(at: self.at(1.1)).first?.verdict == .excluded)

        var moment = 1.001
        for _ in 0..<2_000 where table.views(at: self.at(moment)).first?.factor == 0 {
            moment += 0.01
            let woken = table.wake(at: self.at(moment))
            effects = self.finish(&table, woken, .connected, at: moment)
        }

        #expect(self.factors(effects) == [0.1])
        #expect(moment < 2.8, "one second to the first check, then two transition intervals")
        let later = table.wake(at: self.at(moment + 10))
        #expect(self.factors(later) == [1])
    }

    @Test("checks a target in use at the user's interval, spread over the checkers")
    func interval() {
        var settings = HealthSettings()
        settings.active.healthyInterval = .seconds(3)
        settings.active.check = .http(path: "/health", host: "api", headers: [])
        var starts: [Double] = []
        for node in [Self.eu1, Self.eu2, Self.eu3] {
            var table = self.table(node: node, settings: settings)
            var moment = 0.0
            while moment < 3, self.probes(table.wake(at: self.at(moment))).isEmpty {
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

        let checkers = HealthPeer.checkers(of: self.target, among: peers, perRegion: 3)

        #expect(checkers.filter { $0.region == "eu" }.count == 3)
        #expect(checkers.filter { $0.region == "us" }.count == 1)
        let again = HealthPeer.checkers(of: self.target, among: peers.reversed(), perRegion: 3)
        #expect(again == checkers)
    }

    @Test("moves only the lost node's share of the checking when a node leaves")
    func checkerStability() {
        let peers = (1...10).map { HealthPeer(id: NodeID(high: 7, low: $0), region: "eu") }
        let before = HealthPeer.checkers(of: self.target, among: peers, perRegion: 3)
        for lost in peers where !before.contains(lost) {
            let after = HealthPeer.checkers(
                of: self.target,
                among: peers.filter { $0 != lost },
                perRegion: 3
            )
            #expect(after == before)
        }
    }

    @Test("tells nothing of targets that are plainly up, and of those it checks when others doubt")
    func tellsWhatIsNotPlainlyUp() {
        var table = self.table()
        _ = table.observe([self.answered(10)], at: self.at(1))
        func reports(_ effects: [HealthTable.Effect]) -> [HealthReport] {
            effects.compactMap { if case .publish(let report) = $0 { report } else { nil } }
        }
        #expect(reports(table.wake(at: self.at(6))).last?.entries.isEmpty == true)

        let doubted = table.receive(self.report(.down), from: Self.eu2.id, at: self.at(7))
        let checked = self.finish(&table, doubted, .connected, at: 7.01)
        let said = reports(doubted + checked).last?.entries
        #expect(said?.map(\.vote) == [.up])
        #expect(said?.first?.isChecker == true)

        let end = table.receive(
            HealthReport(isAbstaining: false, entries: []),
            from: Self.eu2.id,
            at: self.at(8)
        )
        #expect(reports(end).last?.entries.isEmpty == true)
    }

    @Test("abstains when most of its targets fail that other nodes still reach")
    func abstains() {
        var table = HealthTable(node: Self.eu1, timing: HealthTiming(), at: self.at(0))
        let targets = (1...6).map { index in
            HealthTarget(
                id: TargetID(rawValue: UInt64(index)),
                upstream: "api",
                name: "t\(index)",
                endpoint: self.target.endpoint,
                region: "eu"
            )
        }
        _ = table.configure([HealthUpstream(settings: .init(), targets: targets)], at: self.at(0))
        _ = table.setPeers(Self.all, at: self.at(0))
        let healthy = targets.map {
            HealthReport.Entry(
                id: $0.id,
                vote: .up,
                reason: .answering,
                isChecker: true,
                successes: 5,
                failures: 0
            )
        }
        _ = table.receive(
            HealthReport(isAbstaining: false, entries: healthy),
            from: Self.eu2.id,
            at: self.at(1)
        )

        let effects = table.observe(
            targets.map { target in
                var seen = TargetObservation(id: target.id)
                seen.connectFailures = 1
                return seen
            },
            at: self.at(2)
        )

        #expect(self.published(effects).last?.isAbstaining == true)
    }

    @Test("takes a check that this node could not carry out for no evidence, and repeats it")
    func checksNotCarriedOut() {
        var settings = HealthSettings()
        settings.active.healthyInterval = .seconds(1)
        settings.active.rules.tcpFailures = 1
        var table = self.table(settings: settings)
        var begun = 0
        for second in 0..<20 {
            let effects = table.wake(at: self.at(Double(second) + 10))
            begun += self.probes(effects).count
            let after = self.finish(&table, effects, .notCarriedOut, at: Double(second) + 10.1)
            #expect(self.factors(effects + after).isEmpty)
        }
        #expect(begun >= 10)
        let effects = table.wake(at: self.at(40))
        let after = self.finish(&table, effects, .connectFailed, at: 40.1)
        #expect(self.factors(after) == [0])
    }

    /// Answers every check in `effects` with `outcome` and returns what follows.
    private func finish(
        _ table: inout HealthTable,
        _ effects: [HealthTable.Effect],
        _ outcome: ProbeResult.Outcome,
        at seconds: Double
    ) -> [HealthTable.Effect] {
        self.probes(effects).flatMap { request in
            table.finished(
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
