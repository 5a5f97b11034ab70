import Testing

extension EndToEnd {
    /// Circuits of targets as a real node opens and closes them.
    @LoopbackActor
    @Suite("A circuit breaker", .serialized, .mesh(eu: 1, us: 0))
    struct BreakerTests {
        /// `/solo` leads to one target, `/pair` to it and another.
        private func configuration(_ mesh: TestMesh) -> String {
            let targets = mesh.upstreams.map { "{ target: \"\($0.place)\" }" }
            let breaker = "{ failures: 3, open: 2, successes: 2 }"
            return """
                _format_version: "3.0"
                upstreams:
                  - { name: solo, breaker: \(breaker), targets: [\(targets[0])] }
                  - { name: pair, breaker: \(breaker), targets: [\(targets.joined(separator: ", "))] }
                services:
                  - { name: solo, host: solo, retries: 0, routes: [{ name: solo, paths: [/solo] }] }
                  - { name: pair, host: pair, retries: 1, routes: [{ name: pair, paths: [/pair] }] }
                """
        }

        private func circuit(
            _ upstream: String,
            at node: TestNode,
            of target: TestUpstream
        )
            throws -> String?
        {
            let report = try Curl.get("\(node.admin.url)/mesh/balance/\(upstream)").json()
            let targets = report["upstreams"][0]["targets"].items
            return targets.first { $0["target"].text == target.place.description }?["circuit"].text
        }

        @Test(
            "opens after failures in a row, sends nothing while open, tries single requests, closes"
        )
        func opensAndCloses() throws {
            let mesh = try TestMesh.settled()
            let node = mesh.nodes[0]
            let (target, other) = (mesh.upstreams[0], mesh.upstreams[1])
            try mesh.apply(self.configuration(mesh))
            try eventually("the targets should be in use") {
                try Curl.get("\(node.proxy.url)/solo").status == 200
                    && Curl.get("\(node.proxy.url)/pair").status == 200
            }
            #expect(try self.circuit("solo", at: node, of: target) == "closed")

            try target.set(#"{"error_rate":1,"error_status":500}"#)
            try eventually("the circuit should open") {
                _ = try Curl.get("\(node.proxy.url)/solo")
                return try self.circuit("solo", at: node, of: target) != "closed"
            }
            let before = try target.requestCount()
            let began = Clock.now
            var refused = 0
            for _ in 0..<10 where try Curl.get("\(node.proxy.url)/solo").status == 503 {
                refused += 1
            }
            let took = Clock.now - began
            let asked = try target.requestCount() - before
            // A single request may try the target whenever it has been open for two seconds.
            #expect(asked <= 1 + Int(took / 2), "\(asked) requests in \(took) s")
            #expect(refused >= 10 - asked - 1, "the others are answered 503 at once")

            try eventually("the other target should get what the open circuit does not") {
                _ = try Curl.get("\(node.proxy.url)/pair")
                return try self.circuit("pair", at: node, of: target) != "closed"
            }
            #expect(try self.circuit("pair", at: node, of: other) == "closed")
            for _ in 0..<10 { #expect(try Curl.get("\(node.proxy.url)/pair").status == 200) }

            try target.set(#"{"error_rate":0}"#)
            var seen: Set<String> = []
            for upstream in ["solo", "pair"] {
                try eventually("the circuit of \(upstream) should close", within: 15) {
                    _ = try Curl.get("\(node.proxy.url)/\(upstream)")
                    let circuit = try self.circuit(upstream, at: node, of: target) ?? ""
                    seen.insert(circuit)
                    return circuit == "closed"
                }
            }
            note("circuits were \(seen.sorted())")
            #expect(seen.contains("half-open"), "single requests tried it before")
            try eventually("all requests should reach it again", within: 30) {
                try (0..<4).allSatisfy { _ in
                    try Curl.get("\(node.proxy.url)/solo").status == 200
                }
            }
        }
    }
}
