internal import MeshEntities
internal import MeshHTTP

/// Parts of traces as Zipkin's version 2 has them.
///
/// Source: OpenZipkin, `zipkin2-api.yaml`; Kong 3.9, `kong/plugins/zipkin/reporter.lua`.
public struct ZipkinFormat: Sendable {
    let service: String
    let target: String?
    let tellsCredential: Bool
    let namesPath: Bool
    let tagsField: String
    let tags: [(String, String)]

    /// A request's parts, with commas between them; nil when the trace is not recorded.
    func entry(_ record: LogRecord) -> [UInt8]? {
        guard let trace = record.trace, trace.isSampled == true else { return nil }
        var bytes = self.server(record, trace)
        if record.instants.attempt > 0 {
            bytes.append(UInt8(ascii: ","))
            bytes += self.client(record, trace)
        }
        return bytes
    }

    /// The body of some entries.
    func body(_ entries: [[UInt8]]) -> [UInt8] {
        [UInt8(ascii: "[")] + entries.joined(separator: [UInt8(ascii: ",")])
            + [UInt8(ascii: "]")]
    }

    private func name(_ record: LogRecord) -> String {
        self.namesPath ? "\(record.method) \(record.path)" : record.method
    }

    private func server(_ record: LogRecord, _ trace: TraceContext) -> [UInt8] {
        var text = LogText()
        self.open(
            &text,
            trace,
            (span: trace.span, parent: trace.parent),
            (kind: "SERVER", name: self.name(record)),
            (from: record.instants.began, to: record.instants.ended)
        )
        text.raw(
            "remoteEndpoint",
            Self.endpoint(record.client, record.clientPort, service: nil)
        )
        text.open("tags")
        text.string("http.method", record.method)
        text.string("http.path", record.path)
        text.string("http.host", record.host)
        text.string("http.protocol", record.head.version == .http10 ? "HTTP/1.0" : "HTTP/1.1")
        text.string("http.status_code", "\(record.status)")
        text.string("lc", "kong")
        if let consumer = record.consumer {
            text.string("kong.consumer", consumer.id.description)
        }
        if self.tellsCredential, let credential = record.credential {
            text.string("kong.credential", credential.description)
        }
        for (name, value) in self.tags + record.tags(inField: self.tagsField) {
            text.string(name, value)
        }
        if record.status >= 500 { text.string("error", "true") }
        text.close()
        text.raw("annotations", "[]")
        text.close()
        return text.bytes
    }

    private func client(_ record: LogRecord, _ trace: TraceContext) -> [UInt8] {
        var text = LogText()
        let end = record.instants.answered
        self.open(
            &text,
            trace,
            (span: trace.child(0), parent: trace.span),
            (kind: "CLIENT", name: "\(self.name(record)) (proxy)"),
            (from: record.instants.attempt, to: end > 0 ? end : record.instants.ended)
        )
        if let target = record.target {
            let name = record.names.service.isEmpty ? self.target : record.names.service
            text.raw("remoteEndpoint", Self.endpoint(target.address, target.port, service: name))
        }
        text.open("tags")
        text.string("lc", "kong")
        for (name, value) in [
            ("kong.service", record.names.serviceID),
            ("kong.service_name", record.names.service),
            ("kong.route", record.names.routeID), ("kong.route_name", record.names.route),
        ] where !value.isEmpty {
            text.string(name, value)
        }
        text.string("peer.hostname", record.names.host)
        text.string("kong.balancer.tries", "\(record.tries)")
        if record.upstreamStatus > 0 {
            text.string("http.status_code", "\(record.upstreamStatus)")
        }
        if record.upstreamStatus == 0 || record.upstreamStatus >= 500 {
            text.string("error", "true")
        }
        text.close()
        text.raw("annotations", "[]")
        text.close()
        return text.bytes
    }

    private func open(
        _ text: inout LogText,
        _ trace: TraceContext,
        _ ids: (span: UInt64, parent: UInt64),
        _ what: (kind: String, name: String),
        _ time: (from: Int64, to: Int64)
    ) {
        text.open()
        let high = trace.isShort && trace.trace.high == 0 ? "" : Self.digits(trace.trace.high)
        text.string("traceId", high + Self.digits(trace.trace.low))
        text.string("id", Self.digits(ids.span))
        if ids.parent != 0 { text.string("parentId", Self.digits(ids.parent)) }
        text.string("name", what.name)
        text.string("kind", what.kind)
        text.number("timestamp", time.from / 1_000)
        // Zipkin takes no part that took no time.
        text.number("duration", max(1, (time.to - time.from) / 1_000))
        text.raw("localEndpoint", "{\"serviceName\":\(Self.quoted(self.service))}")
    }

    private static func endpoint(_ address: String, _ port: UInt16, service: String?) -> String {
        let family = address.utf8.contains(UInt8(ascii: ":")) ? "ipv6" : "ipv4"
        let name = service.map { "\"serviceName\":\(Self.quoted($0))," } ?? ""
        return "{\(name)\"\(family)\":\"\(address)\",\"port\":\(port)}"
    }

    private static func quoted(_ text: String) -> String {
        String(decoding: FieldText.jsonString(text), as: UTF8.self)
    }

    private static func digits(_ value: UInt64) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
