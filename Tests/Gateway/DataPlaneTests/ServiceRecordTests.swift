import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshDataPlane

@Suite("A target whose name has SRV records, as Kong's (§5.4)")
struct ServiceRecordTests {
    @Test("sends requests to the records' ports in proportion to their weights, by their names")
    func weights() throws {
        let origins = (0..<2).map { number in
            Origin.answering { request in
                let text = "\(number) \(request["host"] ?? "")"
                return "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
            }
        }
        var entities = TestEntities.proxying([1])
        entities.targets[0].target = "shop.test:9"
        entities.upstreams[0].useSrvName = true
        let gateway = try Gateway(entities)
        let services = zip(origins, [1, 3]).enumerated().map { number, pair in
            HostAddress(
                .v4(0x7F00_0001),
                service: HostAddress.Service(
                    name: "n\(number).test",
                    port: pair.0.port,
                    weight: pair.1
                )
            )
        }
        try gateway.plane.install(
            try Snapshot(
                configuration: entities,
                addresses: HostAddresses(["shop.test": services]),
                localRegion: "eu",
                version: 2
            )
        )

        let texts = (0..<40).compactMap { _ in
            gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")?.text
        }

        let counts = Dictionary(grouping: texts) { $0 }.mapValues(\.count)
        #expect(
            counts == [
                "0 n0.test:\(origins[0].port)": 10, "1 n1.test:\(origins[1].port)": 30,
            ]
        )
    }
}
