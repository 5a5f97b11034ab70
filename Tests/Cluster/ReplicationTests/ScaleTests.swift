import MeshPrimitives
import Testing

@testable import MeshReplication

@Suite("A large configuration")
struct ScaleTests {
    @Test("of 10,000 entities reaches another store whole, in frames of bounded size")
    func tenThousandEntities() throws {
        var network = TestNetwork(count: 2, seed: 1)
        network.run(for: .seconds(1))
        let changes = (0..<10_000)
            .map {
                Fixture.put("routes/\($0)", "{\"name\":\"route-\($0)\",\"paths\":[\"/\($0)\"]}")
            }
        try network.write(changes, at: 0)

        let time = network.time(limit: .seconds(5)) { $0.haveEqualRoots }

        #expect(try #require(time) <= .seconds(1))
        #expect(network.stores[1].records(of: .entity).count == 10_000)
        #expect(network.largestStreamMessage <= 1_000_000)
    }

    @Test("that needs many pages is fetched session by session without another hint")
    func manyPages() throws {
        var configuration = ReplicationConfiguration()
        configuration.streamByteCount = 20_000
        configuration.bodyByteLimit = 10_000
        var network = TestNetwork(count: 2, seed: 2, configuration: configuration)
        network.loss = 1
        for part in 0..<2 {
            let changes = (0..<1_000)
                .map { Fixture.put("r/\(part)/\($0)", String(repeating: "x", count: 100)) }
            try network.write(changes, at: 0)
        }
        network.probe()

        let time = network.time(limit: .seconds(30), probing: nil) { $0.haveEqualRoots }

        #expect(time != nil)
        #expect(network.largestStreamMessage <= 20_000)
    }
}
