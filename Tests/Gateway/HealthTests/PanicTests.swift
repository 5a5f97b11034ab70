import MeshPrimitives
import Testing

@testable import MeshHealth

@Suite("A region most of whose targets are doubtful")
struct PanicTests {
    private static let node = HealthPeer(id: NodeID(high: 0, low: 1), region: "eu")
    private var machine = HealthMachine(node: Self.node, timing: HealthTiming())

    private static func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
    }

    private mutating func configure() {
        let targets = (1...4).map { number in
            HealthTarget(
                id: TargetID(rawValue: UInt64(number)),
                upstream: "api",
                name: "127.0.0.1:\(9_000 + number)",
                endpoint: Endpoint(address: .v4(0x7F00_0001), port: UInt16(9_000 + number)),
                region: "eu",
                weight: 100
            )
        }
        let upstream = HealthUpstream(settings: HealthSettings(), targets: targets)
        _ = self.machine.configure([upstream], at: Self.at(0))
    }

    private func seen(
        _ number: Int,
        _ change: (inout TargetObservation) -> Void
    ) -> TargetObservation {
        var seen = TargetObservation(id: TargetID(rawValue: UInt64(number)))
        change(&seen)
        return seen
    }

    private func factors() -> [Float] {
        self.machine.views(at: Self.at(30)).map(\.factor)
    }

    @Test("uses those again that answer, if badly")
    mutating func answering() {
        self.configure()
        for number in 1...3 {
            let bad = self.seen(number) { $0.statuses = [.init(status: 500, count: 5)] }
            _ = self.machine.observe([bad], at: Self.at(1))
        }
        #expect(self.factors() == [1, 1, 1, 1])
    }

    @Test("does not use those that answer nobody, not even when requests that wait there time out")
    mutating func silent() {
        self.configure()
        for number in 1...3 {
            let silent = self.seen(number) { $0.silences = 1 }
            _ = self.machine.observe([silent], at: Self.at(1))
        }
        #expect(self.factors() == [0, 0, 0, 1])
        for number in 1...3 {
            let late = self.seen(number) { $0.timeouts = 3 }
            _ = self.machine.observe([late], at: Self.at(2))
        }
        #expect(self.factors() == [0, 0, 0, 1])
        for number in 1...3 {
            let bad = self.seen(number) { $0.statuses = [.init(status: 500, count: 5)] }
            _ = self.machine.observe([bad], at: Self.at(3))
        }
        #expect(self.factors() == [1, 1, 1, 1], "they answer again")
    }
}
