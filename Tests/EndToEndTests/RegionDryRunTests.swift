import Testing

extension EndToEnd {
    /// What an order to a region would mean, before it is given.
    @LoopbackActor
    @Suite("The dry run of an order to a region", .serialized, .mesh(eu: 1, us: 0))
    struct RegionDryRunTests {
        @Test("shows how full the others would be, and what would overrun them is refused")
        func utilisation() throws {
            let mesh = try TestMesh.settled()
            let node = mesh.nodes[0]
            let limits = "limits: { concurrency: 1, queue: 0 }"
            try mesh.apply(
                mesh.configuration().replacing(
                    "algorithm: round-robin",
                    with: "algorithm: round-robin\n    \(limits)"
                )
            )
            let idle = try node.ctl.run("region", "drain", "eu", "--for", "10m", "--dry-run")
            #expect(idle.status == 0, "\(idle.errors)")
            #expect(idle.out.contains("UTILISATION"))
            #expect(self.utilisation(of: "us", idle.out) == "0 %", "\(idle.out)")

            // One request at each target, and no room for more.
            for upstream in mesh.upstreams { try upstream.set(#"{"latency_ms":3000}"#) }
            let load = LoadProbe(mesh.nodes, perSecond: 20)
            try eventually("both regions should be full") {
                let plan = try node.ctl.run("region", "drain", "eu", "--for", "10m", "--dry-run")
                return self.utilisation(of: "us", plan.out) == "200 %"
            }
            let refused = try node.ctl.run("region", "drain", "eu", "--for", "10m", "--yes")
            #expect(refused.status != 0, "\(refused.out)")
            #expect(refused.errors.contains("limits.concurrency"), "\(refused.errors)")
            let samples = try load.stop()
            #expect(samples.contains { $0.status == 503 }, "what finds no room is shed")
        }

        @Test("says what the order is refused for: an upstream that may use no other region")
        func refusal() throws {
            let mesh = try TestMesh.settled()
            let node = mesh.nodes[0]
            try mesh.apply(
                mesh.configuration().replacing(
                    "hold: 2, ramp: 3 }",
                    with: "hold: 2, ramp: 3, spill: \"off\" }"
                )
            )
            try eventually("the dry run should say why it is refused") {
                let plan = try node.ctl.run("region", "drain", "eu", "--for", "10m", "--dry-run")
                return plan.status == 0 && plan.out.contains("refused without --force: ")
                    && plan.out.contains("regions.spill off")
            }
            let refused = try node.ctl.run("region", "drain", "eu", "--for", "10m", "--yes")
            #expect(refused.status != 0, "\(refused.out)")
            #expect(refused.errors.contains("regions.spill off"), "\(refused.errors)")
        }

        @Test("is not in the list of regions, but the order is, until it ends or is taken back")
        func listed() throws {
            let mesh = try TestMesh.settled()
            let node = mesh.nodes[0]
            _ = try node.ctl.run("region", "hold", "us", "--for", "10m", "--dry-run")
            #expect(!(try node.ctl.run("region", "list").out.contains("shall")))
            let given = try node.ctl.run("region", "hold", "us", "--for", "10m", "--yes")
            #expect(given.status == 0, "\(given.errors)")
            try eventually("the order should be listed") {
                try node.ctl.run("region", "list").out.contains("shall hold until")
            }
            _ = try node.ctl.run("region", "undrain", "us", "--yes")
            try eventually("the order should be gone") {
                try !node.ctl.run("region", "list").out.contains("shall")
            }
        }

        private func utilisation(of region: String, _ table: String) -> String? {
            let row = table.split(separator: "\n").first { line in
                line.split(separator: " ").dropFirst().first.map(String.init) == region
            }
            return row.map { $0.split(separator: " ").suffix(2).joined(separator: " ") }
        }
    }
}
