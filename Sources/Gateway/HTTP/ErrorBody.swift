/// Bodies of the responses that the gateway makes itself, in Kong's wording.
public enum ErrorBody {
    /// Writes the body of one error.
    ///
    /// `message` must not need escaping: literals of ours and texts escaped when compiled.
    public static func write(
        _ format: ErrorFormat,
        message: UnsafeRawBufferPointer,
        requestID: UnsafeRawBufferPointer,
        templates: ErrorTemplates = ErrorTemplates(),
        into writer: inout HeadWriter
    ) {
        if format == .grpc { return }
        if let template = templates[format] {
            template.beforeMessage.withUnsafeBytes { writer.write($0) }
            writer.write(message)
            template.beforeID.withUnsafeBytes { writer.write($0) }
            writer.write(requestID)
            template.end.withUnsafeBytes { writer.write($0) }
            return
        }
        let frame = Self.frame(format)
        writer.write(frame.beforeMessage)
        writer.write(message)
        writer.write(frame.beforeID)
        writer.write(requestID)
        writer.write(frame.end)
    }

    /// How many bytes ``write(_:message:requestID:templates:into:)`` writes.
    public static func byteCount(
        _ format: ErrorFormat,
        messageByteCount: Int,
        requestIDByteCount: Int,
        templates: ErrorTemplates = ErrorTemplates()
    ) -> Int {
        if format == .grpc { return 0 }
        if let template = templates[format] {
            return template.byteCount + messageByteCount + requestIDByteCount
        }
        let frame = Self.frame(format)
        return frame.beforeMessage.utf8CodeUnitCount + frame.beforeID.utf8CodeUnitCount
            + frame.end.utf8CodeUnitCount + messageByteCount + requestIDByteCount
    }

    private struct Frame {
        let beforeMessage: StaticString
        let beforeID: StaticString
        let end: StaticString
    }

    private static func frame(_ format: ErrorFormat) -> Frame {
        switch format {
        case .json:
            Frame(
                beforeMessage: "{\n  \"message\":\"",
                beforeID: "\",\n  \"request_id\":\"",
                end: "\"\n}"
            )
        case .html:
            Frame(
                beforeMessage: """
                    <!doctype html>
                    <html>
                      <head>
                        <meta charset="utf-8">
                        <title>Error</title>
                      </head>
                      <body>
                        <h1>Error</h1>
                        <p>
                    """,
                beforeID: ".</p>\n    <p>request_id: ",
                end: "</p>\n  </body>\n</html>\n"
            )
        case .xml:
            Frame(
                beforeMessage: """
                    <?xml version="1.0" encoding="UTF-8"?>
                    <error>
                      <message>
                    """,
                beforeID: "</message>\n  <requestid>",
                end: "</requestid>\n</error>\n"
            )
        case .plain:
            Frame(beforeMessage: "", beforeID: "\nrequest_id: ", end: "\n")
        case .grpc:
            Frame(beforeMessage: "", beforeID: "", end: "")
        }
    }
}
