import MeshBalancing
import MeshPrimitives
import Testing

@Suite("A region machine")
struct RegionMachineTests {
    private var machine = RegionMachine()

    private func at(_ second: Int64) -> MonotonicInstant {
        MonotonicInstant(sinceStart: .seconds(second))
    }

    private func upstream(
        _ regions: [String?] = ["eu", "us", nil],
        hold: Duration = .seconds(60)
    ) -> RegionMachine.Upstream {
        RegionMachine.Upstream(
            name: "api",
            regions: regions,
            hold: hold,
            targets: regions.indices.flatMap { group in
                let name = regions[group] ?? "failover"
                return (0..<2).map { (self.id(name, $0), group) }
            }
        )
    }

    private func id(_ region: String, _ index: Int) -> TargetID {
        let endpoint = Endpoint(address: .v4(UInt32(index)), port: 80)
        return TargetID(upstream: "api", target: region, endpoint: endpoint)
    }

    private mutating func set(
        _ factor: Float,
        _ region: String,
        _ second: Int64
    )
        -> [RegionMachine.Effect]
    {
        (0..<2).flatMap { self.machine.setFactor(factor, of: self.id(region, $0), at: at(second)) }
    }

    @Test("moves when the last target of a region is out, and back when its hold is over")
    mutating func movesAndReturns() {
        _ = self.machine.configure([self.upstream()], at: self.at(0))
        let first = self.machine.setFactor(0, of: self.id("eu", 0), at: self.at(1))
        #expect(first.isEmpty)
        let second = self.machine.setFactor(0, of: self.id("eu", 1), at: self.at(2))
        #expect(
            second == [
                .active(upstream: "api", group: 1), .moved(upstream: "api", region: "us"),
            ]
        )
        #expect(self.machine.activeRegions == ["api": "us"])

        let back = self.machine.setFactor(0.1, of: self.id("eu", 1), at: self.at(10))
        #expect(back == [.wake(at: self.at(70))])
        #expect(self.machine.wake(at: self.at(69)) == [.wake(at: self.at(70))])
        #expect(
            self.machine.wake(at: self.at(70)) == [
                .active(upstream: "api", group: 0), .moved(upstream: "api", region: "eu"),
            ]
        )
    }

    @Test("knows failover targets as no region")
    mutating func failover() {
        _ = self.machine.configure([self.upstream()], at: self.at(0))
        _ = self.set(0, "eu", 1)
        let moved = self.set(0, "us", 2)
        #expect(moved.contains(.moved(upstream: "api", region: nil)))
        #expect(self.machine.activeRegions.isEmpty)
    }

    @Test("takes a changed hold at once, and forgets no running one when regions change")
    mutating func reconfigured() {
        _ = self.machine.configure([self.upstream()], at: self.at(0))
        _ = self.set(0, "eu", 1)
        _ = self.set(1, "eu", 10)
        let shorter = self.machine.configure([self.upstream(hold: .seconds(30))], at: self.at(20))
        #expect(shorter.last == .wake(at: self.at(40)))

        let wider = self.upstream(["asia", "eu", "us", nil], hold: .seconds(30))
        _ = self.machine.configure([wider], at: self.at(25))
        #expect(self.machine.activeRegions == ["api": "asia"], "it is alive and comes first")
        let narrow = self.upstream(["eu", "us"], hold: .seconds(30))
        _ = self.machine.configure([narrow], at: self.at(26))
        _ = self.machine.wake(at: self.at(40))
        #expect(self.machine.activeRegions == ["api": "eu"])
    }

    @Test("does not go back to a region because the configuration is applied again")
    mutating func steady() {
        _ = self.machine.configure([self.upstream()], at: self.at(0))
        _ = self.set(0, "eu", 1)
        _ = self.set(1, "eu", 10)
        for second in Int64(11)..<60 {
            let effects = self.machine.configure([self.upstream()], at: self.at(second))
            #expect(effects.first == .active(upstream: "api", group: 1))
            #expect(self.machine.activeRegions == ["api": "us"])
        }
    }
}
