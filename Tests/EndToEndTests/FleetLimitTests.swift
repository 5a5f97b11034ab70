import Testing

extension EndToEnd {
    /// Limits that all nodes of a mesh hold together (`policy: cluster`).
    @LoopbackActor
    @Suite("Limited together", .serialized, .mesh)
    struct FleetLimitTests {
        /// The base configuration with a limit for everything that is sent to the service.
        private func limit(_ mesh: TestMesh, _ limits: String) throws {
            try mesh.apply(
                mesh.configuration()
                    + """

                    plugins:
                      - name: rate-limiting
                        service: demo
                        config: { \(limits), policy: cluster, limit_by: service }
                    """
            )
        }

        /// What was admitted in each whole second of a load.
        private func admitted(_ samples: [LoadProbe.Sample]) -> [Int] {
            let seconds = samples.map { Int($0.wallMilliseconds / 1_000) }
            guard let first = seconds.min(), let last = seconds.max() else { return [] }
            var counts = [Int](repeating: 0, count: last - first + 1)
            for (sample, second) in zip(samples, seconds) where sample.status == 200 {
                counts[second - first] += 1
            }
            // The first second and the last are not whole, and in the second one paces are learned.
            return Array(counts.dropFirst(2).dropLast())
        }

        @Test(
            "nodes admit what one would, whether clients are spread over all or come to one",
            arguments: [5, 1]
        )
        func rate(nodeCount: Int) throws {
            let mesh = try TestMesh.settled()
            try self.limit(mesh, "second: 100")
            let load = LoadProbe(Array(mesh.nodes.prefix(nodeCount)), perSecond: 250)
            try eventually("ten seconds pass", within: 30) { load.soFar.count > 2_700 }
            let samples = try load.stop()
            let counts = self.admitted(samples)
            note("of 100 a second \(nodeCount) nodes admitted \(counts)")
            #expect(counts.count >= 7)
            let mean = Double(counts.reduce(0, +)) / Double(max(1, counts.count))
            #expect((95...105).contains(mean), "\(counts)")
            #expect(samples.allSatisfy { $0.status == 200 || $0.status == 429 })
            let bytes = try mesh.nodes.map { node in
                try Curl.get("\(node.admin.url)/metrics").body.split(separator: "\n")
                    .first { $0.hasPrefix("meshgate_limit_bytes_total ") }
            }
            note("counting for it took \(bytes)")
            #expect(bytes.allSatisfy { $0 != nil })
        }

        @Test("a window goes on where it was when the nodes that sum it up die")
        func owners() throws {
            let mesh = try TestMesh.settled()
            try self.limit(mesh, "hour: 40")
            let url = { (node: TestNode) in "\(node.proxy.url)/demo" }
            for _ in 0..<40 { #expect(try Curl.get(url(mesh.nodes[0])).status == 200) }
            for node in mesh.nodes {
                try eventually("\(node.name) should know that nothing is left") {
                    try Curl.get(url(node)).status == 429
                }
            }
            // Any two of five are the owner and the one in waiting, or neither.
            for victim in mesh.nodes.dropFirst().prefix(3) {
                victim.kill()
                try eventually("\(victim.name) should be failed") {
                    try mesh.nodes[0].state(of: victim.name) == "failed"
                }
                #expect(try Curl.get(url(mesh.nodes[0])).status == 429)
                #expect(try Curl.get(url(mesh.nodes[4])).status == 429)
            }
            // One that comes back has forgotten, and is told when it counts.
            let returned = mesh.nodes[1]
            try mesh.start(returned)
            try returned.awaitAnswer()
            try eventually("\(returned.name) should learn that nothing is left", within: 20) {
                try Curl.get(url(returned)).status == 429
            }
        }
    }
}
