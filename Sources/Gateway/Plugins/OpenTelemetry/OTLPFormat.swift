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

    /// The message `Resource`.
    private let resource: [UInt8]

    init(resource attributes: [(String, String)]) {
        var message = ProtobufMessage()
        for (name, value) in attributes { message.attribute(1, name, .text(value)) }
        self.resource = message.bytes
    }

    /// A request's parts, as fields `spans` of `ScopeSpans`; nil when the trace is not recorded.
    func entry(_ record: LogRecord) -> [UInt8]? {
        guard let trace = record.trace, trace.isSampled == true else { return nil }
        var spans = ProtobufMessage()
        spans.message(2, self.server(record, trace))
        if record.instants.attempt > 0 { spans.message(2, self.client(record, trace)) }
        return spans.bytes
    }

    /// One `ExportTraceServiceRequest` of some entries.
    func body(_ entries: [[UInt8]]) -> [UInt8] {
        var scope = ProtobufMessage()
        scope.text(1, "kong-internal")
        scope.text(2, "0.1.0")
        var scoped = ProtobufMessage()
        scoped.message(1, scope.bytes)
        for entry in entries { scoped.append(entry) }
        var spans = ProtobufMessage()
        spans.message(1, self.resource)
        spans.message(2, scoped.bytes)
        var request = ProtobufMessage()
        request.message(1, spans.bytes)
        return request.bytes
    }

    private func server(_ record: LogRecord, _ trace: TraceContext) -> [UInt8] {
        var span = Self.begin(trace, trace.span, parent: trace.parent, "kong", .server)
        span.instants(record.instants.began, record.instants.ended)
        span.attribute(9, "http.method", .text(record.method))
        span.attribute(9, "http.url", .text(record.url))
        span.attribute(9, "http.host", .text(record.host))
        span.attribute(9, "http.scheme", .text(record.scheme))
        span.attribute(9, "http.flavor", .text(record.head.version == .http10 ? "1.0" : "1.1"))
        span.attribute(9, "net.peer.ip", .text(record.client))
        span.attribute(9, "http.status_code", .number(Int64(record.status)))
        span.attribute(9, "kong.request.id", .text(record.requestID))
        if !record.names.route.isEmpty {
            span.attribute(9, "http.route", .text(record.names.route))
        }
        if let consumer = record.consumer {
            span.attribute(9, "kong.consumer", .text(consumer.id.description))
        }
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

    private static func bytes(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
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

    /// A `KeyValue`.
    mutating func attribute(_ field: UInt64, _ name: String, _ value: Value) {
        var any = ProtobufMessage()
        switch value {
        case .text(let text): any.text(1, text)
        case .number(let number): any.number(3, UInt64(bitPattern: number))
        }
        var pair = ProtobufMessage()
        pair.text(1, name)
        pair.message(2, any.bytes)
        self.message(field, pair.bytes)
    }

    /// `start_time_unix_nano` and `end_time_unix_nano`.
    mutating func instants(_ start: Int64, _ end: Int64) {
        for (field, instant) in [(UInt64(7), start), (8, max(start, end))] {
            self.varint(field << 3 | 1)
            let value = UInt64(max(0, instant))
            for shift in 0..<8 {
                self.bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * shift)))
            }
        }
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
