import MeshEntities
import Testing

@testable import MeshPlugins

@Suite("Settings of traffic plugins are refused in Kong's words")
struct TrafficSettingsTests {
    private static func list(_ texts: String...) -> DocumentValue {
        .list(texts.map { .string($0) })
    }

    @Test(
        "for a field, an element or a rule about several",
        arguments: [
            ("cors", ["origins": list("(")], "config.origins.0", "'(' is not a valid regex"),
            (
                "cors", ["methods": list("GOT")], "config.methods.0",
                "expected one of: GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS, TRACE, CONNECT"
            ),
            ("cors", ["origin": .string("*")], "config.origin", "unknown field"),
            (
                "ip-restriction", [:], "@entity",
                "at least one of these fields must be non-empty: 'config.allow', 'config.deny'"
            ),
            (
                "ip-restriction", ["deny": list("1.2.3.4", "x")], "config.deny.1",
                "invalid ip or cidr range: 'x'"
            ),
            ("bot-detection", ["deny": list("(")], "config.deny.0", "not a valid regex: ("),
            (
                "request-size-limiting", ["size_unit": .string("bits")], "config.size_unit",
                "expected one of: megabytes, kilobytes, bytes"
            ),
            ("redirect", [:], "config.location", "required field missing"),
            ("redirect", ["location": .string("/x")], "config.location", "missing host in url"),
            (
                "rate-limiting", [:], "@entity",
                "at least one of these fields must be non-empty: 'config.second', "
                    + "'config.minute', 'config.hour', 'config.day', 'config.month', 'config.year'"
            ),
            (
                "rate-limiting", ["second": .integer(10), "minute": .integer(5)], "config",
                "The limit for minute(5.0) cannot be lower than the limit for second(10.0)"
            ),
            (
                "rate-limiting", ["second": .integer(0)], "config.second",
                "value must be greater than 0"
            ),
            (
                "rate-limiting", ["second": .integer(1), "limit_by": .string("header")],
                "config.header_name", "required field missing"
            ),
            (
                "rate-limiting",
                [
                    "second": .integer(1), "limit_by": .string("path"), "path": .string("x"),
                ],
                "config.path", "should start with: /"
            ),
            (
                "rate-limiting", ["second": .integer(1), "sync_rate": .integer(1)], "@entity",
                "sync_rate can only be used with the redis policy"
            ),
            (
                "rate-limiting", ["second": .integer(1), "policy": .string("global")],
                "config.policy", "expected one of: local, cluster, redis"
            ),
            (
                "request-transformer", ["add": .record(["headers": list("x")])],
                "config.add.headers.0", "key 'x' has no value"
            ),
            (
                "request-transformer", ["add": .record(["headers": list("a b:c")])],
                "config.add.headers.0", "'a b' is not a valid header"
            ),
            (
                "request-transformer", ["replace": .record(["uri": .string("/$(ngx.var.x)")])],
                "config.replace.uri",
                "the expression $(ngx.var.x) cannot be obeyed: 'ngx' is not built"
            ),
            (
                "request-transformer",
                ["append": .record(["querystring": list("a:b", "c:$(os)")])],
                "config.append.querystring.1",
                "the expression $(os) cannot be obeyed: 'os' is not built"
            ),
            (
                "request-transformer", ["http_method": .string("get")], "config.http_method",
                "invalid value: get"
            ),
            (
                "response-transformer", ["add": .record(["json": list("x")])],
                "config.add.json.0", "key 'x' has no value"
            ),
            (
                "proxy-cache", ["strategy": .string("memory"), "response_code": .list([])],
                "config.response_code", "length must be at least 1"
            ),
            ("file-log", [:], "config.path", "required field missing"),
            ("response-ratelimiting", [:], "config.limits", "required field missing"),
            (
                "response-ratelimiting",
                ["limits": .record(["video": .record(["hour": .integer(5), "day": .integer(1)])])],
                "config.limits.video",
                "the limit for day(1.0) cannot be lower than the limit for hour(5.0)"
            ),
            (
                "response-ratelimiting", ["limits": .record(["video": .record([:])])],
                "config.limits.video",
                "at least one of these fields must be non-empty: 'second', 'minute', 'hour', "
                    + "'day', 'month', 'year'"
            ),
            ("file-log", ["path": .string("a*")], "config.path", "not a valid filename"),
            (
                "file-log",
                [
                    "path": .string("/tmp/x"),
                    "custom_fields_by_lua": .record(["a": .string("return 1")]),
                ],
                "config.custom_fields_by_lua",
                "no Lua runs here; remove the field, and add what it added where the log is read"
            ),
            (
                "http-log", ["http_endpoint": .string("x")], "config.http_endpoint",
                "missing host in url"
            ),
            (
                "zipkin", ["traceid_byte_count": .integer(12)], "config.traceid_byte_count",
                "expected one of: 8, 16"
            ),
            (
                "opentelemetry", ["sampling_rate": .integer(2)], "config.sampling_rate",
                "value should be between 0 and 1"
            ),
            (
                "opentelemetry", [:], "@entity",
                "at least one of these fields must be non-empty: 'config.traces_endpoint', "
                    + "'config.logs_endpoint'"
            ),
            (
                "statsd",
                [
                    "metrics": .list([
                        .record([
                            "name": .string("request_count"), "stat_type": .string("counter"),
                        ])
                    ])
                ],
                "config.metrics.0.sample_rate", "required field missing"
            ),
            (
                "datadog",
                [
                    "metrics": .list([
                        .record(["name": .string("unique_users"), "stat_type": .string("set")])
                    ])
                ],
                "config.metrics.0.name",
                "expected one of: kong_latency, latency, request_count, request_size, "
                    + "response_size, upstream_latency"
            ),
            (
                "rate-limiting", ["second": .integer(1), "policy": .string("redis")], "@entity",
                "must set one of 'config.redis.host', 'config.redis_host' when 'policy' is 'redis'"
            ),
            ("standard-webhooks", [:], "config.secret_v1", "required field missing"),
            (
                "standard-webhooks",
                ["secret_v1": .string("x"), "tolerance_second": .integer(-1)],
                "config.tolerance_second", "value must be greater than -1"
            ),
            (
                "grpc-web", ["proto": .string("a.proto")], "config.proto",
                "'a.proto' would translate bodies in JSON, which is not built yet; remove it: "
                    + "clients that send application/grpc-web or application/grpc-web-text, with "
                    + "or without +proto, need no .proto file"
            ),
            ("ldap-auth", [:], "config.ldap_host", "required field missing"),
            (
                "ldap-auth",
                [
                    "ldap_host": .string("a"), "base_dn": .string("dc=a"),
                    "attribute": .string("cn"), "ldaps": .bool(true), "start_tls": .bool(true),
                ],
                "@entity", "'ldaps' and 'start_tls' cannot be enabled simultaneously"
            ),
            (
                "ldap-auth",
                [
                    "ldap_host": .string("a/b"), "base_dn": .string("dc=a"),
                    "attribute": .string("cn"),
                ],
                "config.ldap_host", "invalid value: a/b"
            ),
            (
                "ldap-auth",
                [
                    "ldap_host": .string("a"), "base_dn": .string("dc=a"),
                    "attribute": .string("cn=x,cn"),
                ],
                "config.attribute", "expected the name of an attribute (RFC 4512)"
            ),
            ("mtls-auth", [:], "config.ca_certificates", "required field missing"),
            (
                "mtls-auth",
                ["ca_certificates": list("x"), "revocation_check_mode": .string("SKIP")],
                "config.ca_certificates.0", "expected a valid UUID"
            ),
            (
                "mtls-auth",
                [
                    "ca_certificates": list("00000000-0000-0000-0000-000000000001"),
                    "http_proxy_host": .string("a"),
                ],
                "config.http_proxy_host", "asking by a proxy is not built yet"
            ),
            (
                "mtls-auth",
                [
                    "ca_certificates": list("00000000-0000-0000-0000-000000000001"),
                    "http_timeout": .integer(0),
                ],
                "config.http_timeout", "value should be between 1 and 600000"
            ),
            (
                "syslog", ["facility": .string("x")], "config.facility",
                "expected one of: auth, authpriv, cron, daemon, ftp, kern, lpr, mail, news, "
                    + "syslog, user, uucp, local0, local1, local2, local3, local4, local5, "
                    + "local6, local7"
            ),
        ] as [(String, [String: DocumentValue], String, String)]
    )
    func refusals(
        name: String,
        config: [String: DocumentValue],
        field: String,
        message: String
    ) throws {
        var plugin = Plugin.numbered(1, name)
        plugin.config = .object(config.map { DocumentField($0.key, $0.value) })
        let error = try #require(PluginCatalogue.errors(in: plugin).first)
        #expect(error.field == field)
        #expect(error.message == message)
    }

    @Test("of a required field that is missing nothing is said but that")
    func missing() {
        var count = 0
        for name in PluginCatalogue.builtNames {
            let required = (PluginCatalogue.fields(of: name) ?? []).filter { field in
                field.isRequired && field.standard?.isNull ?? true
            }
            let errors = PluginCatalogue.errors(in: Plugin.numbered(1, name))
            for field in required {
                count += 1
                let messages = errors.filter { $0.field.hasPrefix("config.\(field.name)") }
                    .map(\.message)
                #expect(messages == ["required field missing"], "\(name): \(field.name)")
            }
        }
        #expect(count > 10)
    }

    @Test(
        "a condition is told with the field that it is about",
        arguments: [
            ("rate-limiting", ["second": .integer(1), "limit_by": .string("header")], "limit_by"),
            ("rate-limiting", ["second": .integer(1), "limit_by": .string("path")], "limit_by"),
            ("jwt", ["maximum_expiration": .integer(60)], "maximum_expiration"),
        ] as [(String, [String: DocumentValue], String)]
    )
    func conditions(name: String, config: [String: DocumentValue], field: String) throws {
        var plugin = Plugin.numbered(1, name)
        plugin.config = .object(config.map { DocumentField($0.key, $0.value) })
        let last = try #require(PluginCatalogue.errors(in: plugin).dropFirst().first)
        #expect(last.field == "@entity")
        #expect(
            last.message
                == "failed conditional validation given value of field 'config.\(field)'"
        )
    }

    @Test("conditions are told all together, once each field is right by itself")
    func severalConditions() {
        var plugin = Plugin.numbered(
            1,
            "rate-limiting",
            [
                "second": .integer(5), "limit_by": .string("header"), "policy": .string("redis"),
            ]
        )
        #expect(
            PluginCatalogue.errors(in: plugin).map { "\($0.field): \($0.message)" } == [
                "config.header_name: required field missing",
                "@entity: failed conditional validation given value of field 'config.limit_by'",
                "@entity: must set one of 'config.redis.host', 'config.redis_host' "
                    + "when 'policy' is 'redis'",
            ]
        )
        plugin.config = .object(
            (plugin.config.fields ?? []) + [DocumentField("error_code", .string("no"))]
        )
        #expect(PluginCatalogue.errors(in: plugin).map(\.field) == ["config.error_code"])
    }

    @Test(
        "a field that Kong 3.0 renamed is told with its new name",
        arguments: [
            ("acl", "whitelist", "allow"), ("ip-restriction", "blacklist", "deny"),
            ("bot-detection", "whitelist", "allow"),
        ]
    )
    func renamed(plugin name: String, old: String, new: String) {
        let errors = PluginCatalogue.errors(in: Self.listing(old, in: name))
        #expect(errors.first?.field == "config.\(old)")
        #expect(errors.first?.message == "unknown field; since Kong 3.0 it is called '\(new)'")
        let other = PluginCatalogue.errors(in: Self.listing(old, in: "cors"))
        #expect(other.map(\.message) == ["unknown field"])
    }

    private static func listing(_ field: String, in name: String) -> Plugin {
        var plugin = Plugin.numbered(1, name)
        plugin.config = .object([DocumentField(field, .list([.string("a")]))])
        return plugin
    }

    @Test("an empty text that another release accepted keeps no configuration from being used")
    func storedEmptyText() throws {
        let plugin = Plugin.numbered(1, "key-auth", ["realm": .string("")])
        #expect(PluginCatalogue.errors(in: plugin).map(\.field) == ["config.realm"])
        _ = try PluginTable([plugin])
        let wrong = Plugin.numbered(1, "key-auth", ["realm": .integer(1)])
        #expect(throws: PluginError.self) { try PluginTable([wrong]) }
    }

    @Test(
        "texts are not empty, passwords of a Redis may be",
        arguments: [
            ("key-auth", "realm", .string(""), "config.realm"),
            ("correlation-id", "header_name", .string(""), "config.header_name"),
            ("jwt", "header_names", list("a", ""), "config.header_names.1"),
            ("rate-limiting", "redis", .record(["host": .string("")]), "config.redis.host"),
            ("rate-limiting", "redis", .record(["password": .string("")]), nil),
            ("rate-limiting", "redis_password", .string(""), nil),
        ] as [(String, String, DocumentValue, String?)]
    )
    func emptyTexts(name: String, field: String, value: DocumentValue, wrong: String?) {
        var plugin = Plugin.numbered(1, name, ["minute": .integer(1)])
        if name != "rate-limiting" { plugin.config = .object([]) }
        plugin.config = .object((plugin.config.fields ?? []) + [DocumentField(field, value)])
        let errors = PluginCatalogue.errors(in: plugin)
        #expect(errors.map(\.field) == (wrong.map { [$0] } ?? []))
        #expect(errors.allSatisfy { $0.message == "length must be at least 1" })
    }

    @Test("protocols of streams are for the plugins that run on streams")
    func protocols() {
        var keys = Plugin.numbered(1, "key-auth")
        keys.protocols = [.http, .tcp]
        let errors = PluginCatalogue.errors(in: keys)
        #expect(errors.map(\.field) == ["protocols.1"])
        #expect(errors.map(\.message) == ["expected one of: grpc, grpcs, http, https"])
        var addresses = Plugin.numbered(1, "ip-restriction", ["deny": Self.list("1.2.3.4")])
        #expect(addresses.protocols == [.grpc, .grpcs, .http, .https, .tcp, .tls])
        addresses.protocols = [.tlsPassthrough, .udp]
        #expect(PluginCatalogue.errors(in: addresses).isEmpty)
    }

    @Test("the flat names that Kong's Redis settings had are read")
    func flatRedis() {
        let plugin = Plugin.numbered(
            1,
            "rate-limiting",
            [
                "minute": .integer(1), "redis_host": .string("a"), "redis_port": .integer(6_379),
                "redis_database": .null,
            ]
        )
        #expect(PluginCatalogue.errors(in: plugin).isEmpty)
    }

    @Test("a reference to a secret may stand where each node will see whether it fits")
    func references() {
        let names: [String: DocumentValue] = [
            "http-log": .object([
                DocumentField("http_endpoint", .string("{vault://env/log-url}"))
            ]),
            "redirect": .object([DocumentField("location", .string("{vault://env/place}"))]),
            "correlation-id": .object([
                DocumentField("header_name", .string("{vault://env/header}"))
            ]),
        ]
        for (name, config) in names {
            var plugin = Plugin.numbered(1, name)
            plugin.config = config
            #expect(PluginCatalogue.errors(in: plugin).isEmpty, "\(name)")
        }
    }

    @Test(
        "a field Authorization goes with a URL whose user info is not in its authority",
        arguments: [
            ("http://logs.test?to=a@b", true), ("http://logs.test#a@b", true),
            ("http://logs.test/a@b", true), ("http://a:b@logs.test", false),
            ("http://a@logs.test?c", false),
        ]
    )
    func userInfo(url: String, isRight: Bool) {
        let plugin = Plugin.numbered(
            1,
            "http-log",
            [
                "http_endpoint": .string(url),
                "headers": .record(["Authorization": .string("Bearer t")]),
            ]
        )
        #expect(PluginCatalogue.errors(in: plugin).isEmpty == isRight)
    }

    @Test("what is wrong with a field is said once")
    func saidOnce() {
        let plugin = Plugin.numbered(1, "http-log", ["http_endpoint": .string("nowhere")])
        #expect(PluginCatalogue.errors(in: plugin).map(\.message) == ["missing host in url"])
        let limits = Plugin.numbered(
            1,
            "response-ratelimiting",
            ["limits": .record(["video": .record([:])])]
        )
        #expect(PluginCatalogue.errors(in: limits).map(\.field) == ["config.limits.video"])
        let claims = Plugin.numbered(
            1,
            "jwt",
            ["claims_to_verify": Self.list("sub"), "maximum_expiration": .integer(60)]
        )
        #expect(PluginCatalogue.errors(in: claims).map(\.field) == ["config.claims_to_verify.0"])
    }

    @Test("fields that a dump writes with Kong's defaults are taken, and refused with others")
    func dumps() {
        let session = { (more: KeyValuePairs<String, DocumentValue>) in
            var fields = [
                DocumentField("secret", .string("0123456789abcdef")),
                DocumentField("remember_cookie_name", .string("remember")),
                DocumentField("remember_rolling_timeout", .integer(604_800)),
                DocumentField("remember_absolute_timeout", .integer(2_592_000)),
                DocumentField("response_headers", .null), DocumentField("request_headers", .null),
                DocumentField("read_body_for_logout", .bool(false)),
                DocumentField("hash_subject", .bool(false)),
                DocumentField("store_metadata", .bool(false)),
            ]
            for (name, value) in more {
                fields.removeAll { $0.name == name }
                fields.append(DocumentField(name, value))
            }
            var plugin = Plugin.numbered(1, "session")
            plugin.config = .object(fields)
            return PluginCatalogue.errors(in: plugin).map(\.field)
        }
        #expect(session([:]).isEmpty)
        #expect(session(["response_headers": Self.list("id")]).isEmpty)
        #expect(session(["request_headers": Self.list("x")]) == ["config.request_headers.0"])
        #expect(session(["read_body_for_logout": .bool(true)]).isEmpty)
        let acl = { (flag: Bool) in
            let plugin = Plugin.numbered(
                1,
                "acl",
                ["allow": Self.list("a"), "include_consumer_groups": .bool(flag)]
            )
            return PluginCatalogue.errors(in: plugin).map(\.field)
        }
        #expect(acl(false).isEmpty)
        #expect(acl(true).isEmpty)
    }
}
