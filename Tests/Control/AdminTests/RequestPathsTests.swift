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
            #expect(answer.body.contains("/mesh/requests?limit=100&after=7&status=5xx"))
            #expect(
                try await Curl(endpoint, "/mesh/nodes/eu-2/board?after=x-1").body
                    .contains("/mesh/board?after=x-1")
            )
            #expect(try await Curl(endpoint, "/mesh/nodes/none/board").status == 404)
            #expect(try await Curl(endpoint, "/mesh/nodes/eu-3/board").status >= 500)
            let wrong = try await Curl(endpoint, "/mesh/nodes/eu-2/requests?limit=0")
            #expect(wrong.status == 400)
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
