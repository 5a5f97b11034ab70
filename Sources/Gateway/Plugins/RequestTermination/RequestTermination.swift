import MeshEntities
import MeshHTTP

/// Kong's `request-termination`: answers by itself, always or when a trigger is present.
///
/// With `echo` the answer tells what the request was and where it would have gone.
///
/// Source: Kong 3.9, `kong/plugins/request-termination/handler.lua`.
struct RequestTermination: Sendable {
    private let answer: PluginAnswer
    /// A header or query parameter; nil answers every request.
    private let trigger: [UInt8]?
    private let lowercasedTrigger: [UInt8]
    private let echo: EchoedRequest?

    static let definition = PluginDefinition(
        name: "request-termination",
        priority: 2,
        fields: [
            .standard("status_code", .integer, .integer(503), in: 100...599),
            FieldSchema("message", .string), FieldSchema("content_type", .string),
            FieldSchema("body", .string), .standard("echo", .boolean, .bool(false)),
            FieldSchema("trigger", .string),
        ],
        compile: { settings throws(PluginError) in
            let plugin = try RequestTermination(settings)
            return PluginStep(
                access: { request, _, _ in
                    guard plugin.applies(to: request) else { return .next }
                    return plugin.echo?.answer(request) ?? .answer(plugin.answer)
                },
                readsMatched: plugin.echo != nil
            )
        }
    )

    private init(_ settings: PluginSettings) throws(PluginError) {
        let status = try settings.integer("status_code") ?? 503
        let message = try settings.text("message")
        let body = try settings.text("body")
        let contentType = try settings.text("content_type")
        let echo = try settings.flag("echo") ?? false
        if message != nil && (body != nil || contentType != nil) {
            throw settings.error("message", "message cannot be used with content_type or body")
        }
        if contentType != nil && body == nil {
            throw settings.error("content_type", "content_type requires a body")
        }
        if echo && body != nil {
            throw settings.error("echo", "echo cannot be used with content_type and body")
        }
        guard status >= 200 else {
            throw settings.error("status_code", "an interim status cannot end a request")
        }
        if let contentType, !FieldText.isValue(contentType) {
            throw settings.error("content_type", "a header value has no control characters")
        }
        self.answer = PluginAnswer(
            status: UInt16(status),
            message: message,
            body: body,
            contentType: contentType
        )
        self.echo =
            echo
            ? EchoedRequest(
                status: UInt16(status),
                message: message ?? PluginAnswer.message(for: UInt16(status))
            ) : nil
        let trigger = try settings.text("trigger")
        self.trigger = trigger.map { Array($0.utf8) }
        self.lowercasedTrigger = Array((trigger ?? "").lowercased().utf8)
    }

    /// Whether the request is answered here.
    private func applies(to request: PluginRequest) -> Bool {
        guard let trigger = self.trigger else { return true }
        let isHeader = request.hasField(named: self.lowercasedTrigger)
        if isHeader { return true }
        var arguments = QueryArguments(request.head.query.bytes(of: request.bytes))
        while let argument = arguments.next() {
            if argument.isNamed(trigger) { return true }
        }
        return false
    }
}
