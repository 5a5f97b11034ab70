import MeshHealth
import MeshPrimitives

extension HealthTarget {
    /// A target of the one upstream of a simulation; each has a port of its own.
    init(port: UInt16, region: String = "eu") {
        let endpoint = Endpoint(address: .v4(0x7F00_0001), port: port)
        self.init(
            id: TargetID(upstream: "api", target: "t", endpoint: endpoint),
            upstream: "api",
            name: "\(endpoint)",
            endpoint: endpoint,
            region: region
        )
    }
}
