import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("zipkin's settings (§6.9)")
struct ZipkinTests {
    /// The parts that a request of ann's makes.
    private func spans(
        _ config: KeyValuePairs<String, DocumentValue> = [:],
        _ lines: String = ""
    ) throws -> [DocumentValue] {
        let collector = Origin.answering { _ in "HTTP/1.1 202 Ok\r\nContent-Length: 0\r\n\r\n" }
        var fields = [
            DocumentField("http_endpoint", .string("http://127.0.0.1:\(collector.port)/")),
            DocumentField("sample_ratio", .integer(1)),
        ]
        for (name, value) in config { fields.append(DocumentField(name, value)) }
        var plugin = Plugin.named("zipkin", number: 2)
        plugin.config = .object(fields)
        let gateway = try ProtectedGateway([.named("key-auth"), plugin])
        let answer = gateway.ask("apikey: ann-key\r\n\(lines)", target: "/a/b?c=d")
        #expect(answer?.status == 200)
        let message = try #require(awaited { collector.messages.first })
        return try #require(JSONText.parse(message.body).value.elements)
    }

    @Test("tell the credential unless include_credential is false")
    func credential() throws {
        let told = try self.spans()[0]["tags"]
        #expect(told?["kong.consumer"]?.text == "\(ProtectedGateway.annID)")
        #expect(told?["kong.credential"]?.text == "\(ProtectedGateway.keyID)")
        let hidden = try self.spans(["include_credential": .bool(false)])[0]["tags"]
        #expect(hidden?["kong.consumer"]?.text == "\(ProtectedGateway.annID)")
        #expect(hidden?["kong.credential"] == nil)
    }

    @Test("take tags from Zipkin-Tags, or from the field that tags_header names")
    func tags() throws {
        let standard = try self.spans([:], "Zipkin-Tags: a=1; b=2\r\nX-Tags: c=3\r\n")[0]["tags"]
        #expect(standard?["a"]?.text == "1" && standard?["b"]?.text == "2")
        #expect(standard?["c"] == nil)
        let named = try self.spans(
            ["tags_header": .string("X-Tags")],
            "Zipkin-Tags: a=1\r\nX-Tags: c=3\r\n"
        )[0]["tags"]
        #expect(named?["c"]?.text == "3")
        #expect(named?["a"] == nil)
    }

    @Test("name parts by the method, or by method and path where http_span_name says so")
    func names() throws {
        let standard = try self.spans().map { $0["name"]?.text }
        #expect(standard == ["GET", "GET (proxy)"])
        let long = try self.spans(["http_span_name": .string("method_path")])
            .map { $0["name"]?.text }
        #expect(long == ["GET /a/b", "GET /a/b (proxy)"])
    }

    @Test("name this side by local_service_name")
    func services() throws {
        let spans = try self.spans(["local_service_name": .string("edge")])
        #expect(spans.allSatisfy { $0["localEndpoint"]?["serviceName"]?.text == "edge" })
    }

    @Test("name a target without a name by default_service_name")
    func targets() throws {
        let collector = Origin.answering { _ in "HTTP/1.1 202 Ok\r\nContent-Length: 0\r\n\r\n" }
        let plugin = try PluginGateway(
            "zipkin",
            [
                "http_endpoint": .string("http://127.0.0.1:\(collector.port)/"),
                "sample_ratio": .integer(1), "default_service_name": .string("unnamed"),
            ],
            change: { service, _ in service.name = nil }
        )
        #expect(plugin.ask()?.status == 200)
        let message = try #require(awaited { collector.messages.first })
        let spans = try #require(JSONText.parse(message.body).value.elements)
        #expect(spans[1]["remoteEndpoint"]?["serviceName"]?.text == "unnamed")
    }

    @Test(
        "tell the client the name of the trace, as opentelemetry does",
        arguments: ["zipkin", "opentelemetry"]
    )
    func clients(name: String) throws {
        let trace = "0af7651916cd43dd8448eb211c80319c"
        var config = [DocumentField("http_response_header_for_traceid", .string("X-Trace"))]
        if name == "opentelemetry" {
            config.append(DocumentField("traces_endpoint", .string("http://127.0.0.1:9/")))
        }
        let plugin = try PluginGateway([(name, .object(config))])
        let answer = plugin.ask(
            "GET",
            "/a",
            ["traceparent: 00-\(trace)-b7ad6b7169203331-00", "X-Trace: mine"]
        )
        #expect(answer?["x-trace"] == trace)
        #expect(plugin.ask()?["x-trace"]?.utf8.count == 32)
    }

    @Test("tell the client 16 digits of a trace that has no more")
    func short() throws {
        let plugin = try PluginGateway(
            "zipkin",
            [
                "http_response_header_for_traceid": .string("X-Trace"),
                "traceid_byte_count": .integer(8),
            ]
        )
        #expect(plugin.ask()?["x-trace"]?.utf8.count == 16)
    }
}
