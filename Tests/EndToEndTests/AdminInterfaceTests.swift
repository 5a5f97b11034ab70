import Testing

extension EndToEnd {
    /// Kong's Admin API, and bytes that nobody should send.
    @LoopbackActor
    @Suite("Asked as Kong, or attacked", .serialized, .mesh(eu: 2, us: 1))
    struct AdminInterfaceTests {
        @Test("answers Kong's root, status, entities and upstream health")
        func kongReads() throws {
            let mesh = try TestMesh.settled()
            for node in mesh.nodes {
                let base = node.admin.url

                let root = try Curl.get("\(base)/").json()
                let status = try Curl.get("\(base)/status").json()
                let routes = try Curl.get("\(base)/routes").json()
                let service = try Curl.get("\(base)/services/demo").json()
                let targets = try Curl.get("\(base)/upstreams/demo/targets").json()
                let health = try Curl.get("\(base)/upstreams/demo/health").json()
                let missing = try Curl.get("\(base)/services/nobody")

                #expect(root["version"].text?.hasPrefix("3.") == true)
                #expect(root["tagline"].text == "Welcome to kong")
                #expect(root["node_id"].text?.isEmpty == false)
                #expect(status["server"]["total_requests"].number != nil)
                #expect(status["configuration_hash"].text == (try node.configurationHash()))
                #expect(routes["data"].items.map { $0["name"].text } == ["demo"])
                #expect(service["host"].text == "demo")
                #expect(targets["data"].items.count == 2)
                #expect(health["data"].items.map { $0["health"].text } == ["HEALTHY", "HEALTHY"])
                #expect(missing.status == 404)
                #expect(try missing.json()["message"].text == "Not found")
            }
        }

        @Test("gives and takes the declarative configuration at /config")
        func kongConfig() throws {
            let mesh = try TestMesh.settled()
            let (here, there) = (mesh.nodes[2], mesh.nodes[0])

            let read = try Curl.get("\(here.admin.url)/config").json()["config"].text ?? ""
            let posted = try Curl.post(
                "\(here.admin.url)/config",
                mesh.configuration(routes: ["kong"]),
                type: "text/yaml"
            )

            #expect(read.contains("_format_version"))
            #expect(posted.status == 201, "\(posted.body)")
            #expect(try posted.json()["routes"].names.count == 2)
            try eventually("the other node should serve it", within: 3) {
                try Curl.get("\(there.proxy.url)/kong").status == 200
            }
        }

        @Test("refuses single entities that no node could route by, and later changes go live")
        func unusable() throws {
            let mesh = try TestMesh.settled()
            let base = mesh.nodes[0].admin.url
            let expression = #"{"name":"rx","expression":"http.path == \"/rx\""}"#
            let secret = #"{"name":"session","config":{"secret":"{vault://env/not-there}"}}"#

            let route = try Curl.post("\(base)/routes", expression)
            let plugin = try Curl.post("\(base)/plugins", secret)

            #expect(route.status == 400, "\(route.body)")
            #expect(try route.json()["fields"]["expression"].text?.contains("flavor") == true)
            #expect(plugin.status == 400, "\(plugin.body)")
            #expect(plugin.body.contains("set NOT_THERE in the environment"), "\(plugin.body)")
            let pair = #"{"cert":"{vault://env/path}","key":"{vault://env/path}"}"#
            let certificate = try Curl.post("\(base)/certificates", pair)
            #expect(certificate.status == 400, "\(certificate.body)")
            #expect(certificate.body.contains("vault://env/path"), "\(certificate.body)")
            #expect(!certificate.body.contains("/bin"), "\(certificate.body)")
            let status = try mesh.nodes[0].ctl.run("config", "status")
            #expect(status.status == 0, "\(status.out)")
            let later = #"{"name":"later","paths":["/later"]}"#
            let written = try Curl.post("\(base)/services/demo/routes", later)
            #expect(written.status == 201, "\(written.body)")
            for node in mesh.nodes {
                try eventually("the later route should be served", within: 3) {
                    try Curl.get("\(node.proxy.url)/later").status == 200
                }
            }
        }

        @Test("counts requests in /metrics by Kong's names and tells of the cluster by ours")
        func metrics() throws {
            let mesh = try TestMesh.settled()
            let node = mesh.nodes[1]
            for _ in 1...3 { _ = try Curl.get("\(node.proxy.url)/demo") }

            for listener in [node.admin, node.status] {
                let text = try Curl.get("\(listener.url)/metrics").body
                let line = text.split(separator: "\n").first {
                    $0.hasPrefix("kong_http_requests_total{") && $0.contains(#"route="demo""#)
                }
                #expect(line?.contains(#"code="200""#) == true, "\(text.prefix(500))")
                let count = line?.split(separator: " ").last.flatMap { Double($0) } ?? 0
                #expect(count >= 3)
                for name in [
                    "kong_request_latency_ms_bucket", "kong_upstream_latency_ms_bucket",
                    "kong_bandwidth_bytes", "kong_upstream_target_health", "meshgate_members",
                    "meshgate_config_info", "meshgate_failures_total",
                ] {
                    #expect(text.contains("\n\(name){"), "\(name)")
                }
                let states = text.split(separator: "\n").filter {
                    $0.hasPrefix("kong_upstream_target_health{")
                }
                for state in ["healthchecks_off", "healthy", "unhealthy", "dns_error"] {
                    #expect(states.contains { $0.contains("state=\"\(state)\"") }, "\(state)")
                }
                #expect(
                    states.count { $0.hasSuffix(" 1") } * 4 == states.count,
                    "a target is in one state: \(states)"
                )
                for family in ["meshgate_service_latency_ms", "meshgate_target_latency_ms"] {
                    let bucket = text.split(separator: "\n").first {
                        $0.hasPrefix("\(family)_bucket{") && $0.contains(#"le="30000""#)
                    }
                    #expect(bucket != nil, "\(family)")
                }
            }
        }

        @Test("a request that may not be repeated reaches one target once, a GET another target")
        func repeating() throws {
            let mesh = try TestMesh.settled()
            let node = mesh.nodes[0]
            let closing = mesh.upstreams(in: "eu")[0]
            let before = try closing.requestCount()
            try closing.set(#"{"close":true}"#)

            let posted = try Curl.post("\(node.proxy.url)/demo", "once")
            let arrivals = try closing.requestCount() - before
            let got = try Curl.get("\(node.proxy.url)/demo")

            #expect(posted.status == 502, "\(posted.body)")
            #expect(arrivals == 1)
            #expect(got.status == 200, "\(got.body)")
            #expect(got.header("x-echo-region") == "us")
        }

        @Test("a request is forwarded as Kong forwards it, and refused in Kong's words")
        func proxying() throws {
            let mesh = try TestMesh.settled()
            let url = mesh.nodes[0].proxy.url

            let demo = try Curl.get("-H", "X-Forwarded-For: 203.0.113.9", "\(url)/demo/a?b=c")
            let head = try Curl.get("-I", "\(url)/demo")
            let posted = try Curl.post("\(url)/demo", String(repeating: "x", count: 100_000))
            let chunked = try Curl.get("\(url)/demo?body_bytes=300000&chunked=1")
            let nowhere = try Curl.get("\(url)/nowhere")

            #expect(demo.status == 200)
            let seen = try demo.json()
            #expect(seen["path"].text == "/a?b=c")
            #expect(seen["headers"]["x-forwarded-prefix"].text == "/demo")
            #expect(seen["headers"]["x-forwarded-for"].text?.hasSuffix("127.0.0.1") == true)
            #expect(demo.header("via")?.isEmpty == false)
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(try posted.json()["body_bytes"].number == 100_000)
            #expect(chunked.body.utf8.count == 300_000)
            #expect(nowhere.status == 404)
            #expect(try nowhere.json()["message"].text == "no Route matched with those values")
        }

        @Test("bodies of 64 MiB pass both ways in little memory")
        func largeBodies() throws {
            let mesh = try TestMesh.settled()
            let node = mesh.nodes[0]
            let size = 64 << 20
            let file = "\(mesh.directory)/large"
            #expect(try Command.run("/usr/bin/truncate", ["-s", "\(size)", file]).status == 0)
            try node.forgetPeakMemory()
            let before = try node.peakMemory()

            // So large a body makes curl ask first: Expect: 100-continue.
            let up = try Curl.get("-T", file, "-X", "POST", "\(node.proxy.url)/demo")
            let down = try Command.run(
                Binaries.curl,
                [
                    "-sS", "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                    "\(node.proxy.url)/demo?body_bytes=\(size)",
                ]
            )

            #expect(try up.json()["body_bytes"].number == Double(size))
            #expect(down.out == "200 \(size)")
            let grown = try node.peakMemory() - before
            note("128 MiB of bodies grew a node by \(grown / 1_048_576) MiB at its peak")
            #expect(grown < 32 << 20)
        }

        @Test("a page of another site cannot reach the Admin API through a browser")
        func foreignPages() throws {
            let url = "\(try TestMesh.settled().nodes[0].admin.url)/mesh/members"

            let rebound = try Curl.get("-H", "Host: evil.example:8001", url)
            let foreign = try Curl.get("-H", "Origin: http://evil.example", url)
            let own = try Curl.get("-H", "Host: localhost:8001", url)

            #expect((400..<500).contains(rebound.status), "\(rebound.status)")
            #expect((400..<500).contains(foreign.status), "\(foreign.status)")
            #expect(own.status == 200)
        }

        @Test("hostile bytes at the proxy, the gossip ports and the Admin API kill nothing")
        func hostileBytes() throws {
            let mesh = try TestMesh.settled()
            let node = mesh.nodes[0]
            for bytes in HostileBytes.requests {
                let answer = try RawBytes.exchange(bytes, with: node.proxy, within: 0.3)
                let shown = String(decoding: bytes.prefix(60), as: UTF8.self)
                #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"), "\(shown): \(answer)")
                _ = try RawBytes.exchange(bytes, with: node.admin, within: 0.05)
            }
            for bytes in HostileBytes.noise {
                try RawBytes.send(datagram: bytes, to: node.gossip)
                let answer = try RawBytes.exchange(bytes, with: node.gossip, within: 0.1)
                #expect(answer.isEmpty, "unauthenticated input must not be answered")
            }

            for other in mesh.nodes {
                #expect(other.isRunning)
                #expect(try other.members().values.allSatisfy { $0["state"].text == "alive" })
                #expect(try Curl.get("\(other.proxy.url)/demo").status == 200)
            }
            try eventually("what does not open should be counted", within: 5) {
                let rejected = try node.ctl.json("status")["rejected"]
                let counts = rejected.names.map { rejected[$0].number ?? 0 }
                return counts.reduce(0, +) >= Double(HostileBytes.noise.count)
            }
        }
    }
}

/// Input that nothing legitimate sends.
private enum HostileBytes {
    static let requests: [[UInt8]] = [
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /demo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST /demo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        "GET /demo HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
        "GET /demo HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n",
        "GET /demo HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET /demo HTTP/1.1\r\n\r\n",
        "GET /demo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /demo HTTP/1.1\r\nHost: a\r\nX: \u{0}\r\n\r\n",
        "TRACE /demo HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /demo%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\(String(repeating: "a", count: 20_000)) HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: y\r\n", count: 300))\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}",
    ].map { Array($0.utf8) }

    static let noise: [[UInt8]] = {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        let lengths = [1, 4, 15, 40, 100, 700, 1_400, 9_000]
        let random = lengths.map { length in
            (0..<length).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 33)
            }
        }
        return random + [
            [UInt8](repeating: 0, count: 64), [UInt8](repeating: 0xFF, count: 1_200),
            Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8),
        ]
    }()
}
