import Foundation
import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite(
    "Limits counted at a Redis (Kong 3.9, kong/plugins/rate-limiting/policies, policy 'redis')",
    .enabled(if: RedisServer.isInstalled, "redis-server of Debian is not installed")
)
struct RedisLimitTests {
    private func limit(
        _ redis: UInt16,
        _ more: KeyValuePairs<String, DocumentValue> = [:],
        settings: KeyValuePairs<String, DocumentValue> = [:],
        _ name: String = "rate-limiting"
    ) throws -> PluginGateway {
        var target = [
            DocumentField("host", .string("127.0.0.1")),
            DocumentField("port", .integer(Int64(redis))),
            DocumentField("timeout", .integer(1_000)),
        ]
        for (name, value) in settings { target.append(DocumentField(name, value)) }
        var config = [
            DocumentField("policy", .string("redis")), DocumentField("redis", .object(target)),
        ]
        for (name, value) in more { config.append(DocumentField(name, value)) }
        return try PluginGateway([(name, .object(config))])
    }

    @Test("hold for all nodes that share it, under the keys that Kong uses")
    func shared() throws {
        let redis = try RedisServer()
        let limits: KeyValuePairs<String, DocumentValue> = [
            "hour": .integer(3), "year": .integer(9),
        ]
        let first = try self.limit(redis.port, limits)
        let second = try self.limit(redis.port, limits)
        let answer = try #require(first.ask())
        #expect(answer.status == 200)
        #expect(answer["x-ratelimit-remaining-hour"] == "2")
        #expect(answer["x-ratelimit-remaining-year"] == "8")
        #expect(answer["ratelimit-remaining"] == "2")
        #expect(second.ask()?["x-ratelimit-remaining-hour"] == "1")
        #expect(first.ask()?["x-ratelimit-remaining-hour"] == "0")
        let refused = try #require(second.ask())
        #expect(refused.status == 429)
        #expect(refused["x-ratelimit-remaining-year"] == "6")
        #expect(refused["retry-after"] == refused["ratelimit-reset"])
        // What is refused is not counted in any window.
        #expect(first.ask()?["x-ratelimit-remaining-year"] == "6")
        let keys = try redis.ask("KEYS", "*")
        let route = "\(TestEntities.routeID)"
        let nothing = "00000000-0000-0000-0000-000000000000"
        #expect(keys.contains("ratelimit:\(route):\(nothing):127.0.0.1:"))
        let hour = try #require(
            keys.split(separator: "\n").first { $0.hasSuffix(":hour") }.map(String.init)
        )
        #expect(try redis.ask("GET", hour) == "3\n")
        let lifetime = try #require(
            Int(try redis.ask("TTL", hour).trimmingCharacters(in: .whitespacesAndNewlines))
        )
        #expect((3_500...3_600).contains(lifetime))
    }

    @Test("count exactly when many ask at once")
    func exact() throws {
        let redis = try RedisServer()
        let gateway = try self.limit(redis.port, ["hour": .integer(50)])
        let clients = (0..<20).map { _ in gateway.gateway.connect() }
        var admitted = 0
        for _ in 0..<5 {
            for client in clients { client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n") }
            for client in clients where client.message()?.status == 200 { admitted += 1 }
        }
        #expect(admitted == 50)
    }

    @Test("take a user, a password and a database, nested or by the flat names of old")
    func credentials() throws {
        let redis = try RedisServer(["--user", "limiter", "on", ">sesame", "~*", "+@all"])
        let gateway = try self.limit(
            redis.port,
            ["hour": .integer(1), "fault_tolerant": .bool(false)],
            settings: [
                "username": .string("limiter"), "password": .string("sesame"),
                "database": .integer(3),
            ]
        )
        #expect(gateway.ask()?.status == 200)
        #expect(gateway.ask()?.status == 429)
        #expect(try redis.ask("-n", "3", "DBSIZE").contains("1"))
        let flat = try PluginGateway(
            "rate-limiting",
            [
                "hour": .integer(1), "policy": .string("redis"),
                "redis_host": .string("127.0.0.1"), "redis_port": .integer(Int64(redis.port)),
                "redis_username": .string("limiter"), "redis_password": .string("sesame"),
                "redis_database": .integer(4), "fault_tolerant": .bool(false),
            ]
        )
        #expect(flat.ask()?.status == 200)
        #expect(flat.ask()?.status == 429)
        let wrong = try self.limit(
            redis.port,
            ["hour": .integer(1), "fault_tolerant": .bool(false)],
            settings: ["username": .string("limiter"), "password": .string("wrong")]
        )
        #expect(wrong.ask()?.status == 500)
    }

    @Test(
        "let requests pass without fields, or answer 500, when it is away: what fault_tolerant says"
    )
    func away() throws {
        let redis = try RedisServer()
        let open = try self.limit(redis.port, ["hour": .integer(1)])
        let closed = try self.limit(
            redis.port,
            ["hour": .integer(9), "fault_tolerant": .bool(false)]
        )
        #expect(closed.ask()?.status == 200)
        redis.stop()
        let passed = try #require(open.ask())
        #expect(passed.status == 200)
        #expect(passed["x-ratelimit-limit-hour"] == nil)
        let refused = try #require(closed.ask())
        #expect(refused.status == 500)
        #expect(refused.text.contains("An unexpected error occurred"))
        #expect(closed.origin.requests.count == 1)
    }

    @Test("are told every sync_rate seconds, and learn what others have counted")
    func syncRate() async throws {
        let redis = try RedisServer()
        let settings: KeyValuePairs<String, DocumentValue> = [
            "hour": .integer(10), "sync_rate": .number(0.05),
        ]
        let first = try self.limit(redis.port, settings)
        let second = try self.limit(redis.port, settings)
        for _ in 0..<5 { #expect(first.ask()?.status == 200) }
        for _ in 0..<3 { #expect(second.ask()?.status == 200) }
        #expect(
            await first.gateway.eventually {
                first.ask()?["x-ratelimit-remaining-hour"] == "0"
            }
        )
        #expect(await first.gateway.eventually { second.ask()?.status == 429 })
        redis.stop()
        #expect(first.ask()?.status == 429)
    }

    @Test("reach it by TLS, and refuse one whose certificate is not what it should be")
    func secure() throws {
        let folder = NSTemporaryDirectory() + "/redis-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let identity = TestCertificate("localhost")
        try identity.certificate.write(
            toFile: folder + "/c.pem",
            atomically: true,
            encoding: .utf8
        )
        try identity.key.write(toFile: folder + "/k.pem", atomically: true, encoding: .utf8)
        let redis = try RedisServer(
            [
                "--tls-cert-file", folder + "/c.pem", "--tls-key-file", folder + "/k.pem",
                "--tls-ca-cert-file", folder + "/c.pem", "--tls-auth-clients", "no",
            ],
            securePort: try RedisServer.freePort()
        )
        let config: KeyValuePairs<String, DocumentValue> = [
            "hour": .integer(2), "fault_tolerant": .bool(false),
        ]
        let gateway = try self.limit(redis.port, config, settings: ["ssl": .bool(true)])
        #expect(gateway.ask()?.status == 200)
        #expect(gateway.ask()?.status == 200)
        #expect(gateway.ask()?.status == 429)
        let strict = try self.limit(
            redis.port,
            config,
            settings: ["ssl": .bool(true), "ssl_verify": .bool(true)]
        )
        #expect(strict.ask()?.status == 500)
    }

    @Test("of responses count there, too")
    func responses() async throws {
        let redis = try RedisServer()
        let config = DocumentValue.record([
            "policy": .string("redis"), "fault_tolerant": .bool(false),
            "redis": .record([
                "host": .string("127.0.0.1"), "port": .integer(Int64(redis.port)),
            ]),
            "limits": .record(["video": .record(["hour": .integer(5)])]),
        ])
        let gateway = try PluginGateway([("response-ratelimiting", config)]) { _ in
            "HTTP/1.1 200 OK\r\nX-Kong-Limit: video=3\r\nContent-Length: 0\r\n\r\n"
        }
        #expect(gateway.ask()?["x-ratelimit-remaining-video-hour"] == "2")
        #expect(
            await gateway.gateway.eventually {
                (try? redis.ask("KEYS", "response-ratelimit:*:video:hour").isEmpty) == false
            }
        )
        #expect(gateway.ask()?.status == 200)
        #expect(await gateway.gateway.eventually { gateway.ask()?.status == 429 })
        redis.stop()
        #expect(gateway.ask()?.status == 500)
        let open = try self.limit(
            redis.port,
            ["limits": .record(["video": .record(["hour": .integer(5)])])],
            "response-ratelimiting"
        )
        #expect(open.ask()?.status == 200)
    }

    @Test("do what fault_tolerant says when it takes connections and says nothing")
    func silent() throws {
        let silent = Origin { _, socket, _ in _ = socket.receiveAll() }
        for name in ["rate-limiting", "response-ratelimiting"] {
            for isTolerant in [true, false] {
                let limits: KeyValuePairs<String, DocumentValue> =
                    name == "rate-limiting"
                    ? ["hour": .integer(1), "fault_tolerant": .bool(isTolerant)]
                    : [
                        "limits": .record(["video": .record(["hour": .integer(5)])]),
                        "fault_tolerant": .bool(isTolerant),
                    ]
                let gateway = try self.limit(silent.port, limits, name)
                #expect(gateway.ask()?.status == (isTolerant ? 200 : 500))
            }
        }
    }

    @Test(
        "refuse settings that cannot be meant",
        arguments: [
            (
                ["hour": .integer(1), "policy": .string("redis")],
                "must set one of 'config.redis.host', 'config.redis_host' when 'policy' is 'redis'"
            ),
            (
                [
                    "hour": .integer(1), "policy": .string("redis"), "redis_host": .string("a"),
                    "redis": .record(["host": .string("b")]),
                ],
                "both deprecated and new field are used but their values mismatch: "
                    + "redis_host = a vs redis.host = b"
            ),
            (
                [
                    "hour": .integer(1), "policy": .string("redis"), "redis_host": .string("a"),
                    "sync_rate": .number(0.01),
                ],
                "sync_rate must be greater than 0.02, or -1 to disable"
            ),
        ] as [([String: DocumentValue], String)]
    )
    func refused(config: [String: DocumentValue], message: String) {
        let fields = config.sorted { $0.key < $1.key }.map { DocumentField($0.key, $0.value) }
        let error = #expect(throws: (any Error).self) {
            try PluginGateway([("rate-limiting", .object(fields))])
        }
        #expect(error.map { "\($0)" }?.contains(message) == true, "\(String(describing: error))")
    }
}
