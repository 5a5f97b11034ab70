import MeshEntities
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("statsd and datadog tell of consumers (§6.8)")
struct StatsdTests {
    /// The lines that a request of ann's makes.
    private func lines(
        _ name: String,
        _ config: KeyValuePairs<String, DocumentValue> = [:]
    ) throws -> [String] {
        let ear = DatagramEar()
        var fields = [
            DocumentField("host", .string("127.0.0.1")),
            DocumentField("port", .integer(Int64(ear.port))),
        ]
        for (name, value) in config { fields.append(DocumentField(name, value)) }
        var plugin = Plugin.named(name, number: 2)
        plugin.config = .object(fields)
        let gateway = try ProtectedGateway([.named("key-auth"), plugin])
        #expect(gateway.ask(key: "ann-key")?.status == 200)
        return try #require(ear.hear()).split(separator: "\n").map(String.init)
    }

    private static func metric(
        _ name: String,
        _ type: String = "counter",
        _ more: KeyValuePairs<String, DocumentValue> = [:]
    ) -> DocumentValue {
        var fields = [
            DocumentField("name", .string(name)), DocumentField("stat_type", .string(type)),
        ]
        if type == "counter" { fields.append(DocumentField("sample_rate", .integer(1))) }
        for (name, value) in more { fields.append(DocumentField(name, value)) }
        return .object(fields)
    }

    @Test("by custom_id without a setting: uniques, requests, and statuses, of a route too")
    func standard() throws {
        let lines = try self.lines("statsd")
        let route = TestEntities.routeID
        for line in [
            "kong.service.shop.user.uniques:42|s",
            "kong.service.shop.user.42.request.count:1|c",
            "kong.service.shop.user.42.status.200:1|c",
            "kong.route.\(route).user.42.status.200:1|c",
            "kong.service.shop.workspace.default.status.200:1|c",
        ] {
            #expect(lines.contains(line), "\(line) of \(lines)")
        }
    }

    @Test(
        "by the names of the settings, and of a metric before those",
        arguments: [
            ("username", "service_name", "ann", "shop"),
            ("consumer_id", "service_host", "\(ProtectedGateway.annID)", nil),
            ("custom_id", "service_id", "42", "\(TestEntities.serviceID)"),
        ] as [(String, String, String, String?)]
    )
    func identifiers(consumer: String, service: String, user: String, name: String?) throws {
        let lines = try self.lines(
            "statsd",
            [
                "consumer_identifier_default": .string(consumer),
                "service_identifier_default": .string(service),
                "metrics": .list([
                    Self.metric("status_count_per_user"),
                    Self.metric(
                        "request_per_user",
                        "counter",
                        [
                            "consumer_identifier": .string("username"),
                            "service_identifier": .string("service_name"),
                        ]
                    ),
                ]),
            ]
        )
        #expect(lines.count == 2)
        if let name { #expect(lines[0] == "kong.service.\(name).user.\(user).status.200:1|c") }
        #expect(lines[0].hasSuffix(".user.\(user).status.200:1|c"), "\(lines)")
        #expect(lines[1] == "kong.service.shop.user.ann.request.count:1|c")
    }

    @Test(
        "with tags of each style, which only whole numbers have",
        arguments: [
            ("dogstatsd", "kong.request.count:1|c|#", ":", ""),
            ("influxdb", "kong.request.count,", "=", ":1|c"),
            ("librato", "kong.request.count#", "=", ":1|c"),
            ("signalfx", "kong.request.count[", "=", "]:1|c"),
        ]
    )
    func styles(style: String, start: String, sign: String, end: String) throws {
        let lines = try self.lines(
            "statsd",
            [
                "tag_style": .string(style), "hostname_in_prefix": .bool(true),
                "metrics": .list([
                    Self.metric("request_count"), Self.metric("status_count"),
                    Self.metric("unique_users", "set"), Self.metric("request_per_user"),
                ]),
            ]
        )
        let line = try #require(lines.first)
        #expect(lines.count == 1)
        #expect(line.hasPrefix(start) && line.hasSuffix(end), "\(line)")
        let tags = line.dropFirst(start.count).dropLast(end.count).split(separator: ",")
        #expect(
            tags.map { $0.replacing(sign, with: " ") } == [
                "service shop", "route all", "workspace default",
                "consumer 42", "node \(StatMetric.part(SyslogSocket.hostName))", "status 200",
            ]
        )
    }

    @Test("under the name of the node, where the prefix shall have it")
    func host() throws {
        let lines = try self.lines(
            "statsd",
            [
                "hostname_in_prefix": .bool(true),
                "metrics": .list([Self.metric("status_count")]),
            ]
        )
        let host = StatMetric.part(SyslogSocket.hostName)
        #expect(lines == ["kong.node.\(host).service.shop.status.200:1|c"])
    }

    @Test("datadog by a tag, under the names of its settings")
    func tags() throws {
        let lines = try self.lines(
            "datadog",
            [
                "consumer_tag": .string("who"), "service_name_tag": .string("for"),
                "status_tag": .string("code"),
                "metrics": .list([
                    Self.metric(
                        "request_count",
                        "counter",
                        [
                            "consumer_identifier": .string("username"),
                            "tags": .strings("a:b"),
                        ]
                    )
                ]),
            ]
        )
        #expect(lines == ["kong.request.count:1|c|#for:shop,code:200,who:ann,a:b"])
    }
}
