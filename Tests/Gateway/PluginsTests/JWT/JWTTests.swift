import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshPlugins

@Suite("jwt, as Kong's (§6.5)")
struct JWTTests {
    private static let joe = EntityID(high: 1, low: 1)
    private static let now: UInt64 = 1_700_000_000

    private static func consumers(
        _ algorithm: JWTSecret.Algorithm = .hs256,
        secret: String? = "hush",
        key: String? = nil
    ) -> ConsumerDirectory {
        var entities = GatewayConfiguration()
        entities.consumers = [Consumer(id: Self.joe, username: "joe")]
        var credential = JWTSecret(
            id: EntityID(high: 2, low: 1),
            consumer: Self.joe,
            key: "joe",
            secret: secret
        )
        credential.algorithm = algorithm
        credential.publicKey = key
        entities.jwtSecrets = [credential]
        return ConsumerDirectory(entities)
    }

    private static func token(
        _ claims: String = #"{"iss":"joe"}"#,
        header: String = #"{"alg":"HS256"}"#,
        secret: String = "hush",
        hash: MessageCode.Hash = .sha256
    ) -> String {
        let signed = [header, claims].map { Base64.encode(Array($0.utf8)) }.joined(separator: ".")
        let code = Array(signed.utf8).withUnsafeBytes {
            MessageCode.make(hash, key: Array(secret.utf8), $0)
        }
        return "\(signed).\(Base64.encode(code ?? []))"
    }

    private func exchange(
        _ token: String?,
        _ config: KeyValuePairs<String, DocumentValue> = [:],
        target: String = "/",
        lines: String = "",
        consumers: ConsumerDirectory = consumers()
    ) throws -> Exchange {
        let shown = token.map { "Authorization: Bearer \($0)\r\n" } ?? ""
        return Exchange(
            try PluginChain("jwt", config),
            target: target,
            lines: shown + lines,
            consumers: consumers,
            at: Self.now
        )
    }

    @Test(
        "lets signed tokens pass",
        arguments: [
            ("HS256", JWTSecret.Algorithm.hs256, MessageCode.Hash.sha256),
            ("HS384", .hs384, .sha384), ("HS512", .hs512, .sha512),
        ]
    )
    func symmetric(
        name: String,
        algorithm: JWTSecret.Algorithm,
        hash: MessageCode.Hash
    ) throws {
        let token = Self.token(header: #"{"alg":"\#(name)","typ":"JWT"}"#, hash: hash)
        let exchange = try self.exchange(token, consumers: Self.consumers(algorithm))
        #expect(exchange.answer == nil)
        #expect(exchange.upstreamLines.contains("X-Consumer-Username: joe\r\n"))
        #expect(exchange.identity.credential == EntityID(high: 2, low: 1))
    }

    @Test("checks every asymmetric algorithm (RFC 7518 section 3, RFC 8037)", arguments: 0..<10)
    func asymmetric(index: Int) throws {
        let sample = TokenSamples.all[index]
        let consumers = Self.consumers(sample.algorithm, secret: nil, key: sample.key)
        #expect(try self.exchange(sample.token, consumers: consumers).answer == nil)

        var forged = sample.token
        let last = forged.removeLast()
        forged.removeLast()
        forged += (last == "A" ? "BB" : "AA")
        let refused = try self.exchange(forged, consumers: consumers)
        #expect(refused.answerText == #"{"message":"Invalid signature"}"#)
    }

    @Test("never lets a token choose how it is checked")
    func confusion() throws {
        let sample = TokenSamples.all[0]
        let consumers = Self.consumers(.rs256, secret: nil, key: sample.key)
        // The public key as the secret of a symmetric algorithm.
        let confused = try self.exchange(Self.token(secret: sample.key), consumers: consumers)
        #expect(confused.answerText == #"{"message":"Invalid algorithm"}"#)
        let none = try self.exchange(Self.token(header: #"{"alg":"none"}"#))
        #expect(none.answerText == #"{"message":"Bad token; invalid alg"}"#)
        let other = Self.consumers(.rs256, secret: nil, key: TokenSamples.all[6].key)
        let unfit = try self.exchange(sample.token, consumers: other)
        #expect(unfit.answerText == #"{"message":"Invalid key/secret"}"#)
    }

    @Test(
        "refuses in Kong's words",
        arguments: [
            (token(#"{"iss":"eve"}"#), "No credentials found for given 'iss'"),
            (token(#"{"sub":"joe"}"#), "No mandatory 'iss' in claims"),
            (token(#"{"iss":""}"#), "Invalid 'iss' in claims"),
            (token(#"{"iss":7}"#), "Invalid 'iss' in claims"),
            (token(secret: "other"), "Invalid signature"),
            (token(header: #"{"alg":"HS512"}"#), "Invalid algorithm"),
            ("a.b.c", "Bad token; invalid JSON"), ("abc", "Bad token; invalid JSON"),
            ("e30.e30.e30", "Bad token; invalid alg"),
            (
                "\(Base64.encode(Array(#"{"alg":"HS256"}"#.utf8))).e30",
                "Bad token; invalid signature"
            ),
            (
                "\(Base64.encode(Array(#"{"alg":"HS256"}"#.utf8))).W10.e30",
                "Bad token; invalid claims"
            ),
        ]
    )
    func refused(token: String, message: String) throws {
        let exchange = try self.exchange(token)
        #expect(exchange.answer?.status == 401)
        #expect(exchange.answerText == #"{"message":"\#(message)"}"#)
        #expect(exchange.answerLines == "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n")
        #expect(exchange.upstreamLines == "")
    }

    @Test("asks for a token, with its realm")
    func missing() throws {
        let exchange = try self.exchange(nil, ["realm": .string("shop")])
        #expect(exchange.answerText == #"{"message":"Unauthorized"}"#)
        #expect(exchange.answerLines == "WWW-Authenticate: Bearer realm=\"shop\"\r\n")
    }

    @Test(
        "checks the claims it is told to (RFC 7519 section 4.1)",
        arguments: [
            (#"{"iss":"joe"}"#, ["exp"], #"{"exp":"must be a number"}"#),
            (#"{"iss":"joe","exp":"1"}"#, ["exp"], #"{"exp":"must be a number"}"#),
            (#"{"iss":"joe","exp":1700000000}"#, ["exp"], #"{"exp":"token expired"}"#),
            (#"{"iss":"joe","exp":1700000001}"#, ["exp"], nil),
            (#"{"iss":"joe","nbf":1700000001}"#, ["nbf"], #"{"nbf":"token not valid yet"}"#),
            (#"{"iss":"joe","nbf":1700000000}"#, ["nbf"], nil),
            (
                #"{"iss":"joe","exp":1,"nbf":1700000009}"#, ["exp", "nbf"],
                #"{"exp":"token expired","nbf":"token not valid yet"}"#
            ),
            (#"{"iss":"joe","exp":1}"#, [], nil),
        ] as [(String, [String], String?)]
    )
    func claims(claims: String, verified: [String], body: String?) throws {
        let names = DocumentValue.list(verified.map { .string($0) })
        let exchange = try self.exchange(Self.token(claims), ["claims_to_verify": names])
        #expect(exchange.answerText == body)
    }

    @Test(
        "reads tokens however they are written",
        arguments: [
            (#"{"iss":"joe","aud":["a","b"],"x":{"iss":"eve"}}"#, nil),
            (#"{"\u0069ss":"joe"}"#, nil), (#"{"iss":"j\u006fe"}"#, nil),
            (#"{"iss":"joe","name":"Zoë"}"#, nil),
            (#" { "iss" : "joe" } "#, nil),
            (#"{"iss":"joe","exp":1700000000.5}"#, nil),
            (#"{"iss":"joe","exp":1.6e9}"#, #"{"exp":"token expired"}"#),
            (#"{"iss":"joe","exp":1e400}"#, #"{"message":"Bad token; invalid JSON"}"#),
            (#"{"iss":"eve","iss":"joe"}"#, #"{"message":"Bad token; invalid JSON"}"#),
            (#"{"iss":"eve","\u0069ss":"joe"}"#, #"{"message":"Bad token; invalid JSON"}"#),
            (#"{"iss":"joe"}x"#, #"{"message":"Bad token; invalid JSON"}"#),
            (#"{"iss":null}"#, #"{"message":"No mandatory 'iss' in claims"}"#),
            (#"{"iss":true,"a":[]}"#, #"{"message":"Invalid 'iss' in claims"}"#),
        ] as [(String, String?)]
    )
    func spellings(claims: String, body: String?) throws {
        let names: DocumentValue = claims.contains("exp") ? .list([.string("exp")]) : .list([])
        let exchange = try self.exchange(Self.token(claims), ["claims_to_verify": names])
        #expect(exchange.answerText == body)
    }

    @Test("bounds how long a token may last")
    func maximum() throws {
        let config: KeyValuePairs<String, DocumentValue> = [
            "claims_to_verify": .list([.string("exp")]), "maximum_expiration": .integer(60),
        ]
        let short = try self.exchange(Self.token(#"{"iss":"joe","exp":1700000060}"#), config)
        let long = try self.exchange(Self.token(#"{"iss":"joe","exp":1700000061}"#), config)
        #expect(short.answer == nil)
        #expect(long.answerText == #"{"exp":"exceeds maximum allowed expiration"}"#)
        #expect(throws: PluginError.self) {
            try PluginChain("jwt", ["maximum_expiration": .integer(60)])
        }
    }

    @Test("finds tokens in the query, in cookies and in other headers")
    func places() throws {
        let token = Self.token()
        let config: KeyValuePairs<String, DocumentValue> = [
            "cookie_names": .list([.string("session")]),
            "header_names": .list([.string("X-Token")]),
        ]
        let query = try self.exchange(nil, config, target: "/?jwt=\(token)")
        let cookie = try self.exchange(nil, config, lines: "Cookie: a=b; session=\(token)\r\n")
        let header = try self.exchange(nil, config, lines: "X-Token: bearer \(token)\r\n")
        let elsewhere = try self.exchange(token, config)
        #expect(query.answer == nil && cookie.answer == nil && header.answer == nil)
        #expect(elsewhere.answer?.status == 401)
        let twice = try self.exchange(token, target: "/?jwt=\(token)")
        #expect(twice.answer == nil)
        let both = try self.exchange(token, target: "/?jwt=\(token)x")
        #expect(both.answerText == #"{"message":"Multiple tokens provided"}"#)
    }

    @Test("reads the key from another claim, from the header, and secrets in Base64")
    func variants() throws {
        let header = Self.token("{}", header: #"{"alg":"HS256","kid":"joe"}"#)
        let named = try self.exchange(header, ["key_claim_name": .string("kid")])
        #expect(named.answer == nil)
        let encoded = Self.consumers(secret: Base64.encode(Array("hush".utf8)))
        let decoded = try self.exchange(
            Self.token(),
            ["secret_is_base64": .bool(true)],
            consumers: encoded
        )
        #expect(decoded.answer == nil)
    }
}
