import MeshPrimitives

@testable import MeshHealth

/// One node of region `eu` and four targets there of one upstream.
struct ServingNode {
    let targets = (1...4).map { index in
        HealthTarget(
            id: TargetID(rawValue: UInt64(index) << 40),
            upstream: "api",
            name: "t\(index):80",
            endpoint: Endpoint(address: .v4(0x7F00_0000 + UInt32(index)), port: 80),
            region: "eu"
        )
    }
    var settings = HealthSettings()
    var machine = HealthMachine(
        node: HealthPeer(id: NodeID(high: 0, low: 1), region: "eu"),
        timing: HealthTiming()
    )

    /// Gives the machine the first so many targets.
    mutating func configure(_ count: Int = 4, at moment: MonotonicInstant = .init(nanoseconds: 0)) {
        let upstream = HealthUpstream(
            settings: self.settings,
            targets: Array(self.targets.prefix(count))
        )
        _ = self.machine.configure([upstream], at: moment)
    }
}
