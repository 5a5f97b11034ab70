import MeshBalancing
import MeshPrimitives
import Testing

@Suite("What is shown of an upstream's regions")
struct RegionViewTests {
    private var machine = RegionMachine()

    private mutating func configure(at time: Int64 = 0) {
        let upstream = regionUpstream(RegionPolicy(), ["eu", "us", nil])
        _ = self.machine.configure([upstream], at: second(time))
    }

    private func view(_ region: String, at time: Int64) -> RegionView? {
        self.machine.views(at: second(time))["api"]?.first { $0.region == region }
    }

    private func drain(from start: Int64) -> RegionOrder {
        RegionOrder(.drain, of: "eu", since: second(start), until: second(1_000))
    }

    @Test("is since when the cause is the cause")
    mutating func since() {
        self.configure()
        #expect(self.view("eu", at: 50)?.age == .seconds(50))
        _ = self.machine.setOrders([self.drain(from: 50)], at: second(50))
        _ = self.machine.wake(at: second(53))
        #expect(self.view("eu", at: 55)?.cause == .drained)
        #expect(self.view("eu", at: 55)?.age == .seconds(2))
        #expect(self.view("us", at: 55)?.age == .seconds(2), "it takes the rest since then")
        _ = self.machine.wake(at: second(60))
        #expect(self.view("eu", at: 60)?.age == .seconds(7), "a smaller share, but the same cause")
        self.configure(at: 70)
        #expect(self.view("eu", at: 70)?.age == .seconds(17), "no new configuration changes that")
    }

    @Test("is beforehand the whole return that the end of an order brings")
    mutating func undrain() {
        self.configure()
        _ = self.machine.setOrders([self.drain(from: 1)], at: second(1))
        for time in Int64(2)...20 { _ = self.machine.wake(at: second(time)) }
        #expect(self.view("eu", at: 20)?.share == 0)
        #expect(self.machine.shares(under: [], at: second(20)) == ["api": [1_000, 0, 0]])
        let hold = RegionOrder(.hold, of: "eu", since: second(20), until: second(1_000))
        #expect(self.machine.shares(under: [hold], at: second(20))["api"]?.first ?? 0 < 1_000)
        #expect(self.view("eu", at: 20)?.share == 0, "nothing has changed")
    }

    @Test("is that spill is off, where other regions stand by and may not serve")
    mutating func kept() {
        var policy = RegionPolicy()
        policy.spill = .off
        _ = self.machine.configure([regionUpstream(policy, ["eu", "us"])], at: second(0))
        for index in 0..<2 {
            _ = self.machine.setFactor(0, of: regionTarget("eu", index), at: second(1))
            _ = self.machine.setFactor(0, of: regionTarget("us", index), at: second(1))
        }
        #expect(self.view("eu", at: 2)?.cause == .kept)
    }
}
