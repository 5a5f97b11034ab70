import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("opentelemetry tells records of a log (§6.9; OTLP 1.3, logs.proto)")
struct OTLPLogTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"

    private func gateway(
        _ collector: Origin,
        _ more: KeyValuePairs<String, DocumentValue> = [:],
        answer: @escaping @Sendable (TestMessage) -> String? = PluginGateway.echo
    ) throws -> PluginGateway {
        let endpoint = "http://127.0.0.1:\(collector.port)/v1/logs"
        var config = [
            DocumentField("logs_endpoint", .string(endpoint)),
            DocumentField("headers", .record(["X-Token": .string("t")])),
            DocumentField("resource_attributes", .record(["zone": .string("a")])),
            DocumentField("queue", .record(["max_coalescing_delay": .number(0.01)])),
        ]
        for (name, value) in more { config.append(DocumentField(name, value)) }
        return try PluginGateway([("opentelemetry", .object(config))], answer: answer)
    }

    private static func collector() -> Origin {
        Origin.answering { _ in "HTTP/1.1 200 Ok\r\nContent-Length: 0\r\n\r\n" }
    }

    /// The records of a request, the resource's attributes before them.
    private static func records(
        _ message: TestMessage
    ) throws -> (resource: [String: String], records: [Protobuf]) {
        let logs = Protobuf(try #require(Protobuf(message.body)[1].first))
        let resource = Protobuf(try #require(logs[1].first)).attributes(1)
        let scoped = Protobuf(try #require(logs[2].first))
        return (resource, scoped[2].map { Protobuf($0) })
    }

    @Test("posts protobuf: one record per request with severity, body, attributes and trace")
    func record() throws {
        let collector = Self.collector()
        let plugin = try self.gateway(collector)
        let answer = try #require(
            plugin.ask("GET", "/a?b=c", ["traceparent: 00-\(Self.trace)-b7ad6b7169203331-01"])
        )
        let message = try #require(awaited { collector.messages.first })
        #expect(message.startLine == "POST /v1/logs HTTP/1.1")
        #expect(message["content-type"] == "application/x-protobuf")
        #expect(message["x-token"] == "t")
        let (resource, records) = try Self.records(message)
        #expect(resource == ["service.name": "kong", "zone": "a"])
        #expect(records.count == 1)
        let record = records[0]
        let began = try #require(record.number(1))
        #expect(began > 1_600_000_000_000_000_000)
        #expect(try #require(record.number(11)) >= began)
        #expect(record.number(2) == 9)
        #expect(record.text(3) == "INFO")
        #expect(Protobuf(try #require(record[5].first)).text(1) == "GET /a 200")
        let attributes = record.attributes(6)
        #expect(attributes["http.method"] == "GET")
        #expect(attributes["http.status_code"] == "200")
        #expect(attributes["http.url"] == "http://a:\(plugin.gateway.port)/a?b=c")
        #expect(attributes["http.route"] == "all")
        #expect(attributes["request.id"] == answer["x-kong-request-id"])
        #expect(record.number(8) == 1)
        let digits = record[9].first.map { bytes in
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        #expect(digits == Self.trace)
        #expect(record[10].first?.count == 8)
    }

    @Test("says how bad it is, and what failed")
    func severities() throws {
        let collector = Self.collector()
        let plugin = try self.gateway(collector) { request in
            request.target == "/missing"
                ? "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" : nil
        }
        #expect(plugin.ask("POST", "/gone", ["Content-Length: 0"])?.status == 502)
        #expect(plugin.ask("GET", "/missing")?.status == 404)
        let all = try #require(
            awaited { () -> [Protobuf]? in
                let records = collector.messages.compactMap { try? Self.records($0).records }
                    .flatMap(\.self)
                return records.count >= 2 ? records : nil
            }
        )
        #expect(all.map { $0.text(3) } == ["ERROR", "WARN"])
        #expect(all.map { $0.number(2) } == [17, 13])
        #expect(all[0].attributes(6)["error.type"]?.isEmpty == false)
        #expect(all[1].attributes(6)["error.type"] == nil)
    }

    @Test("tells records of traces that are not recorded too, each kind to its own endpoint")
    func both() throws {
        let logs = Self.collector()
        let traces = Self.collector()
        let plugin = try self.gateway(
            logs,
            ["traces_endpoint": .string("http://127.0.0.1:\(traces.port)/v1/traces")]
        )
        for flag in ["00", "01"] {
            let parent = "traceparent: 00-\(Self.trace)-b7ad6b7169203331-\(flag)"
            #expect(plugin.ask("GET", "/a\(flag)", [parent])?.status == 200)
        }
        let spans = try #require(awaited { traces.messages.first })
        #expect(spans.startLine == "POST /v1/traces HTTP/1.1")
        let flags = awaited { () -> [UInt64?]? in
            let records = logs.messages.compactMap { try? Self.records($0).records }
                .flatMap(\.self)
            return records.count >= 2 ? records.map { $0.number(8) } : nil
        }
        #expect(flags == [0, 1])
        #expect(traces.messages.count == 1)
    }
}
