internal import COpenSSL
import MeshEntities
import MeshHTTP
internal import MeshPrimitives

/// Kong's `hmac-auth`: a signature over some of a request's fields says who sends it.
///
/// Source: Kong's `kong/plugins/hmac-auth/access.lua`, version 3.9; draft-cavage-http-signatures-00.
struct HMACAuth: Sendable {
    static let definition = PluginDefinition(
        name: "hmac-auth",
        priority: 1_030,
        fields: [
            AuthenticationRules.hidingField,
            .standard("clock_skew", .number, .integer(300)),
            AuthenticationRules.anonymousField,
            .standard("validate_request_body", .boolean, .bool(false)),
            .standard("enforce_headers", .array(.string), .list([])),
            algorithmsField, FieldSchema("realm", .string),
        ],
        authenticates: true,
        takesConsumers: false,
        compile: { settings throws(PluginError) in
            let plugin = try HMACAuth(settings)
            return PluginStep(
                access: { request, state, edits in
                    var isSigned = false
                    let verdict = plugin.rules.access(request, &state, &edits) { request, edits in
                        let outcome = plugin.authenticate(request, &edits)
                        if case .known = outcome { isSigned = true }
                        return outcome
                    }
                    if isSigned, plugin.looksAtBody {
                        state.checksDigest = true
                        edits.collectsBody = true
                        edits.requiresBody = true
                    }
                    return verdict
                },
                check: { request, state, body in
                    guard state.checksDigest, plugin.looksAtBody else { return nil }
                    return plugin.isDigest(request, of: body) ? nil : plugin.mismatch
                }
            )
        }
    )

    private static let hashes: KeyValuePairs<String, MessageCode.Hash> = [
        "hmac-sha1": .sha1, "hmac-sha256": .sha256, "hmac-sha384": .sha384, "hmac-sha512": .sha512,
    ]

    private static let algorithmsField: FieldSchema = {
        var field = FieldSchema.standard(
            "algorithms",
            .array(.string),
            .list(hashes.map { .string($0.key) })
        )
        field.choices = hashes.map(\.key)
        return field
    }()

    private let rules: AuthenticationRules
    private let hides: Bool
    /// Seconds.
    private let skew: Double
    private let looksAtBody: Bool
    private let enforced: [String]
    private let algorithms: [String]
    private let missing: PluginAnswer
    private let undated: PluginAnswer
    private let unverifiable: PluginAnswer
    private let mismatch: PluginAnswer

    private init(_ settings: PluginSettings) throws(PluginError) {
        self.rules = try AuthenticationRules(settings)
        self.hides = try settings.flag("hide_credentials") ?? false
        self.skew = try settings.number("clock_skew") ?? 300
        guard self.skew > 0 else {
            throw settings.error("clock_skew", "value must be greater than 0")
        }
        self.enforced = try settings.texts("enforce_headers")?.map { $0.lowercased() } ?? []
        self.algorithms = try settings.texts("algorithms") ?? []
        self.looksAtBody = try settings.flag("validate_request_body") ?? false
        let challenge = AuthenticationRules.challenge(
            "hmac",
            realm: try AuthenticationRules.realm(settings)
        )
        let refuse = { PluginAnswer(status: 401, error: $0, lines: challenge) }
        self.missing = refuse("Unauthorized")
        self.unverifiable = refuse("HMAC signature cannot be verified")
        self.undated = refuse(
            "HMAC signature cannot be verified, a valid date or x-date header is required for "
                + "HMAC Authentication"
        )
        self.mismatch = refuse("HMAC signature does not match")
    }

    /// Whether the field `Digest` is that of the body; there is none without a body.
    private func isDigest(_ request: PluginRequest, of body: [UInt8]) -> Bool {
        guard let shown = request.value(named: Array("digest".utf8)) else { return body.isEmpty }
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(body, body.count, &digest)
        let mark = Array("SHA-256=".utf8)
        guard shown.starts(with: mark), let told = Base64.decode(shown.dropFirst(mark.count)) else {
            return false
        }
        return ConstantTime.areEqual(digest, told)
    }

    private static let field = Array("authorization".utf8)
    private static let proxyField = Array("proxy-authorization".utf8)

    private func authenticate(
        _ request: PluginRequest,
        _ edits: inout PluginEdits
    ) -> AuthenticationRules.Outcome {
        let proxyValue = request.value(named: Self.proxyField)
        let value = request.value(named: Self.field)
        guard proxyValue != nil || value != nil else { return .refused(self.missing) }
        guard
            self.isDated(request, Array("x-date".utf8))
                || self.isDated(request, Array("date".utf8))
        else { return .refused(self.undated) }
        var given = proxyValue.flatMap(SignatureFields.init)
        if self.hides { edits.drop("proxy-authorization") }
        if given == nil {
            given = value.flatMap(SignatureFields.init)
            if self.hides { edits.drop("authorization") }
        }
        guard let given, self.algorithms.contains(given.algorithm),
            let hash = Self.hashes.first(where: { $0.key == given.algorithm })?.value,
            self.enforced.allSatisfy(given.names.contains),
            let credential = request.consumers.signatures.credential(named: given.username)
        else { return .refused(self.unverifiable) }
        let text = given.signedText(of: request)
        let code = text.withUnsafeBytes {
            MessageCode.make(hash, key: Array(credential.secret.utf8), $0)
        }
        guard let code else { return .undecided(AuthenticationRules.unexpected) }
        guard let signature = Base64.decode(given.signature.utf8),
            ConstantTime.areEqual(code, signature)
        else { return .refused(self.mismatch) }
        return .known(consumer: credential.consumer, credential: credential.id)
    }

    /// Whether a field holds a time that is close enough to now.
    private func isDated(_ request: PluginRequest, _ name: [UInt8]) -> Bool {
        guard let value = request.value(named: name), let date = HTTPTime.parse(value) else {
            return false
        }
        return abs(Double(date) - Double(request.wallMilliseconds / 1_000)) <= self.skew
    }
}
