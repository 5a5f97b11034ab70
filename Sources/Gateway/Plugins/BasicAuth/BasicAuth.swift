import MeshEntities
import MeshHTTP
internal import MeshPrimitives

/// Kong's `basic-auth`: a user name and a password (RFC 7617) say who sends a request.
///
/// A password that is seen for the first time is checked outside of the worker; the request waits.
///
/// Source: Kong's `kong/plugins/basic-auth/access.lua`, version 3.9.
struct BasicAuth: Sendable {
    static let definition = PluginDefinition(
        name: "basic-auth",
        priority: 1_100,
        fields: [
            AuthenticationRules.anonymousField, AuthenticationRules.hidingField,
            .standard("realm", .string, .string("service")),
        ],
        authenticates: true,
        takesConsumers: false,
        compile: { settings throws(PluginError) in
            let plugin = try BasicAuth(settings)
            return PluginStep(access: { request, state, edits in
                let note = state.note
                return plugin.rules.access(request, &state, &edits) {
                    plugin.authenticate($0, note, &$1)
                }
            })
        }
    )

    /// How long a check may take before the request is answered 503, milliseconds.
    private static let limit: Int64 = 5_000
    /// What a check tells the step that runs again.
    private static let isRight: UInt64 = 1
    private static let isWrong: UInt64 = 2

    private let rules: AuthenticationRules
    private let hides: Bool
    private let refusal: PluginAnswer
    private static let busy = PluginAnswer(status: 503, error: "Service unavailable")

    private init(_ settings: PluginSettings) throws(PluginError) {
        self.rules = try AuthenticationRules(settings)
        self.hides = try settings.flag("hide_credentials") ?? false
        self.refusal = PluginAnswer(
            status: 401,
            error: "Unauthorized",
            lines: AuthenticationRules.challenge(
                "Basic",
                realm: try AuthenticationRules.realm(settings)
            )
        )
    }

    private func authenticate(
        _ request: PluginRequest,
        _ note: UInt64,
        _ edits: inout PluginEdits
    ) -> AuthenticationRules.Outcome {
        var pair = Self.pair(request.value(named: Self.proxyField))
        if self.hides { edits.drop("proxy-authorization") }
        if pair == nil {
            pair = Self.pair(request.value(named: Self.field))
            if self.hides { edits.drop("authorization") }
        }
        guard let pair else { return .refused(self.refusal) }
        if note == Self.isWrong { return .refused(self.refusal) }
        let credential = pair.name.withUnsafeBytes {
            request.consumers.passwords.credential(named: $0)
        }
        guard let credential, note == Self.isRight || self.check(pair.password, credential, request)
        else { return self.ask(pair.password, credential, request) }
        return .known(consumer: credential.consumer, credential: credential.id)
    }

    /// Whether a password is known to be right without asking.
    private func check(
        _ password: [UInt8],
        _ credential: BasicCredential,
        _ request: PluginRequest
    ) -> Bool {
        if PasswordHash.isFast(credential.password) {
            return PasswordHash.verify(password, credential.password, of: credential.consumer)
        }
        guard let shared = request.shared else { return false }
        return shared.memory.contains(
            PluginMark(credential.id, credential.password, password, secret: shared.secret)
        )
    }

    /// Has a password checked.
    ///
    /// Nobody's takes as long as somebody's, so that the time of an answer does
    /// not tell which users there are.
    private func ask(
        _ password: [UInt8],
        _ credential: BasicCredential?,
        _ request: PluginRequest
    ) -> AuthenticationRules.Outcome {
        guard let outside = request.outside, let resumption = request.resumption,
            let shared = request.shared
        else { return .undecided(Self.busy) }
        let isTaken = outside.run {
            let isRight = Self.verify(password, credential)
            if isRight, let credential {
                shared.memory.insert(
                    PluginMark(credential.id, credential.password, password, secret: shared.secret)
                )
            }
            resumption.resume(.again(note: isRight ? Self.isRight : Self.isWrong))
        }
        return isTaken
            ? .suspended(milliseconds: Self.limit, status: 503) : .undecided(Self.busy)
    }

    private static func verify(_ password: [UInt8], _ credential: BasicCredential?) -> Bool {
        guard let credential, !PasswordHash.isFast(credential.password) else {
            _ = PasswordHash.verify(
                password,
                PasswordHash.nobodys,
                of: EntityID(high: 0, low: 0)
            )
            return false
        }
        return PasswordHash.verify(password, credential.password, of: credential.consumer)
    }

    private static let field = Array("authorization".utf8)
    private static let proxyField = Array("proxy-authorization".utf8)

    /// The name and the password of a field's value; nil when it is of another scheme or damaged.
    static func pair(_ value: UnsafeRawBufferPointer?) -> (name: [UInt8], password: [UInt8])? {
        guard let value, let rest = Credentials.after("basic", in: value),
            let decoded = Base64.decode(rest),
            let colon = decoded.firstIndex(of: UInt8(ascii: ":")), colon > 0
        else { return nil }
        return (Array(decoded[..<colon]), Array(decoded[(colon + 1)...]))
    }
}
