internal import MeshEntities
internal import MeshHTTP

/// Parts of traces as OTLP has them.
///
/// Source: OpenTelemetry, `opentelemetry/proto/trace/v1/trace.proto` and
/// `collector/trace/v1/trace_service.proto`, version 1.3; HTTP's semantic conventions as Kong uses them.
public struct OTLPFormat: Sendable {
    private enum Kind: UInt64 {
        case server = 2
        case client = 3
    }

    private let resource: OTLPResource

    init(resource: OTLPResource) { self.resource = resource }

    /// A request's parts, as fields `spans` of `ScopeSpans`; nil when the trace is not recorded.
    func entry(_ record: LogRecord) -> [UInt8]? {
        guard let trace = record.trace, trace.isSampled == true else { return nil }
        var spans = ProtobufMessage()
        spans.message(2, self.server(record, trace))
        if record.instants.attempt > 0 { spans.message(2, self.client(record, trace)) }
        return spans.bytes
    }

    /// One `ExportTraceServiceRequest` of some entries.
    func body(_ entries: [[UInt8]]) -> [UInt8] { self.resource.request(entries) }

    private func server(_ record: LogRecord, _ trace: TraceContext) -> [UInt8] {
        var span = Self.begin(trace, trace.span, parent: trace.parent, "kong", .server)
        span.instants(record.instants.began, record.instants.ended)
        for (name, value) in record.serverAttributes { span.attribute(9, name, value) }
        span.attribute(9, "kong.request.id", .text(record.requestID))
        if record.status >= 500 { span.failed() }
        return span.bytes
    }

    private func client(_ record: LogRecord, _ trace: TraceContext) -> [UInt8] {
        var span = Self.begin(trace, trace.child(0), parent: trace.span, "kong.balancer", .client)
        let end = record.instants.answered
        span.instants(record.instants.attempt, end > 0 ? end : record.instants.ended)
        if let target = record.target {
            span.attribute(9, "net.peer.ip", .text(target.address))
            span.attribute(9, "net.peer.port", .number(Int64(target.port)))
        }
        span.attribute(9, "try_count", .number(Int64(record.tries)))
        if record.upstreamStatus > 0 {
            span.attribute(9, "http.status_code", .number(Int64(record.upstreamStatus)))
        }
        if record.upstreamStatus == 0 || record.upstreamStatus >= 500 { span.failed() }
        return span.bytes
    }

    private static func begin(
        _ trace: TraceContext,
        _ span: UInt64,
        parent: UInt64,
        _ name: String,
        _ kind: Kind
    ) -> ProtobufMessage {
        var message = ProtobufMessage()
        message.data(1, Self.bytes(trace.trace.high) + Self.bytes(trace.trace.low))
        message.data(2, Self.bytes(span))
        if parent != 0 { message.data(4, Self.bytes(parent)) }
        message.text(5, name)
        message.number(6, kind.rawValue)
        return message
    }

    static func bytes(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
    }
}

extension LogRecord {
    /// What OTLP tells of a request, in HTTP's semantic conventions as Kong uses them.
    var serverAttributes: [(String, ProtobufMessage.Value)] {
        var attributes: [(String, ProtobufMessage.Value)] = [
            ("http.method", .text(self.method)), ("http.url", .text(self.url)),
            ("http.host", .text(self.host)), ("http.scheme", .text(self.scheme)),
            ("http.flavor", .text(self.head.version == .http10 ? "1.0" : "1.1")),
            ("net.peer.ip", .text(self.client)),
            ("http.status_code", .number(Int64(self.status))),
        ]
        if !self.names.route.isEmpty { attributes.append(("http.route", .text(self.names.route))) }
        if let consumer = self.consumer {
            attributes.append(("kong.consumer", .text(consumer.id.description)))
        }
        return attributes
    }
}

/// A message of protocol buffers as it is written.
///
/// Source: Google, "Protocol Buffers: Encoding".
struct ProtobufMessage: Sendable {
    /// A value of an attribute.
    enum Value {
        case text(String)
        case number(Int64)
    }

    private(set) var bytes: [UInt8] = []

    /// Adds fields that were written elsewhere.
    mutating func append(_ fields: [UInt8]) { self.bytes += fields }

    mutating func number(_ field: UInt64, _ value: UInt64) {
        self.varint(field << 3)
        self.varint(value)
    }

    mutating func data(_ field: UInt64, _ value: [UInt8]) {
        self.varint(field << 3 | 2)
        self.varint(UInt64(value.count))
        self.bytes += value
    }

    mutating func text(_ field: UInt64, _ value: String) { self.data(field, Array(value.utf8)) }

    mutating func message(_ field: UInt64, _ value: [UInt8]) { self.data(field, value) }

    /// An `AnyValue`.
    mutating func value(_ field: UInt64, _ value: Value) {
        var any = ProtobufMessage()
        switch value {
        case .text(let text): any.text(1, text)
        case .number(let number): any.number(3, UInt64(bitPattern: number))
        }
        self.message(field, any.bytes)
    }

    /// A `KeyValue`.
    mutating func attribute(_ field: UInt64, _ name: String, _ value: Value) {
        var pair = ProtobufMessage()
        pair.text(1, name)
        pair.value(2, value)
        self.message(field, pair.bytes)
    }

    /// Nanoseconds since 1970, as a `fixed64`.
    mutating func instant(_ field: UInt64, _ instant: Int64) {
        self.varint(field << 3 | 1)
        self.littleEndian(UInt64(max(0, instant)), count: 8)
    }

    /// A `fixed32`.
    mutating func word(_ field: UInt64, _ value: UInt32) {
        self.varint(field << 3 | 5)
        self.littleEndian(UInt64(value), count: 4)
    }

    private mutating func littleEndian(_ value: UInt64, count: Int) {
        for byte in 0..<count {
            self.bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)))
        }
    }

    /// `start_time_unix_nano` and `end_time_unix_nano`.
    mutating func instants(_ start: Int64, _ end: Int64) {
        self.instant(7, start)
        self.instant(8, max(start, end))
    }

    /// A `Status` that says error.
    mutating func failed() {
        var status = ProtobufMessage()
        status.number(3, 2)
        self.message(15, status.bytes)
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
