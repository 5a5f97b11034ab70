public import MeshHTTP

/// A response that a plugin gives instead of an upstream, made when the chain is compiled.
public struct PluginAnswer: Equatable, Sendable {
    /// The status.
    public let status: UInt16
    /// The value of `Content-Type`; empty when there is no body.
    public let contentType: [UInt8]
    /// The whole body.
    public let body: [UInt8]

    init(status: UInt16, message: String?, body: String?, contentType: String?) {
        self.status = status
        if let body {
            self.body = Array(body.utf8)
            self.contentType = Array((contentType ?? Self.jsonType).utf8)
        } else if let message = message ?? Self.message(for: status) {
            self.body = Array("{\"message\":".utf8) + FieldText.jsonString(message) + [0x7D]
            self.contentType = Array(Self.jsonType.utf8)
        } else {
            self.body = []
            self.contentType = []
        }
    }

    private static let jsonType = "application/json; charset=utf-8"

    private static func message(for status: UInt16) -> String? {
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

    /// Writes the whole response; `fields` are whole lines that other plugins add.
    public func write(
        context: GeneratedResponse.Context,
        fields: UnsafeRawBufferPointer,
        into writer: inout HeadWriter
    ) {
        self.contentType.withUnsafeBytes { type in
            self.body.withUnsafeBytes { body in
                GeneratedResponse.write(
                    status: self.status,
                    contentType: type,
                    fields: fields,
                    body: body,
                    context: context,
                    into: &writer
                )
            }
        }
    }
}
