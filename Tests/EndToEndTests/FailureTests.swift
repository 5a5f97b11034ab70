import Testing

extension EndToEnd {
    /// Nodes, targets and a region that die while clients go on.
    @LoopbackActor
    @Suite("Killed in parts under load", .serialized, .mesh)
    struct FailureTests {
        @Test("a killed node is failed for all others within seconds, and traffic goes on")
        func killedNode() throws {
            let mesh = try TestMesh.settled()
            let victim = try mesh.node("us-2")
            let others = mesh.nodes.filter { $0 !== victim }
            let load = LoadProbe(others)

            victim.kill()
            let killed = Clock.now
            for node in others {
                try eventually("\(node.name) should call us-2 failed", within: 15) {
                    try node.state(of: "us-2") == "failed"
                }
            }
            note("a killed node was failed everywhere after \(Clock.now - killed) s")
            let samples = try load.stop()

            #expect(samples.count > 100)
            #expect(samples.errors.isEmpty, "\(samples.complaint)")
            let output = try mesh.nodes[0].ctl.run("members")
            #expect(output.status == 2)
            #expect(output.out.contains("DN  us-2"), "\(output.out)")
            #expect(try mesh.nodes[0].ctl.run("check").status == 2)
        }

        @Test("a restarted node is alive again for all, under its old id")
        func restartedNode() throws {
            let mesh = try TestMesh.settled()
            let victim = try mesh.node("us-2")
            let before = try mesh.nodes[0].members()["us-2"]
            victim.kill()
            try eventually("us-2 should be failed") {
                try mesh.nodes[0].state(of: "us-2") == "failed"
            }

            try mesh.start(victim)
            for node in mesh.nodes {
                try eventually("\(node.name) should see us-2 alive", within: 20) {
                    try node.state(of: "us-2") == "alive"
                }
            }

            let after = try mesh.nodes[0].members()["us-2"]
            #expect(after?["id"] == before?["id"])
            #expect(
                (after?["incarnation"].number ?? 0) > (before?["incarnation"].number ?? .infinity)
            )
            #expect(try Curl.get("\(victim.proxy.url)/demo").status == 200)
        }

        @Test("a killed target costs no client an error, and every node avoids it at once")
        func killedTarget() throws {
            let mesh = try TestMesh.settled()
            let victim = mesh.upstreams(in: "eu")[0]
            let load = LoadProbe(mesh.nodes, perSecond: 500)
            try eventually("the target should be in use") { try victim.requestCount() > 20 }

            let killed = Clock.wallMilliseconds
            victim.kill()
            for node in mesh.nodes {
                try eventually("\(node.name) should exclude the target") {
                    try node.excludedTargets().contains(victim.place.description)
                }
            }
            let excluded = Clock.wallMilliseconds
            // Long enough that a node that still chose it would show.
            try eventually("load goes on for a while", within: 10) {
                Clock.wallMilliseconds > killed + 4_000
            }
            let samples = try load.stop()

            #expect(samples.count > 500)
            #expect(samples.errors.isEmpty, "\(samples.complaint)")
            try self.expectAvoidance(mesh, after: killed, excluded: excluded)
            let health = try mesh.nodes[4].ctl.run("health", "demo")
            #expect(health.status == 2)
        }

        /// Every other target answers, so a request that took two tries chose the dead one.
        private func expectAvoidance(
            _ mesh: TestMesh,
            after killed: Double,
            excluded: Double
        ) throws {
            var first = Double.infinity
            var last = 0.0
            var retries = 0
            for node in mesh.nodes {
                for line in try node.accessLog() where (line["tries"].number ?? 0) > 1 {
                    let end = line["time_ms"].number ?? 0
                    guard end >= killed else { continue }
                    first = min(first, end - (line["request_us"].number ?? 0) / 1_000)
                    last = max(last, end)
                    retries += 1
                }
            }
            guard retries > 0 else {
                note("a killed target was chosen by no request any more")
                return
            }
            note(
                "a killed target was chosen \(retries) more times, the last one "
                    + "\(last - first) ms after the first failure, \(last - killed) ms after the "
                    + "kill; all five said excluded within \(excluded - killed) ms"
            )
            #expect(last - first < 1_500)
        }

        @Test("one node's failed request makes every node avoid the target")
        func oneFailedRequest() throws {
            let mesh = try TestMesh.settled()
            // Passive knowledge only: nothing but the request itself can notice.
            try mesh.apply(
                mesh.configuration()
                    .replacing("healthy: { interval: 1", with: "healthy: { interval: 0")
                    .replacing("unhealthy: { interval: 1", with: "unhealthy: { interval: 0")
            )
            let victim = mesh.upstreams(in: "us")[0]
            let node = try mesh.node("us-1")
            victim.kill()

            let failed = try found("a request should have met the dead target", within: 10) {
                #expect(try Curl.get("\(node.proxy.url)/demo").status == 200)
                return try node.accessLog().last { ($0["tries"].number ?? 0) > 1 }
            }
            let seconds = try mesh.nodes.map { node in
                try eventually("\(node.name) should avoid the target", within: 10) {
                    try node.excludedTargets().contains(victim.place.description)
                }
            }

            #expect(failed["status"].number == 200)
            note("one failed request: avoided by all after \(seconds.reduce(0, +)) s")
        }

        @Test(
            "a killed region of targets is served by the other one, and taken back when it is back"
        )
        func killedRegion() throws {
            let mesh = try TestMesh.settled()
            let nodes = mesh.nodes.filter { $0.region == "eu" }
            let european = Set(mesh.upstreams(in: "eu").map(\.name))
            let load = LoadProbe(nodes, perSecond: 150)
            // What was killed before comes back by a ramp.
            try eventually("eu should be served by eu", within: 60) {
                let recent = load.soFar.suffix(60)
                return recent.count == 60
                    && recent.allSatisfy { european.contains($0.answerer ?? "") }
            }

            for upstream in mesh.upstreams(in: "eu") { upstream.kill() }
            let killed = Clock.wallMilliseconds
            try eventually("eu should be served by us") {
                let recent = load.soFar.suffix(60)
                return recent.allSatisfy { $0.wallMilliseconds > killed }
                    && recent.allSatisfy { !european.contains($0.answerer ?? "") }
            }
            for upstream in mesh.upstreams(in: "eu") { try upstream.start() }
            let returned = Clock.wallMilliseconds
            try eventually("eu should be served by eu again", within: 30) {
                load.soFar.suffix(30).allSatisfy { european.contains($0.answerer ?? "") }
            }
            let samples = try load.stop()

            #expect(samples.errors.isEmpty, "\(samples.complaint)")
            let back = samples.first {
                $0.wallMilliseconds > returned && european.contains($0.answerer ?? "")
            }
            let seconds = ((back?.wallMilliseconds ?? 0) - returned) / 1_000
            note("a region that was back got its first request again after \(seconds) s (hold 2 s)")
            #expect(seconds >= 2)
            let moves = try mesh.nodes[0].events("region").filter {
                $0["type"].text == "traffic-moved"
            }
            #expect(moves.count >= 2)
        }
    }
}
