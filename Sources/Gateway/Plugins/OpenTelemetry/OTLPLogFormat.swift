internal import MeshEntities
internal import MeshHTTP

/// Records of a log as OTLP has them: one per request, which belongs to the trace that the request belongs
/// to, whether that is recorded or not.
///
/// Kong tells lines that its code writes while it serves a request; here a request writes one.
///
/// Source: OpenTelemetry, `opentelemetry/proto/logs/v1/logs.proto` and
/// `collector/logs/v1/logs_service.proto`, version 1.3.
public struct OTLPLogFormat: Sendable {
    private let resource: OTLPResource

    init(resource: OTLPResource) { self.resource = resource }

    /// A request's record, as a field `log_records` of `ScopeLogs`.
    func entry(_ record: LogRecord) -> [UInt8] {
        var message = ProtobufMessage()
        message.instant(1, record.instants.began)
        let severity = Self.severity(of: record.status)
        message.number(2, severity.number)
        message.text(3, severity.text)
        message.value(5, .text("\(record.method) \(record.path) \(record.status)"))
        message.attribute(6, "request.id", .text(record.requestID))
        for (name, value) in record.serverAttributes { message.attribute(6, name, value) }
        if !record.failure.isEmpty { message.attribute(6, "error.type", .text(record.failure)) }
        if let trace = record.trace {
            message.word(8, trace.isSampled == true ? 1 : 0)
            message.data(9, OTLPFormat.bytes(trace.trace.high) + OTLPFormat.bytes(trace.trace.low))
            message.data(10, OTLPFormat.bytes(trace.span))
        }
        message.instant(11, record.instants.ended)
        var logs = ProtobufMessage()
        logs.message(2, message.bytes)
        return logs.bytes
    }

    /// One `ExportLogsServiceRequest` of some entries.
    func body(_ entries: [[UInt8]]) -> [UInt8] { self.resource.request(entries) }

    /// A `SeverityNumber` and what it is called.
    private static func severity(of status: UInt16) -> (number: UInt64, text: String) {
        switch status {
        case 500...: (17, "ERROR")
        case 400..<500: (13, "WARN")
        default: (9, "INFO")
        }
    }
}

/// What requests of OTLP say of who tells something.
struct OTLPResource: Sendable {
    /// The message `Resource`.
    private let message: [UInt8]

    init(_ attributes: [(String, String)]) {
        var message = ProtobufMessage()
        for (name, value) in attributes { message.attribute(1, name, .text(value)) }
        self.message = message.bytes
    }

    /// A request that tells entries, each of them a field of its scope.
    func request(_ entries: [[UInt8]]) -> [UInt8] {
        var scope = ProtobufMessage()
        scope.text(1, "kong-internal")
        scope.text(2, "0.1.0")
        var scoped = ProtobufMessage()
        scoped.message(1, scope.bytes)
        for entry in entries { scoped.append(entry) }
        var told = ProtobufMessage()
        told.message(1, self.message)
        told.message(2, scoped.bytes)
        var request = ProtobufMessage()
        request.message(1, told.bytes)
        return request.bytes
    }
}
