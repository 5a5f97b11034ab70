import Glibc
import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("jwt on the wire (§6.5; RFC 7519)")
struct JWTTests {
    private func gateway(
        _ config: KeyValuePairs<String, DocumentValue> = [:],
        secret: String = "hush"
    ) throws -> ProtectedGateway {
        try ProtectedGateway([.named("jwt", config)]) { entities in
            entities.jwtSecrets = [
                JWTSecret(
                    id: EntityID(high: 9, low: 9),
                    consumer: ProtectedGateway.annID,
                    key: "ann-issuer",
                    secret: secret
                )
            ]
        }
    }

    private static func token(
        _ claims: String = #"{"iss":"ann-issuer"}"#,
        header: String = #"{"alg":"HS256","typ":"JWT"}"#,
        secret: String = "hush"
    ) -> String {
        let signed = [header, claims].map { Base64.encode(Array($0.utf8), alphabet: .url) }
            .joined(separator: ".")
        let code = Array(signed.utf8).withUnsafeBytes {
            MessageCode.make(.sha256, key: Array(secret.utf8), $0)
        }
        return "\(signed).\(Base64.encode(code ?? [], alphabet: .url))"
    }

    private func ask(_ gateway: ProtectedGateway, _ token: String) -> TestMessage? {
        gateway.ask("Authorization: Bearer \(token)\r\n")
    }

    @Test("lets a signed token pass and tells the target who it is")
    func signed() throws {
        let answer = try #require(self.ask(try self.gateway(), Self.token()))
        #expect(answer.status == 200)
        for line in [
            "x-consumer-id: \(ProtectedGateway.annID)", "x-consumer-username: ann",
            "x-consumer-custom-id: 42", "x-credential-identifier: \(EntityID(high: 9, low: 9))",
        ] {
            #expect(answer.text.contains("\(line)\n"), "\(line)")
        }
    }

    @Test(
        "answers 401 in Kong's words, compact JSON with a challenge",
        arguments: [
            (nil, #"{"message":"Unauthorized"}"#),
            ("a.b.c", #"{"message":"Bad token; invalid JSON"}"#),
            (token("{}"), #"{"message":"No mandatory 'iss' in claims"}"#),
            (token(#"{"iss":""}"#), #"{"message":"Invalid 'iss' in claims"}"#),
            (
                token(#"{"iss":"nobody"}"#),
                #"{"message":"No credentials found for given 'iss'"}"#
            ),
            (
                token(header: #"{"alg":"HS512","typ":"JWT"}"#),
                #"{"message":"Invalid algorithm"}"#
            ),
            (token(secret: "other"), #"{"message":"Invalid signature"}"#),
        ] as [(String?, String)]
    )
    func refused(token: String?, body: String) throws {
        let gateway = try self.gateway(["realm": .string("shop")])
        let answer = token.flatMap { self.ask(gateway, $0) } ?? gateway.ask()
        #expect(answer?.status == 401)
        #expect(answer?.text == body)
        #expect(answer?["content-type"] == "application/json; charset=utf-8")
        let challenge = "Bearer realm=\"shop\"" + (token == nil ? "" : " error=\"invalid_token\"")
        #expect(answer?["www-authenticate"] == challenge)
        #expect(gateway.origin.messages.isEmpty)
    }

    // Made by the command `openssl`; says `{"iss":"joe"}`.
    private static let publicKey = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2S9GZQ2NCWjvEwgnaTBu5iHcrcAc
        u9V9kW4CH+1iU1AsR6+62wW+EJpHrB5VLNhA8dJ4wmpHOfF2sKUgdC70cw==
        -----END PUBLIC KEY-----
        """
    private static let signed =
        "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJqb2UifQ."
        + "ZNEC2_HbVQJBvqw_Fda-U6qv16o6KQYWhrZEsrf-JUzzn4ifyeDveLlfzLMl7a0fiClBPOBv3shROkuoL5hJ1A"

    @Test("looks at signature, claims and credential again when a token comes again")
    func again() throws {
        var entities = GatewayConfiguration()
        let gateway = try ProtectedGateway([.named("jwt")]) { all in
            var credential = JWTSecret(
                id: EntityID(high: 9, low: 9),
                consumer: ProtectedGateway.annID,
                key: "joe",
                secret: nil
            )
            credential.algorithm = .es256
            credential.publicKey = Self.publicKey
            all.jwtSecrets = [credential]
            entities = all
        }
        for _ in 0..<3 { #expect(self.ask(gateway, Self.signed)?.status == 200) }
        let other = Self.signed.replacing(".ZNEC2", with: ".ZNEC3")
        #expect(self.ask(gateway, other)?.text == #"{"message":"Invalid signature"}"#)

        entities.plugins = [.named("jwt", ["claims_to_verify": .strings("exp")])]
        try gateway.gateway.install(entities, version: 2)
        #expect(self.ask(gateway, Self.signed)?.text == #"{"exp":"must be a number"}"#)
        entities.plugins = [.named("jwt")]
        entities.jwtSecrets = []
        try gateway.gateway.install(entities, version: 3)
        let answer = self.ask(gateway, Self.signed)
        #expect(answer?.text == #"{"message":"No credentials found for given 'iss'"}"#)
    }

    @Test("answers 401 to different tokens in one request, and takes equal ones")
    func several() throws {
        let gateway = try self.gateway()
        let one = Self.token()
        let other = Self.token(#"{"iss":"ann-issuer","a":1}"#)
        let line = "Authorization: Bearer \(one)\r\n"
        #expect(gateway.ask(line, target: "/?jwt=\(one)")?.status == 200)
        let answer = gateway.ask(line, target: "/?jwt=\(other)")
        #expect(answer?.status == 401)
        #expect(answer?.text == #"{"message":"Multiple tokens provided"}"#)
    }

    @Test("finds a token in the query, in cookies and in fields, as its settings name them")
    func places() throws {
        let gateway = try self.gateway([
            "uri_param_names": .strings("t"), "cookie_names": .strings("c"),
            "header_names": .strings("X-Token"),
        ])
        let token = Self.token()
        #expect(gateway.ask("", target: "/?t=\(token)")?.status == 200)
        #expect(gateway.ask("Cookie: a=b; c=\(token)\r\n")?.status == 200)
        #expect(gateway.ask("X-Token: Bearer \(token)\r\n")?.status == 200)
        #expect(gateway.ask("", target: "/?jwt=\(token)")?.status == 401)
        #expect(gateway.ask("Authorization: Bearer \(token)\r\n")?.status == 401)
    }

    @Test(
        "checks exp and nbf where claims_to_verify names them",
        arguments: [
            (#""exp":NOW+60"#, nil), (#""exp":NOW-60"#, #"{"exp":"token expired"}"#),
            (#""exp":"x""#, #"{"exp":"must be a number"}"#),
            (#""exp":NOW+60,"nbf":NOW+60"#, #"{"nbf":"token not valid yet"}"#),
            (#""exp":NOW+9000"#, #"{"exp":"exceeds maximum allowed expiration"}"#),
        ] as [(String, String?)]
    )
    func claims(claims: String, body: String?) throws {
        let now = time(nil)
        var text = claims
        for shift in [60, -60, 9_000] {
            text = text.replacing("NOW\(shift < 0 ? "" : "+")\(shift)", with: "\(now + shift)")
        }
        let hasStart = text.contains("nbf")
        let gateway = try self.gateway([
            "claims_to_verify": hasStart ? .strings("exp", "nbf") : .strings("exp"),
            "maximum_expiration": .integer(3_600),
        ])
        let answer = self.ask(gateway, Self.token("{\"iss\":\"ann-issuer\",\(text)}"))
        #expect(answer?.status == (body == nil ? 200 : 401))
        if let body { #expect(answer?.text == body) }
        #expect(
            self.ask(try self.gateway(), Self.token("{\"iss\":\"ann-issuer\",\(text)}"))?
                .status == 200
        )
    }

    @Test("takes another claim, from the head of the token too, and secrets in Base64")
    func keys() throws {
        let named = try self.gateway(["key_claim_name": .string("kid")])
        let inHead = Self.token("{}", header: #"{"alg":"HS256","kid":"ann-issuer"}"#)
        #expect(self.ask(named, inHead)?.status == 200)
        #expect(self.ask(named, Self.token(#"{"kid":"ann-issuer"}"#))?.status == 200)
        let encoded = try self.gateway(["secret_is_base64": .bool(true)], secret: "aHVzaA==")
        #expect(self.ask(encoded, Self.token())?.status == 200)
    }

    @Test("lets OPTIONS pass where run_on_preflight is false, and nobody in particular in")
    func exceptions() throws {
        let gateway = try self.gateway(["run_on_preflight": .bool(false)])
        #expect(gateway.ask("", method: "OPTIONS")?.status == 200)
        #expect(gateway.ask()?.status == 401)
        let open = try self.gateway(["anonymous": .string("guest")])
        let answer = self.ask(open, Self.token(secret: "other"))
        #expect(answer?.status == 200)
        #expect(answer?.text.contains("x-anonymous-consumer: true\n") == true)
        #expect(answer?.text.contains("x-credential-identifier") == false)
    }
}
