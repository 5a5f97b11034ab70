import MeshEntities
import MeshHTTP

/// An answer that tells what a request was, and which route and service it was for.
///
/// Source: Kong 3.9, `kong/plugins/request-termination/handler.lua`; bodies as `kong.request.get_body`
/// reads them.
struct EchoedRequest: Sendable {
    let status: UInt16
    let message: String?

    /// Most bytes of a body that are told: 1 MiB.
    private static let bodyByteLimit = 1_024 * 1_024

    /// Answers, once the body has come.
    func answer(_ request: PluginRequest) -> PluginVerdict {
        if case .unasked = request.content, request.head.framing != .none {
            return .gather(byteLimit: Self.bodyByteLimit)
        }
        var text = LogText()
        text.open()
        if let message { text.string("message", message) }
        if let node = request.shared?.node {
            text.open("kong")
            text.string("node_id", node.id)
            text.number("worker_pid", Int64(clamping: request.process))
            text.string("hostname", node.host)
            text.close()
        }
        self.write(request, &text)
        if let matched = request.matched {
            if !matched.route.isEmpty { text.raw("matched_route", matched.route) }
            if !matched.service.isEmpty { text.raw("matched_service", matched.service) }
        }
        text.close()
        return .answer(
            PluginAnswer(
                status: self.status,
                contentType: PluginAnswer.jsonType,
                body: text.bytes
            )
        )
    }

    private func write(_ request: PluginRequest, _ text: inout LogText) {
        let decode = { (bytes: UnsafeRawBufferPointer) in String(decoding: bytes, as: UTF8.self) }
        text.open("request")
        text.string("scheme", request.secured == nil ? "http" : "https")
        text.string("host", decode(request.head.host.bytes(of: request.bytes)).lowercased())
        text.number("port", Int64(request.listenPort))
        let received = ReceivedFields(
            request.fields,
            count: request.head.fieldCount,
            of: request.bytes
        )
        text.headers(received.all, hidesSecrets: false)
        let query = request.head.query.bytes(of: request.bytes)
        text.arguments("query", Arguments(UnsafeRawBufferPointer(rebasing: query.dropFirst())))
        if case .whole(let body) = request.content {
            switch BodyFields(of: request) {
            case .form(let arguments): text.arguments("body", arguments)
            case .parts(let parts): text.arguments("body", parts.arguments)
            case .json(let fields): text.raw("body", DocumentValue.object(fields).json)
            case nil: if let list = BodyFields.list(of: request) { text.raw("body", list.json) }
            }
            text.string("raw_body", String(decoding: body, as: UTF8.self))
        } else if request.head.framing == .none {
            text.string("raw_body", "")
        }
        text.string("method", decode(request.head.methodName.bytes(of: request.bytes)))
        text.string("path", decode(request.path))
        text.close()
    }
}
