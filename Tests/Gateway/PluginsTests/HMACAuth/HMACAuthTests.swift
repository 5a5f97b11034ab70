import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshPlugins

@Suite("hmac-auth, as Kong's (§6.5)")
struct HMACAuthTests {
    /// 1,700,000,000 seconds since 1970.
    private static let date = "Tue, 14 Nov 2023 22:13:20 GMT"
    private static let ann = EntityID(high: 1, low: 1)

    private static let consumers: ConsumerDirectory = {
        var entities = GatewayConfiguration()
        entities.consumers = [Consumer(id: Self.ann, username: "ann")]
        entities.hmacCredentials = [
            HMACCredential(
                id: EntityID(high: 2, low: 1),
                consumer: Self.ann,
                username: "ann",
                secret: "hush"
            )
        ]
        return ConsumerDirectory(entities)
    }()

    private static func header(
        _ text: String,
        names: String = "date request-line",
        user: String = "ann",
        algorithm: String = "hmac-sha256",
        hash: MessageCode.Hash = .sha256
    ) -> String {
        let code = Array(text.utf8).withUnsafeBytes {
            MessageCode.make(hash, key: Array("hush".utf8), $0)
        }
        return "hmac username=\"\(user)\", algorithm=\"\(algorithm)\", headers=\"\(names)\", "
            + "signature=\"\(Base64.encode(code ?? []))\""
    }

    private static let line = "date: \(date)\nGET /a?b=c HTTP/1.1"

    private func exchange(
        _ value: String?,
        _ config: KeyValuePairs<String, DocumentValue> = [:],
        field: String = "Authorization",
        date: String = Self.date,
        at seconds: UInt64 = 1_700_000_000
    ) throws -> Exchange {
        let shown = value.map { "\(field): \($0)\r\n" } ?? ""
        return Exchange(
            try PluginChain("hmac-auth", config),
            target: "/a?b=c",
            lines: "Date: \(date)\r\n" + shown,
            consumers: Self.consumers,
            at: seconds
        )
    }

    @Test(
        "lets signed requests pass, with any of its algorithms",
        arguments: [
            ("hmac-sha1", MessageCode.Hash.sha1), ("hmac-sha256", .sha256),
            ("hmac-sha384", .sha384),
            ("hmac-sha512", .sha512),
        ]
    )
    func signed(algorithm: String, hash: MessageCode.Hash) throws {
        let value = Self.header(Self.line, algorithm: algorithm, hash: hash)
        for field in ["Authorization", "Proxy-Authorization"] {
            let exchange = try self.exchange(value, field: field)
            #expect(exchange.answer == nil)
            #expect(exchange.upstreamLines.contains("X-Consumer-Username: ann\r\n"))
        }
    }

    @Test("signs the target, and fields that are missing, as Kong does")
    func targets() throws {
        let text = "@request-target: get /a?b=c\nx-none:"
        let value = Self.header(text, names: "@request-target x-none")
        #expect(try self.exchange(value).answer == nil)
    }

    @Test(
        "refuses in Kong's words",
        arguments: [
            (nil, "Unauthorized"),
            ("hmac nonsense", "HMAC signature cannot be verified"),
            ("Basic YTpi", "HMAC signature cannot be verified"),
            (header(line, user: "eve"), "HMAC signature cannot be verified"),
            (header(line, algorithm: "hmac-md5"), "HMAC signature cannot be verified"),
            (header("other"), "HMAC signature does not match"),
            (header(line, algorithm: "hmac-sha1"), "HMAC signature does not match"),
        ] as [(String?, String)]
    )
    func refused(value: String?, message: String) throws {
        let exchange = try self.exchange(value)
        #expect(exchange.answer?.status == 401)
        #expect(exchange.answerText == message)
        #expect(exchange.answerLines == "WWW-Authenticate: hmac\r\n")
    }

    @Test("refuses requests that are too old, too new, or without a time")
    func skew() throws {
        let value = Self.header(Self.line)
        #expect(try self.exchange(value, at: 1_700_000_300).answer == nil)
        #expect(try self.exchange(value, at: 1_699_999_700).answer == nil)
        for late in [
            try self.exchange(value, at: 1_700_000_301),
            try self.exchange(value, at: 1_699_999_699),
            try self.exchange(value, date: "yesterday"),
        ] {
            #expect(
                late.answerText == "HMAC signature cannot be verified, a valid date or x-date "
                    + "header is required for HMAC Authentication"
            )
        }
    }

    @Test("insists on the fields and algorithms that it is told to")
    func enforced() throws {
        let names = DocumentValue.list([.string("Date"), .string("digest")])
        let only = DocumentValue.list([.string("hmac-sha512")])
        let value = Self.header(Self.line)
        let message = "HMAC signature cannot be verified"
        #expect(try self.exchange(value, ["enforce_headers": names]).answerText == message)
        #expect(try self.exchange(value, ["algorithms": only]).answerText == message)
    }

    @Test(
        "reads the times of senders, leap years among them (RFC 9110 section 5.6.7)",
        arguments: [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000), (date, 1_700_000_000),
            ("Sun, 06 Nov 1994 08:49:37 UTC", nil), ("Sun, 32 Nov 1994 08:49:37 GMT", nil),
            ("Sunday, 06-Nov-94 08:49:37 GM", nil), ("", nil),
        ] as [(String, Int64?)]
    )
    func times(text: String, seconds: Int64?) {
        #expect(Array(text.utf8).withUnsafeBytes { HTTPTime.parse($0) } == seconds)
    }
}
