import MeshEntities
import MeshHTTP
internal import MeshPrimitives

/// Kong's `standard-webhooks`: only requests whose bodies are signed with a secret pass.
///
/// The signed text is `webhook-id.webhook-timestamp.body`; the body is taken in before the target is
/// asked. Everything that is wrong is answered 400.
///
/// Source: Kong's `kong/plugins/standard-webhooks`, version 3.9; standardwebhooks.com.
struct StandardWebhooks: Sendable {
    static let definition = PluginDefinition(
        name: "standard-webhooks",
        priority: 760,
        fields: [
            .secret("secret_v1", isRequired: true),
            .standard("tolerance_second", .integer, .integer(300)),
        ],
        takesConsumers: false,
        compile: { settings throws(PluginError) in
            let plugin = try StandardWebhooks(settings)
            return PluginStep(
                access: { request, _, edits in plugin.access(request, &edits) },
                check: { request, _, body in plugin.check(request, body) }
            )
        }
    )

    private static let refusal = PluginAnswer(status: 400, error: "Bad request")
    private static let id = Array("webhook-id".utf8)
    private static let signature = Array("webhook-signature".utf8)
    private static let timestamp = Array("webhook-timestamp".utf8)

    private let secret: [UInt8]
    /// Milliseconds.
    private let tolerance: UInt64

    private init(_ settings: PluginSettings) throws(PluginError) {
        self.secret = Array((try settings.text("secret_v1") ?? "").utf8)
        guard !self.secret.isEmpty else {
            throw settings.error("secret_v1", "length must be at least 1")
        }
        let seconds = try settings.integer("tolerance_second") ?? 300
        guard seconds >= 0 else {
            throw settings.error("tolerance_second", "value must be greater than -1")
        }
        self.tolerance = UInt64(min(seconds, 1 << 40)) * 1_000
    }

    /// Refuses what is too old or says too little, before its body is taken in.
    private func access(_ request: PluginRequest, _ edits: inout PluginEdits) -> PluginVerdict {
        guard request.value(named: Self.id) != nil, request.value(named: Self.signature) != nil,
            let time = Self.time(of: request),
            request.wallMilliseconds <= self.tolerance
                || request.wallMilliseconds - self.tolerance <= time
        else { return .answer(Self.refusal) }
        edits.collectsBody = true
        edits.requiresBody = true
        return .next
    }

    /// The instant of a request, milliseconds since 1970; nil for what is no number.
    private static func time(of request: PluginRequest) -> UInt64? {
        guard let value = request.value(named: Self.timestamp), value.count <= 12,
            value.allSatisfy({ (0x30...0x39).contains($0) }),
            let seconds = UInt64(String(decoding: value, as: UTF8.self))
        else { return nil }
        return seconds * 1_000
    }

    private func check(_ request: PluginRequest, _ body: [UInt8]) -> PluginAnswer? {
        guard !body.isEmpty, let id = request.value(named: Self.id),
            let given = request.value(named: Self.signature),
            let time = Self.time(of: request)
        else { return Self.refusal }
        // As in Kong, the number counts, not how it was written.
        let text = Array(id) + Array(".\(time / 1_000).".utf8) + body
        let code = text.withUnsafeBytes {
            MessageCode.make(.sha256, key: self.secret, $0)
        }
        guard let code else { return AuthenticationRules.unexpected }
        // Senders that change their secret sign with both.
        let isSigned = given.split(separator: 0x20).contains { signature in
            guard signature.starts(with: Array("v1,".utf8)),
                let shown = Base64.decode(signature.dropFirst(3))
            else { return false }
            return ConstantTime.areEqual(code, shown)
        }
        return isSigned ? nil : Self.refusal
    }
}
