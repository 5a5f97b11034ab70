/// Whole responses that the gateway makes itself: no route, no target, refused requests.
public enum GeneratedResponse {
    /// What every generated response says beside its status and message; all bytes are borrowed.
    public struct Context {
        /// The form of the body.
        public var format: ErrorFormat
        /// Whether the connection stays open; `false` after every fault.
        public var keepsClient: Bool
        /// Whether the request was HEAD: fields as for GET, no body.
        public var isHead = false
        /// Time since the request's first byte.
        public var milliseconds: UInt64 = 0
        /// After a try on an upstream: how long the upstream was waited for.
        ///
        /// Writes Kong's proxy and upstream latencies instead of the response latency.
        public var upstreamMilliseconds: UInt64?
        /// 32 hexadecimal digits.
        public var requestID: UnsafeRawBufferPointer
        /// The gateway's name and version in `Server`.
        public var product: UnsafeRawBufferPointer
        /// Whole lines that plugins add to errors of the gateway.
        public var additionalFields = UnsafeRawBufferPointer(start: nil, count: 0)
        /// The value of `Date`, 29 bytes of ``HTTPDate``; empty writes none.
        public var date = UnsafeRawBufferPointer(start: nil, count: 0)

        /// The operator's own bodies.
        public var templates = ErrorTemplates()
        /// Which lines about itself the gateway adds.
        public var tokens = ResponseTokens.standard
        /// After a try on an upstream that answered: the status it gave.
        public var upstreamStatus: UInt16?

        /// What a 426 asks the client to speak, as `TLS/1.2, HTTP/1.1`; `nil` for other statuses.
        ///
        /// Source: RFC 9110 section 15.5.22.
        public var upgrade: StaticString?

        /// Creates the context of a response with a JSON body.
        public init(
            format: ErrorFormat = .json,
            keepsClient: Bool,
            requestID: UnsafeRawBufferPointer,
            product: UnsafeRawBufferPointer
        ) {
            self.format = format
            self.keepsClient = keepsClient
            self.requestID = requestID
            self.product = product
        }
    }

    /// Writes the answer to a request that was refused; the connection closes.
    public static func write(
        _ fault: HTTPFault,
        context: Context,
        into writer: inout HeadWriter
    ) {
        let message = Self.bytes(fault.message)
        Self.writeHead(
            status: fault.status,
            message: message,
            context: context,
            keepsClient: false,
            into: &writer
        )
        Self.writeBody(message, context, into: &writer)
    }

    /// Writes an error with a message of ours, by default Kong's for the status.
    public static func write(
        status: UInt16,
        message: StaticString? = nil,
        context: Context,
        into writer: inout HeadWriter
    ) {
        let message = Self.bytes(message ?? StatusText.message(for: status))
        Self.write(status: status, message: message, context: context, into: &writer)
    }

    /// Writes an error with any message that needs no escaping.
    public static func write(
        status: UInt16,
        message: UnsafeRawBufferPointer,
        context: Context,
        into writer: inout HeadWriter
    ) {
        Self.writeHead(
            status: status,
            message: message,
            context: context,
            keepsClient: context.keepsClient,
            into: &writer
        )
        Self.writeBody(message, context, into: &writer)
    }

    /// Writes a response with a body made elsewhere: redirects, plugin answers.
    ///
    /// `fields` are whole lines with their CRLF; an empty `contentType` writes none. A client of
    /// gRPC gets the body as its status message. `headLength` is what an answer to HEAD would be long,
    /// where it is not the body.
    public static func write(
        status: UInt16,
        contentType: UnsafeRawBufferPointer,
        fields: UnsafeRawBufferPointer,
        body: UnsafeRawBufferPointer,
        headLength: Int? = nil,
        context: Context,
        into writer: inout HeadWriter
    ) {
        Self.writeStatus(status, context, keepsClient: context.keepsClient, into: &writer)
        let isGRPC = context.format == .grpc
        if isGRPC {
            writer.write("Content-Type: application/grpc\r\n")
            let message = GRPCStatus.message(ofBody: body)
            GRPCStatus.writeFields(forHTTP: status, message: message, into: &writer)
        } else if !contentType.isEmpty {
            writer.write("Content-Type: ")
            writer.write(contentType)
            writer.write("\r\n")
        }
        writer.write(fields)
        let length = context.isHead ? headLength ?? body.count : body.count
        Self.writeEnd(status, bodyByteCount: isGRPC ? 0 : length, context, into: &writer)
        guard !isGRPC, !context.isHead, status != 204, status != 304 else { return }
        writer.write(body)
    }

    private static func writeHead(
        status: UInt16,
        message: UnsafeRawBufferPointer,
        context: Context,
        keepsClient: Bool,
        into writer: inout HeadWriter
    ) {
        Self.writeStatus(status, context, keepsClient: keepsClient, into: &writer)
        writer.write("Content-Type: ")
        writer.write(context.format.contentType)
        writer.write("\r\n")
        if context.format == .grpc {
            GRPCStatus.writeFields(forHTTP: status, message: message, into: &writer)
        }
        let bodyByteCount = Self.byteCount(message, context)
        Self.writeEnd(status, bodyByteCount: bodyByteCount, context, into: &writer)
    }

    private static func writeStatus(
        _ status: UInt16,
        _ context: Context,
        keepsClient: Bool,
        into writer: inout HeadWriter
    ) {
        writer.write("HTTP/1.1 ")
        writer.write(decimal: UInt64(status))
        writer.write(" ")
        writer.write(StatusText.reason(for: status))
        writer.write("\r\n")
        if !context.date.isEmpty {
            writer.write("Date: ")
            writer.write(context.date)
            writer.write("\r\n")
        }
        guard let upgrade = context.upgrade else {
            return writer.write(
                keepsClient ? "Connection: keep-alive\r\n" : "Connection: close\r\n"
            )
        }
        writer.write(keepsClient ? "Connection: Upgrade\r\n" : "Connection: close, Upgrade\r\n")
        writer.write("Upgrade: ")
        writer.write(upgrade)
        writer.write("\r\n")
    }

    private static func writeEnd(
        _ status: UInt16,
        bodyByteCount: Int,
        _ context: Context,
        into writer: inout HeadWriter
    ) {
        if status != 204 && status != 304 {
            ForwardedHeaders.writeFraming(.length(UInt64(bodyByteCount)), into: &writer)
        }
        Self.writeLatencies(context, into: &writer)
        if context.tokens.contains(.upstreamStatus), let status = context.upstreamStatus {
            writer.write("X-Kong-Upstream-Status: ")
            writer.write(decimal: UInt64(status))
            writer.write("\r\n")
        }
        if context.tokens.contains(.server) {
            writer.write("Server: ")
            writer.write(context.product)
            writer.write("\r\n")
        }
        if context.tokens.contains(.requestID) {
            writer.write("X-Kong-Request-Id: ")
            writer.write(context.requestID)
            writer.write("\r\n")
        }
        writer.write(context.additionalFields)
        writer.write("\r\n")
    }

    private static func writeLatencies(_ context: Context, into writer: inout HeadWriter) {
        guard let upstream = context.upstreamMilliseconds else {
            guard context.tokens.contains(.responseLatency) else { return }
            writer.write("X-Kong-Response-Latency: ")
            writer.write(decimal: context.milliseconds)
            writer.write("\r\n")
            return
        }
        if context.tokens.contains(.upstreamLatency) {
            writer.write("X-Kong-Upstream-Latency: ")
            writer.write(decimal: upstream)
            writer.write("\r\n")
        }
        if context.tokens.contains(.proxyLatency) {
            writer.write("X-Kong-Proxy-Latency: ")
            writer.write(decimal: context.milliseconds - min(upstream, context.milliseconds))
            writer.write("\r\n")
        }
    }

    private static func byteCount(_ message: UnsafeRawBufferPointer, _ context: Context) -> Int {
        ErrorBody.byteCount(
            context.format,
            messageByteCount: message.count,
            requestIDByteCount: context.requestID.count,
            templates: context.templates
        )
    }

    private static func writeBody(
        _ message: UnsafeRawBufferPointer,
        _ context: Context,
        into writer: inout HeadWriter
    ) {
        guard !context.isHead else { return }
        ErrorBody.write(
            context.format,
            message: message,
            requestID: context.requestID,
            templates: context.templates,
            into: &writer
        )
    }

    private static func bytes(_ text: StaticString) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }
}
