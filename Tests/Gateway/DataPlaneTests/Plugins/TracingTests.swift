import CMeshSystem
import Glibc
import MeshEntities
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("Tracing plugins on the wire (§6.9)")
struct TracingTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private static let span = "b7ad6b7169203331"

    /// What the target was told, as `name: value` lines in lower case.
    private func told(
        _ name: String,
        _ config: KeyValuePairs<String, DocumentValue>,
        _ lines: [String]
    ) throws -> [String: String] {
        let plugin = try PluginGateway(name, config)
        let request = try #require(
            plugin.ask("GET", "/a", lines).map { _ in plugin.origin.messages }
        )
        var fields: [String: String] = [:]
        for field in try #require(request.first).fields { fields[field.name] = field.value }
        return fields
    }

    @Test("pass traceparent on: the same trace, a part of their own, the decision as it was")
    func w3c() throws {
        for (flags, sampled) in [("01", "01"), ("00", "00")] {
            let told = try self.told(
                "opentelemetry",
                ["traces_endpoint": .string("http://127.0.0.1:9/v1/traces")],
                ["traceparent: 00-\(Self.trace)-\(Self.span)-\(flags)", "tracestate: a=b"]
            )
            let parts = try #require(told["traceparent"]).split(separator: "-")
            #expect(parts.count == 4)
            #expect(parts[1] == Self.trace[...])
            #expect(parts[2] != Self.span[...])
            #expect(parts[3] == sampled[...])
            #expect(told["tracestate"] == "a=b")
        }
    }

    @Test("change nothing where opentelemetry tells a log only")
    func logsOnly() throws {
        let logs = "http://127.0.0.1:9/v1/logs"
        let parent = "00-\(Self.trace)-\(Self.span)-01"
        let told = try self.told(
            "opentelemetry",
            ["logs_endpoint": .string(logs)],
            ["traceparent: \(parent)"]
        )
        #expect(told["traceparent"] == parent)
        let untold = try self.told("opentelemetry", ["logs_endpoint": .string(logs)], [])
        #expect(untold["traceparent"] == nil)
    }

    @Test(
        "keep the form in which a client tells of its trace",
        arguments: [
            (
                ["x-b3-traceid: \(trace)", "x-b3-spanid: \(span)", "x-b3-sampled: 1"],
                "x-b3-traceid", trace
            ),
            (["b3: \(trace)-\(span)-1"], "b3", "\(trace)-"),
            (["uber-trace-id: \(trace):\(span):0:1"], "uber-trace-id", "\(trace):"),
            (
                ["ot-tracer-traceid: 8448eb211c80319c", "ot-tracer-spanid: \(span)"],
                "ot-tracer-traceid", "8448eb211c80319c"
            ),
            (
                ["x-amzn-trace-id: Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=\(span)"],
                "x-amzn-trace-id", "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent="
            ),
            (["x-cloud-trace-context: \(trace)/12345;o=1"], "x-cloud-trace-context", "\(trace)/"),
            (
                ["x-datadog-trace-id: 1234", "x-datadog-parent-id: 7"],
                "x-datadog-trace-id", "1234"
            ),
            (
                [
                    "x-instana-t: \(trace)", "x-instana-s: \(span)",
                    "x-instana-l: 1,correlationType=web;correlationId=1",
                ],
                "x-instana-t", trace
            ),
        ] as [([String], String, String)]
    )
    func preserved(lines: [String], field: String, start: String) throws {
        let told = try self.told("zipkin", [:], lines)
        let value = try #require(told[field], "\(told)")
        #expect(value.hasPrefix(start), "\(value)")
        // Nothing of what the client said of its own part is left.
        #expect(!value.contains(Self.span))
    }

    @Test("begin a trace in the form of the settings when a client tells nothing, or nothing right")
    func fresh() throws {
        let zipkin = try self.told("zipkin", ["sample_ratio": .integer(1)], ["b3: nonsense"])
        #expect(zipkin["x-b3-traceid"]?.utf8.count == 32)
        #expect(zipkin["x-b3-sampled"] == "1")
        let short = try self.told(
            "zipkin",
            [
                "traceid_byte_count": .integer(8), "default_header_type": .string("w3c"),
                "header_type": .string("jaeger"),
            ],
            []
        )
        #expect(short["traceparent"]?.hasPrefix("00-0000000000000000") == true)
        #expect(short["uber-trace-id"] != nil)
        let ignored = try self.told(
            "zipkin",
            ["header_type": .string("ignore")],
            ["x-b3-traceid: \(Self.trace)", "x-b3-spanid: \(Self.span)"]
        )
        #expect(ignored["x-b3-traceid"] != Self.trace)
        let chosen = try self.told(
            "opentelemetry",
            [
                "traces_endpoint": .string("http://127.0.0.1:9"),
                "propagation": .record([
                    "extract": .strings("b3"), "inject": .strings("datadog", "gcp"),
                    "clear": .strings("x-b3-traceid"), "default_format": .string("w3c"),
                ]),
            ],
            ["x-b3-traceid: \(Self.trace)", "x-b3-spanid: \(Self.span)"]
        )
        #expect(chosen["x-datadog-trace-id"] == "\(UInt64(0x8448_eb21_1c80_319c))")
        #expect(chosen["x-cloud-trace-context"]?.hasPrefix(Self.trace) == true)
        #expect(chosen["x-b3-traceid"] == nil)
        #expect(chosen["traceparent"] == nil)
    }

    @Test("write the form of the settings, whatever clients tell", arguments: TraceFormat.allCases)
    func written(format: TraceFormat) throws {
        let told = try self.told(
            "opentelemetry",
            [
                "traces_endpoint": .string("http://127.0.0.1:9/v1/traces"),
                "propagation": .record([
                    "extract": .strings("w3c"), "inject": .strings(format.name),
                    "default_format": .string("w3c"), "clear": .strings("traceparent"),
                ]),
            ],
            ["traceparent: 00-\(Self.trace)-\(Self.span)-01"]
        )
        let (high, low) = (Self.trace.prefix(16), Self.trace.suffix(16))
        let name = try #require(format.fields.first.map { "\($0)" })
        let value = try #require(told[name], "\(told)")
        let (start, end) =
            switch format {
            case .w3c: ("00-\(Self.trace)-", "-01")
            case .b3, .ot, .instana: (Self.trace, "")
            case .b3Single: ("\(Self.trace)-", "")
            case .jaeger: ("\(Self.trace):", ":01")
            case .aws:
                ("Root=1-\(high.prefix(8))-\(high.suffix(8))\(low);Parent=", ";Sampled=1")
            case .gcp: ("\(Self.trace)/", ";o=1")
            case .datadog: ("\(UInt64(low, radix: 16) ?? 0)", "")
            }
        #expect(value.hasPrefix(start) && value.hasSuffix(end), "\(value)")
        let sampled: [TraceFormat: String] = [
            .b3: "x-b3-sampled", .ot: "ot-tracer-sampled", .instana: "x-instana-l",
            .datadog: "x-datadog-sampling-priority",
        ]
        if let field = sampled[format] { #expect(told[field] == "1") }
        #expect(format == .w3c || told["traceparent"] == nil)
    }

    @Test("zipkin tells of the request and of the try, with what was asked and who answered")
    func zipkin() throws {
        let collector = Origin.answering { _ in "HTTP/1.1 202 Ok\r\nContent-Length: 0\r\n\r\n" }
        let plugin = try PluginGateway(
            "zipkin",
            [
                "http_endpoint": .string("http://127.0.0.1:\(collector.port)/api/v2/spans"),
                "static_tags": .list([
                    .record(["name": .string("zone"), "value": .string("a")])
                ]),
            ]
        )
        let answer = plugin.ask(
            "GET",
            "/a?b=1",
            ["b3: \(Self.trace)-\(Self.span)-1", "Zipkin-Tags: fg=blue; bg=red"]
        )
        #expect(answer?.status == 200)
        let message = try #require(awaited { collector.messages.first })
        #expect(message.startLine == "POST /api/v2/spans HTTP/1.1")
        #expect(message["content-type"] == "application/json")
        let spans = try #require(JSONText.parse(message.body).value.elements)
        #expect(spans.count == 2)
        let server = spans[0]
        #expect(server["traceId"]?.text == Self.trace)
        #expect(server["parentId"]?.text == Self.span)
        #expect(server["kind"]?.text == "SERVER")
        #expect(server["name"]?.text == "GET")
        #expect(server["localEndpoint"]?["serviceName"]?.text == "kong")
        #expect(server["remoteEndpoint"]?["ipv4"]?.text == "127.0.0.1")
        let tags = try #require(server["tags"])
        #expect(tags["http.method"]?.text == "GET")
        #expect(tags["http.path"]?.text == "/a")
        #expect(tags["http.status_code"]?.text == "200")
        #expect(tags["zone"]?.text == "a")
        #expect(tags["fg"]?.text == "blue")
        #expect(tags["bg"]?.text == "red")
        let client = spans[1]
        #expect(client["kind"]?.text == "CLIENT")
        #expect(client["parentId"] == server["id"])
        #expect(client["remoteEndpoint"]?["port"] == .integer(Int64(plugin.origin.port)))
        #expect(client["remoteEndpoint"]?["serviceName"]?.text == "shop")
        #expect(client["tags"]?["kong.route_name"]?.text == "all")
        // The target was told of the part that is told of here.
        let sent = try #require(plugin.origin.messages.first?["b3"]).split(separator: "-")
        #expect(client["id"]?.text == String(sent[1]))
    }

    @Test("a trace that is not recorded is passed on and not told of")
    func unsampled() throws {
        let collector = Origin.answering { _ in "HTTP/1.1 202 Ok\r\nContent-Length: 0\r\n\r\n" }
        let plugin = try PluginGateway(
            "zipkin",
            ["http_endpoint": .string("http://127.0.0.1:\(collector.port)/")]
        )
        #expect(plugin.ask("GET", "/a", ["b3: \(Self.trace)-\(Self.span)-0"])?.status == 200)
        #expect(plugin.ask("GET", "/b", ["b3: \(Self.trace)-\(Self.span)-1"])?.status == 200)
        let message = try #require(awaited { collector.messages.first })
        #expect(message.text.contains("\"/b\"") && !message.text.contains("\"/a\""))
    }

    @Test("opentelemetry posts OTLP as protobuf: resource, scope and both parts")
    func otlp() throws {
        let collector = Origin.answering { _ in "HTTP/1.1 200 Ok\r\nContent-Length: 0\r\n\r\n" }
        let plugin = try PluginGateway(
            "opentelemetry",
            [
                "traces_endpoint": .string("http://127.0.0.1:\(collector.port)/v1/traces"),
                "headers": .record(["X-Token": .string("t")]),
                "resource_attributes": .record(["service.name": .string("edge")]),
                "queue": .record(["max_coalescing_delay": .number(0.01)]),
            ]
        )
        let parent = "00-\(Self.trace)-\(Self.span)-01"
        #expect(plugin.ask("GET", "/a", ["traceparent: \(parent)"])?.status == 200)
        let message = try #require(awaited { collector.messages.first })
        #expect(message.startLine == "POST /v1/traces HTTP/1.1")
        #expect(message["content-type"] == "application/x-protobuf")
        #expect(message["x-token"] == "t")
        let resourceSpans = try #require(Protobuf(message.body)[1].first)
        let resource = try #require(Protobuf(resourceSpans)[1].first)
        let attribute = try #require(Protobuf(resource)[1].first)
        #expect(Protobuf(attribute)[1].first == Array("service.name".utf8))
        #expect(Protobuf(try #require(Protobuf(attribute)[2].first))[1].first == Array("edge".utf8))
        let scopeSpans = try #require(Protobuf(resourceSpans)[2].first)
        let spans = Protobuf(scopeSpans)[2].map { Protobuf($0) }
        #expect(spans.count == 2)
        let digits = { (bytes: [UInt8]?) in
            (bytes ?? []).map { byte in
                let text = String(byte, radix: 16)
                return text.count == 1 ? "0" + text : text
            }
            .joined()
        }
        #expect(spans.allSatisfy { digits($0[1].first) == Self.trace })
        #expect(digits(spans[0][4].first) == Self.span)
        #expect(spans[0][5].first == Array("kong".utf8))
        #expect(spans[1][5].first == Array("kong.balancer".utf8))
        #expect(spans[1][4].first == spans[0][2].first)
        let told = try #require(plugin.origin.messages.first?["traceparent"]).split(separator: "-")
        #expect(digits(spans[1][2].first) == String(told[2]))
        let names = spans[0][9].compactMap { Protobuf($0)[1].first }
            .map { String(decoding: $0, as: UTF8.self) }
        for name in ["http.method", "http.url", "http.status_code", "http.route"] {
            #expect(names.contains(name))
        }
    }

    @Test("statsd and datadog tell numbers of every request by UDP")
    func numbers() throws {
        let statsd = DatagramEar()
        let plugin = try PluginGateway(
            "statsd",
            ["host": .string("127.0.0.1"), "port": .integer(Int64(statsd.port))]
        )
        #expect(plugin.ask()?.status == 200)
        let lines = try #require(statsd.hear()).split(separator: "\n").map(String.init)
        #expect(lines.contains("kong.service.shop.request.count:1|c"))
        #expect(lines.contains("kong.service.shop.status.200:1|c"))
        #expect(
            lines.contains { $0.hasPrefix("kong.service.shop.latency:") && $0.hasSuffix("|ms") }
        )
        #expect(lines.contains { $0.hasPrefix("kong.service.shop.upstream_latency:") })
        #expect(!lines.contains { $0.contains(".user.") })
        let datadog = DatagramEar()
        let tagged = try PluginGateway(
            "datadog",
            ["host": .string("127.0.0.1"), "port": .integer(Int64(datadog.port))]
        )
        #expect(tagged.ask()?.status == 200)
        let tags = try #require(datadog.hear()).split(separator: "\n").map(String.init)
        #expect(tags.contains("kong.request.count:1|c|#name:shop,status:200,app:kong"))
        #expect(tags.contains { $0.hasPrefix("kong.latency:") && $0.contains("|ms|#name:shop") })
    }

    @Test("statsd keeps to the statuses it is told to tell")
    func statuses() throws {
        let ear = DatagramEar()
        let plugin = try PluginGateway(
            [
                (
                    "statsd",
                    .record([
                        "host": .string("127.0.0.1"), "port": .integer(Int64(ear.port)),
                        "allow_status_codes": .strings("200-299"), "prefix": .string("p"),
                        "metrics": .list([
                            .record([
                                "name": .string("status_count"), "stat_type": .string("counter"),
                                "sample_rate": .integer(1),
                            ])
                        ]),
                    ])
                )
            ],
            answer: { request in
                request.target == "/bad"
                    ? "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
                    : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            }
        )
        #expect(plugin.ask("GET", "/bad")?.status == 404)
        #expect(plugin.ask("GET", "/good")?.status == 200)
        #expect(ear.hear() == "p.service.shop.status.200:1|c")
    }

    @Test("loggly tells Kong's object behind a head of syslog with the key")
    func loggly() throws {
        let ear = DatagramEar()
        let plugin = try PluginGateway(
            "loggly",
            [
                "host": .string("127.0.0.1"), "port": .integer(Int64(ear.port)),
                "key": .string("abc"), "tags": .strings("edge"),
            ]
        )
        #expect(plugin.ask()?.status == 200)
        let text = try #require(ear.hear())
        #expect(text.hasPrefix("<14>1 - - - - [abc@41058 tag=\"edge\"] {\"request\":"), "\(text)")
    }
}
