import MeshAdmin
import MeshEntities
import MeshReports
import Synchronization
import Testing

@Suite("The path /config")
struct ConfigPathsTests {
    private static let text = "_format_version: \"3.0\""

    @Test(
        "takes the same text in every form",
        arguments: [
            ["-H", "Content-Type: text/yaml", "--data-binary", text],
            ["-H", "Content-Type: application/yaml", "--data-binary", text],
            ["--data-urlencode", "config=\(text)"],
            ["-F", "config=\(text)"],
            [
                "-H", "Content-Type: application/json", "-d",
                #"{"config":"_format_version: \"3.0\""}"#,
            ],
        ]
    )
    func forms(arguments: [String]) async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let answer = try await Curl(endpoint, "/config", with: arguments)
            #expect(answer.status == 201)
            #expect(
                answer.body.contains(#""services":{"bbbbbbbb-0000-0000-0000-000000000001":{"id":"#)
            )
        }
        #expect(node.told.withLock { $0.applied.map(\.text) } == [Self.text])
    }

    @Test("takes raw JSON as it is")
    func rawJSON() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let json = #"{"_format_version":"3.0"}"#
            let answer = try await Curl(
                endpoint,
                "/config",
                with: ["-H", "Content-Type: application/json", "-d", json]
            )
            #expect(answer.status == 201)
            #expect(node.told.withLock { $0.applied.map(\.text) } == [json])
        }
    }

    @Test("answers 304 to the same configuration when asked to check")
    func unchanged() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let answer = try await Curl(
                endpoint,
                "/config?check_hash=1",
                with: ["-d", "config=same"]
            )
            #expect(answer.status == 304)
            #expect(answer.body.isEmpty)
        }
        #expect(node.told.withLock { $0.applied.isEmpty })
    }

    @Test(
        "refuses bodies that hold no text",
        arguments: [
            (["-X", "POST"], 400, "expected a declarative configuration"),
            (["-d", "other=1"], 400, "expected a declarative configuration"),
            (["-H", "Content-Type: application/json", "-d", "{"], 400, "Cannot parse JSON body"),
            (["-H", "Content-Type: image/png", "-d", "x"], 415, "Unsupported media type"),
        ]
    )
    func refusals(arguments: [String], status: Int, message: String) async throws {
        try await withServer { endpoint async throws in
            let answer = try await Curl(endpoint, "/config", with: arguments)
            #expect(answer.status == status)
            #expect(answer.body == "{\"message\":\"\(message)\"}")
        }
    }

    @Test("names the field of an invalid configuration, flattened when asked")
    func invalid() async throws {
        let refusal = AdminError.invalidConfiguration(
            InvalidConfiguration(
                message: "declarative config is invalid: {services={{host=\"x\"}}}",
                fields: .record([
                    "services": .list([.record(["host": .string("required field missing")])])
                ]),
                flattenedErrors: .list([.record(["entity_type": .string("service")])]),
                findings: [
                    FindingReport(path: "services[0].host", message: "required field missing")
                ]
            )
        )
        try await withServer(FakeNode(refusal: refusal)) { endpoint async throws in
            let answer = try await Curl(
                endpoint,
                "/config?flatten_errors=1",
                with: ["-d", "config=x"]
            )
            #expect(answer.status == 400)
            #expect(
                answer.body == """
                    {"name":"invalid declarative configuration","code":14,\
                    "message":"declarative config is invalid: \
                    {services={{host=\\"x\\"}}}",\
                    "fields":{"services":[{"host":"required field missing"}]},\
                    "flattened_errors":[{"entity_type":"service"}]}
                    """
            )
        }
    }

    @Test(
        "says when the node cannot load now",
        arguments: [
            (AdminError.busy, 429, "Currently loading previous configuration"),
            (.timedOut, 504, "Timed out while loading configuration"),
            (.stopping, 503, "Kong currently exiting"),
            (.failed("disk full"), 500, "An unexpected error occurred"),
        ]
    )
    func busy(error: AdminError, status: Int, message: String) async throws {
        try await withServer(FakeNode(refusal: error)) { endpoint async throws in
            let answer = try await Curl(endpoint, "/config", with: ["-d", "config=x"])
            #expect(answer.status == status)
            #expect(answer.body == "{\"message\":\"\(message)\"}")
        }
    }

    @Test("gives the canonical text")
    func reads() async throws {
        try await withServer { endpoint async throws in
            #expect(
                try await Curl(endpoint, "/config").body
                    == #"{"config":"_format_version: \"3.0\"\n"}"#
            )
        }
    }

    @Test("takes a configuration of 64 MiB and not one byte more, and ten MiB elsewhere")
    func limit() async throws {
        try await withServer { endpoint async throws in
            for (path, count, isTaken) in [
                ("/config", (64 << 20) + 1, false), ("/mesh/config", (10 << 20) + 1, true),
                ("/services", (10 << 20) + 1, false),
            ] {
                let file = try TemporaryFile(byteCount: count)
                defer { file.remove() }
                let answer = try await Curl(
                    endpoint,
                    path,
                    with: [
                        "-H", "Expect:", "-H", "Content-Type: text/yaml", "--data-binary", file.at,
                    ]
                )
                #expect((answer.status != 413) == isTaken, "\(path)")
            }
        }
    }
}
