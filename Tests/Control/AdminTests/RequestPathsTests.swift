import MeshAdmin
import Testing

@Suite("Requests and other nodes' views, by the Admin API")
struct RequestPathsTests {
    @Test("are what this node remembers, chosen by arguments that make sense")
    func own() async throws {
        try await withServer { endpoint async throws in
            let answer = try await Curl(endpoint, "/mesh/requests?service=shop&limit=5")
            #expect(answer.status == 200)
            #expect(answer.body.contains("\"service\":\"shop\""))
            let refused = try await Curl(endpoint, "/mesh/requests?status=9xx")
            #expect(refused.status == 400)
            #expect(refused.body.contains("status must be a status such as 404, or 5xx"))
        }
    }

    @Test("of another node are asked for through the mesh")
    func others() async throws {
        try await withServer { endpoint async throws in
            let answer = try await Curl(endpoint, "/mesh/nodes/eu-2/requests?after=7&status=5xx")
            #expect(answer.status == 200)
            #expect(answer.body.contains("/mesh/requests?after=7&status=5xx"))
            #expect(
                try await Curl(endpoint, "/mesh/nodes/eu-2/board?after=x-1").body
                    .contains("/mesh/board?after=x-1")
            )
            #expect(try await Curl(endpoint, "/mesh/nodes/none/board").status == 404)
            #expect(try await Curl(endpoint, "/mesh/nodes/eu-3/board").status >= 500)
            let refused = try await Curl(endpoint, "/mesh/nodes/eu-7/config/roll-out")
            #expect(refused.status == 409)
            #expect(refused.body.contains("MESH105"), "\(refused.body)")
        }
    }

    @Test(
        "that another node shows are asked for with the same words, escaped once",
        arguments: [
            ("metrics", "/metrics"), ("status", "/mesh/status"), ("members", "/mesh/members"),
            ("health?upstream=a%26b", "/mesh/health?upstream=a%26b"),
            ("config/history?size=2", "/mesh/config/history?size=2"),
            ("rtt/a%2Fb/c", "/mesh/rtt/a%2Fb/c"),
        ]
    )
    func shown(asked: String, path: String) async throws {
        try await withServer { endpoint async throws in
            let answer = try await Curl(endpoint, "/mesh/nodes/eu-2/\(asked)")
            #expect(answer.status == 200)
            #expect(answer.body == #"{"asked":"\#(path)"}"#)
        }
    }

    @Test(
        "that another node cannot show are told in words, whatever status it answers with",
        arguments: [
            ("eu-4", 502, "eu-4 answered with 65535"), ("eu-5", 503, "eu-5 is busy"),
            ("eu-6", 502, "what eu-6 says is too long"),
        ]
    )
    func unfit(node: String, status: Int, words: String) async throws {
        try await withServer { endpoint async throws in
            let answer = try await Curl(endpoint, "/mesh/nodes/\(node)/status")
            #expect(answer.status == status)
            #expect(answer.body.contains(words))
        }
    }

    @Test("are shown to other nodes as to an operator, and nothing else is")
    func showing() async throws {
        let peers = PeerPaths(node: FakeNode())
        for path in ["/mesh/status", "/mesh/members", "/metrics", "/mesh/requests?limit=5"] {
            let (status, body) = await peers.answer(path)
            #expect(status == 200 && !body.isEmpty, "\(path)")
        }
        #expect(await peers.answer("/mesh/requests?limit=0").status == 400)
        for path in [
            "/mesh/config", "/services", "/mesh/backup", "/mesh/keys", "/", "mesh/nodes/a/drain",
        ] {
            #expect(await peers.answer(path).status == 404, "\(path)")
        }
    }

    @Test("are found by their id")
    func trace() async throws {
        try await withServer { endpoint async throws in
            let answer = try await Curl(endpoint, "/mesh/trace/a%2Fb")
            #expect(answer.status == 200)
            #expect(answer.body.contains("\"nodes\":["))
        }
    }
}
