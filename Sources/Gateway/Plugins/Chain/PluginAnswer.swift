public import MeshHTTP

/// A response that a step gives instead of an upstream.
public struct PluginAnswer: Equatable, Sendable {
    /// What the body is.
    private enum Content: Equatable {
        /// Bytes as they are.
        case whole(type: [UInt8], body: [UInt8])
        /// A message in the form that the client accepts, with the request's id, as Kong's
        /// `kong.response.error` gives; without what JSON would escape.
        case error(message: [UInt8])
    }

    /// The status.
    public let status: UInt16
    /// Whole lines for the head.
    public let lines: [UInt8]
    private let content: Content
    /// How long the body would be that an answer to HEAD leaves out; nil where it is ``body``.
    private var headLength: Int?

    /// Answers as Kong's `kong.response.exit`: with a body, or `{"message":…}`, or nothing.
    init(status: UInt16, message: String?, body: String?, contentType: String?) {
        self.status = status
        self.lines = []
        if let body {
            let type = Array((contentType ?? Self.jsonType).utf8)
            self.content = .whole(type: type, body: Array(body.utf8))
        } else if let message = message ?? Self.message(for: status) {
            let body = Array("{\"message\":".utf8) + FieldText.jsonString(message) + [0x7D]
            self.content = .whole(type: Array(Self.jsonType.utf8), body: body)
        } else {
            self.content = .whole(type: [], body: [])
        }
    }

    /// Answers with bytes as they are; an empty type writes none.
    init(
        status: UInt16,
        lines: String = "",
        contentType: String,
        body: [UInt8],
        headLength: Int? = nil
    ) {
        self.headLength = headLength
        self.status = status
        self.lines = Array(lines.utf8)
        self.content = .whole(type: Array(contentType.utf8), body: body)
    }

    /// Answers as Kong's `kong.response.error`; `lines` are whole.
    init(status: UInt16, error message: String, lines: String = "") {
        self.status = status
        self.lines = Array(lines.utf8)
        self.content = .error(message: Array(FieldText.jsonString(message).dropFirst().dropLast()))
    }

    /// The value of `Content-Type`; empty when there is no body, or the client chooses.
    var contentType: [UInt8] {
        if case .whole(let type, _) = self.content { type } else { [] }
    }

    /// The body, or the message of an error.
    var body: [UInt8] {
        switch self.content {
        case .whole(_, let body): body
        case .error(let message): message
        }
    }

    static let jsonType = "application/json; charset=utf-8"

    /// Kong's message of a status; nil for one that has none.
    static func message(for status: UInt16) -> String? {
        switch status {
        case 401: "Unauthorized"
        case 404: "Not found"
        case 405: "Method not allowed"
        case 500: "An unexpected error occurred"
        case 502: "Bad Gateway"
        case 503: "Service unavailable"
        default: nil
        }
    }

    /// Writes the whole response; `fields` are whole lines, ``lines`` among them.
    public func write(
        context: GeneratedResponse.Context,
        fields: UnsafeRawBufferPointer,
        into writer: inout HeadWriter
    ) {
        switch self.content {
        case .error(let message):
            var context = context
            context.additionalFields = fields
            message.withUnsafeBytes { message in
                GeneratedResponse.write(
                    status: self.status,
                    message: message,
                    context: context,
                    into: &writer
                )
            }
        case .whole(let type, let body):
            type.withUnsafeBytes { type in
                body.withUnsafeBytes { body in
                    GeneratedResponse.write(
                        status: self.status,
                        contentType: type,
                        fields: fields,
                        body: body,
                        headLength: self.headLength,
                        context: context,
                        into: &writer
                    )
                }
            }
        }
    }
}
