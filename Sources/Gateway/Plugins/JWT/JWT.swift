import MeshEntities
import MeshHTTP
internal import MeshPrimitives

/// Kong's `jwt`: a signed token (RFC 7519) says who sends a request.
///
/// Source: Kong's `kong/plugins/jwt/handler.lua` and `jwt_parser.lua`, version 3.9.
struct JWT: Sendable {
    static let definition = PluginDefinition(
        name: "jwt",
        priority: 1_450,
        fields: [
            .standard("uri_param_names", .set(.string), .list([.string("jwt")])),
            .standard("cookie_names", .set(.string), .list([])),
            .standard("key_claim_name", .string, .string("iss")),
            .standard("secret_is_base64", .boolean, .bool(false)),
            claimsField, AuthenticationRules.anonymousField, AuthenticationRules.preflightField,
            .standard("maximum_expiration", .number, .integer(0), in: 0...31_536_000),
            .standard("header_names", .set(.string), .list([.string("authorization")])),
            FieldSchema("realm", .string),
        ],
        authenticates: true,
        takesConsumers: false,
        compile: { settings throws(PluginError) in
            let plugin = try JWT(settings)
            return PluginStep(access: { request, state, edits in
                plugin.rules.access(request, &state, &edits) { request, _ in
                    plugin.authenticate(request)
                }
            })
        }
    )

    private static let claimsField: FieldSchema = {
        var field = FieldSchema("claims_to_verify", .set(.string))
        field.choices = ["exp", "nbf"]
        return field
    }()

    private let rules: AuthenticationRules
    private let arguments: [[UInt8]]
    private let cookies: [[UInt8]]
    private let headers: [[UInt8]]
    private let keyClaim: String
    private let isBase64: Bool
    private let claims: TokenClaims
    /// `Bearer`, with the realm if there is one.
    private let challenge: String
    private let faultChallenge: String

    private init(_ settings: PluginSettings) throws(PluginError) {
        self.rules = try AuthenticationRules(settings)
        self.arguments = try settings.texts("uri_param_names")?.map { Array($0.utf8) } ?? []
        self.cookies = try settings.texts("cookie_names")?.map { Array($0.utf8) } ?? []
        self.headers =
            try settings.texts("header_names")?.map { Array($0.lowercased().utf8) } ?? []
        self.keyClaim = try settings.text("key_claim_name") ?? "iss"
        self.isBase64 = try settings.flag("secret_is_base64") ?? false
        let maximum = try settings.number("maximum_expiration") ?? 0
        let names = try settings.texts("claims_to_verify") ?? []
        guard maximum == 0 || names.contains("exp") else {
            throw settings.error(
                "claims_to_verify",
                "expected to contain: exp",
                given: "maximum_expiration"
            )
        }
        self.claims = TokenClaims(
            verifiesExpiry: names.contains("exp"),
            verifiesStart: names.contains("nbf"),
            maximumSeconds: maximum
        )
        let realm = try AuthenticationRules.realm(settings)
        self.challenge = AuthenticationRules.challenge("Bearer", realm: realm)
        self.faultChallenge = AuthenticationRules.challenge(
            "Bearer",
            realm: realm,
            suffix: " error=\"invalid_token\""
        )
    }

    private func authenticate(_ request: PluginRequest) -> AuthenticationRules.Outcome {
        var shown = Shown()
        self.collect(from: request, into: &shown)
        guard !shown.isEmpty else {
            return .refused(self.answer("Unauthorized", self.challenge))
        }
        guard !shown.differs else { return self.refuse("Multiple tokens provided") }
        return shown.withText { self.authenticate($0, request) }
    }

    private func authenticate(
        _ text: UnsafeRawBufferPointer,
        _ request: PluginRequest
    ) -> AuthenticationRules.Outcome {
        let token: Token
        do throws(Token.Fault) {
            token = try Token(text, keyClaim: self.keyClaim)
        } catch {
            return self.refuse("Bad token; \(error.rawValue)")
        }
        guard token.keyName != .missing else {
            return self.refuse("No mandatory '\(self.keyClaim)' in claims")
        }
        guard case .text(let key) = token.keyName, !key.isEmpty else {
            return self.refuse("Invalid '\(self.keyClaim)' in claims")
        }
        guard let signer = request.consumers.signer(named: key) else {
            return self.refuse("No credentials found for given '\(self.keyClaim)'")
        }
        // Whoever signs may not choose how a signature is checked.
        guard token.algorithm == signer.credential.algorithm else {
            return self.refuse("Invalid algorithm")
        }
        guard let isSigned = self.verify(token, text, signer, request) else {
            return self.refuse("Invalid key/secret")
        }
        guard isSigned else { return self.refuse("Invalid signature") }
        let seconds = Double(request.wallMilliseconds / 1_000)
        if let errors = self.claims.errors(in: token.times, at: seconds) {
            return .refused(
                PluginAnswer(
                    status: 401,
                    lines: self.faultChallenge,
                    contentType: Self.jsonType,
                    body: Array(errors.json.utf8)
                )
            )
        }
        guard let consumer = signer.consumer else {
            return .undecided(AuthenticationRules.unexpected)
        }
        return .found(consumer, credential: signer.credential.id)
    }

    /// Whether the signature is right; nil when the credential has nothing to check it by.
    private func verify(
        _ token: Token,
        _ text: UnsafeRawBufferPointer,
        _ signer: TokenSigner,
        _ request: PluginRequest
    ) -> Bool? {
        let hash: MessageCode.Hash? =
            switch token.algorithm {
            case .hs256: .sha256
            case .hs384: .sha384
            case .hs512: .sha512
            case .rs256, .rs384, .rs512, .es256, .es384, .es512, .ps256, .ps384, .ps512, .edDSA:
                nil
            }
        let signed = UnsafeRawBufferPointer(rebasing: text[..<token.signedCount])
        guard let hash else {
            return signer.key.map { key in
                let verify = { key.verify(token.signature, of: signed) }
                guard let shared = request.shared else { return verify() }
                return Memory(tokens: shared.tokens, secret: shared.secret)
                    .knows(text, key, verify)
            }
        }
        guard let secret = self.secret(signer.credential),
            let code = MessageCode.make(hash, key: secret, signed)
        else { return nil }
        return ConstantTime.areEqual(code, token.signature)
    }

    private func secret(_ credential: JWTSecret) -> [UInt8]? {
        guard let secret = credential.secret, !secret.isEmpty else { return nil }
        return self.isBase64 ? Base64.decode(secret.utf8) : Array(secret.utf8)
    }

    /// The tokens that a request shows.
    private struct Shown {
        /// The first one, where it lies in the request.
        private var borrowed = UnsafeRawBufferPointer(start: nil, count: 0)
        /// The first one, where it had to be decoded.
        private var decoded: [UInt8] = []
        private(set) var isEmpty = true
        /// Whether another one is not the same.
        private(set) var differs = false

        mutating func add(_ text: UnsafeRawBufferPointer) {
            guard self.isEmpty else { return self.compare(text) }
            self.isEmpty = false
            self.borrowed = text
        }

        mutating func add(decoded text: [UInt8]) {
            guard self.isEmpty else { return text.withUnsafeBytes { self.compare($0) } }
            self.isEmpty = false
            self.decoded = text
        }

        private mutating func compare(_ text: UnsafeRawBufferPointer) {
            let isSame = self.withText { $0.elementsEqual(text) }
            self.differs = self.differs || !isSame
        }

        /// Shows the first one.
        func withText<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
            self.borrowed.isEmpty ? self.decoded.withUnsafeBytes(body) : body(self.borrowed)
        }
    }

    /// Every token that the request shows, in Kong's order: query, cookies, headers.
    private func collect(from request: PluginRequest, into shown: inout Shown) {
        if !self.arguments.isEmpty {
            var arguments = QueryArguments(request.head.query.bytes(of: request.bytes))
            while let argument = arguments.next() {
                guard argument.hasValue, self.arguments.contains(where: argument.isNamed) else {
                    continue
                }
                shown.add(decoded: argument.decodedValue)
            }
        }
        for name in self.cookies {
            if let cookie = request.cookie(name), !cookie.isEmpty { shown.add(cookie) }
        }
        for name in self.headers {
            request.anyValue(named: name) { value in
                if let token = Credentials.after("bearer", in: value) { shown.add(token) }
                return false
            }
        }
    }

    private static let jsonType = "application/json; charset=utf-8"

    private func refuse(_ message: String) -> AuthenticationRules.Outcome {
        .refused(self.answer(message, self.faultChallenge))
    }

    /// As `kong.response.exit`: JSON whatever the client accepts.
    private func answer(_ message: String, _ challenge: String) -> PluginAnswer {
        PluginAnswer(
            status: 401,
            lines: challenge,
            contentType: Self.jsonType,
            body: Array("{\"message\":".utf8) + FieldText.jsonString(message) + [0x7D]
        )
    }
}

extension JWT {
    /// Which tokens were verified.
    struct Memory {
        let tokens: any PluginMemory
        let secret: [UInt8]

        /// Whether a token is known to be signed with a key, or turns out to be.
        ///
        /// What else may be wrong with it is looked at for each request.
        func knows(
            _ token: UnsafeRawBufferPointer,
            _ key: PublicKey,
            _ verify: () -> Bool
        ) -> Bool {
            let mark = PluginMark(token, signedWith: key, secret: self.secret)
            if self.tokens.contains(mark) { return true }
            guard verify() else { return false }
            self.tokens.insert(mark)
            return true
        }
    }
}

/// Which claims of a token must hold.
struct TokenClaims: Sendable {
    let verifiesExpiry: Bool
    let verifiesStart: Bool
    /// Seconds from now that a token may last; 0 for any time.
    let maximumSeconds: Double

    /// What is wrong, by claim; nil when nothing is.
    ///
    /// Source: RFC 7519 sections 4.1.4 and 4.1.5.
    func errors(in times: TokenTimes, at now: Double) -> DocumentValue? {
        var errors: [DocumentField] = []
        if self.verifiesExpiry {
            if let expiry = times.expiry {
                if expiry <= now { errors.append(DocumentField("exp", .string("token expired"))) }
            } else {
                errors.append(DocumentField("exp", .string("must be a number")))
            }
        }
        if self.verifiesStart {
            if let start = times.start {
                if start > now {
                    errors.append(DocumentField("nbf", .string("token not valid yet")))
                }
            } else {
                errors.append(DocumentField("nbf", .string("must be a number")))
            }
        }
        guard errors.isEmpty else { return .object(errors) }
        guard self.maximumSeconds > 0 else { return nil }
        guard let expiry = times.expiry, expiry - now <= self.maximumSeconds else {
            return .object([DocumentField("exp", .string("exceeds maximum allowed expiration"))])
        }
        return nil
    }
}
