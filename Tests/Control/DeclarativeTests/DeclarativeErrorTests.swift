import MeshDeclarative
import MeshEntities
import Testing

@Suite("An error in a declarative file")
struct DeclarativeErrorTests {
    @Test(
        "names file, line, column, field and Kong's message",
        arguments: [
            ("services: []", ["kong.yml:1:1 _format_version: required field missing"]),
            ("_format_version: 3.0", ["kong.yml:1:18 _format_version: expected a string"]),
            (
                "_format_version: '4.0'",
                ["kong.yml:1:18 _format_version: expected one of: 1.1, 2.1, 3.0"]
            ),
            ("- a", ["kong.yml:1:1 expected an object"]),
            ("", ["kong.yml:1:1 expected an object"]),
            (
                "_format_version: '3.0'\nservcies: []",
                ["kong.yml:2:1 servcies: unknown field"]
            ),
            (
                "_format_version: '3.0'\nservices: [{ port: 1 }]",
                ["kong.yml:2:12 services[0].host: required field missing"]
            ),
            (
                "_format_version: '3.0'\nservices: {a: 1}",
                ["kong.yml:2:11 services: expected an array"]
            ),
            (
                "_format_version: '3.0'\nservices: [1]",
                ["kong.yml:2:12 services[0]: expected a record"]
            ),
            (
                "_format_version: '3.0'\nroutes: [{ paths: [/], service: x }]",
                [
                    "kong.yml:2:33 routes[0].service: invalid reference 'service: x' "
                        + "(no such entry in 'services')"
                ]
            ),
            (
                "_format_version: '3.0'\nroutes: [{ paths: ['~/a('] }]",
                [
                    "kong.yml:2:20 routes[0].paths[0]: invalid regex: '/a(' (PCRE returned: "
                        + "missing closing parenthesis at offset 3)"
                ]
            ),
            (
                "_format_version: '3.0'\nservices:\n- host: a\n  routes:\n"
                    + "  - { paths: [/], service: b }",
                ["kong.yml:5:5 services[0].routes[0].service: value must be null"]
            ),
            (
                "_format_version: '3.0'\nplugins: [{ name: aws-lambda }]",
                [
                    "kong.yml:2:19 plugins[0].name: plugin 'aws-lambda' is not built yet; remove "
                        + "it, or leave what it protects on a gateway that has it"
                ]
            ),
            (
                "_format_version: '3.0'\noauth2_credentials: [{ name: a, consumer: b }]",
                [
                    "kong.yml:2:1 oauth2_credentials: 'oauth2_credentials' cannot be used: "
                        + "credentials (plugin 'oauth2') are not built yet"
                ]
            ),
            (
                "_format_version: '3.0'\nconsumers: [{ username: a, oauth2_credentials: [{ name: b }] }]",
                [
                    "kong.yml:2:28 consumers[0].oauth2_credentials: "
                        + "'oauth2_credentials' cannot be used: "
                        + "credentials (plugin 'oauth2') are not built yet"
                ]
            ),
            (
                "_format_version: '3.0'\nservices: [{ name: a, host: b }, { name: a, host: c }]",
                [
                    "kong.yml:2:42 services[1].name: uniqueness violation: 'services' entity "
                        + "with name set to 'a' already declared"
                ]
            ),
            (
                "_format_version: '3.0'\nservices: [{ name: a, host: b }]\n"
                    + "routes: [{ paths: [/], service: { name: a, zz: 1 } }]",
                ["kong.yml:3:44 routes[0].service.zz: unknown field"]
            ),
            (
                "_format_version: '3.0'\nplugins:\n- name: request-termination\n"
                    + "  config: { message: x, content_type: text/plain, zz: 1 }",
                [
                    "kong.yml:4:22 plugins[0].config.message: message cannot be used with "
                        + "content_type or body",
                    "kong.yml:4:39 plugins[0].config.content_type: content_type requires a body",
                    "kong.yml:4:55 plugins[0].config.zz: unknown field",
                ]
            ),
            (
                "_format_version: '3.0'\nplugins:\n- name: prometheus\n"
                    + "  config: { zz_unknown: 1, per_consumer: x, latency_metrics: true }",
                [
                    "kong.yml:4:25 plugins[0].config.zz_unknown: unknown field",
                    "kong.yml:4:42 plugins[0].config.per_consumer: expected a boolean",
                ]
            ),
            (
                "_format_version: '3.0'\nroutes: [{ expression: 'http.path == \"/\"' }]",
                [
                    "kong.yml:2:12 routes[0].expression: unknown field: 'expression' needs the "
                        + "router flavor 'expressions'; the flavor here is "
                        + "'traditional_compatible'"
                ]
            ),
            (
                "_format_version: '3.0'\nroutes: [{ name: r, protocols: [foo] }]",
                ["kong.yml:2:33 routes[0].protocols[0]: expected one of: grpc"]
            ),
            (
                "a: 1\na: 2",
                ["kong.yml:1:1 failed parsing declarative configuration: duplicate key 'a'"]
            ),
            (
                "a: *b",
                [
                    "kong.yml:1:4 failed parsing declarative configuration: "
                        + "alias '*b' names no anchor before it"
                ]
            ),
        ]
    )
    func lines(text: String, expected: [String]) {
        let found = complaints(text)

        #expect(found.count == expected.count)
        for line in expected {
            #expect(found.contains { $0.hasPrefix(line) }, "\(line)\nin \(found)")
        }
    }

    @Test("comes with all others of the file, in its order, nothing taken over")
    func allAtOnce() {
        let found = complaints(
            """
            _format_version: "3.0"
            services:
              - name: a
                prot: http
                retries: many
                routes:
                  - paths: [x]
                    service: a
            upstreams:
              - name: 10.0.0.1
                targets: [{ weight: -1 }]
            """
        )

        #expect(
            found == [
                "kong.yml:3:5 services[0].host: required field missing",
                "kong.yml:4:5 services[0].prot: unknown field",
                "kong.yml:5:14 services[0].retries: expected an integer",
                "kong.yml:7:9 services[0].routes[0].service: value must be null",
                "kong.yml:7:17 services[0].routes[0].paths[0]: "
                    + "should start with: / (fixed path) or ~/ (regex path)",
                "kong.yml:10:11 upstreams[0].name: Invalid name ('10.0.0.1'); "
                    + "no ip addresses allowed",
                "kong.yml:11:15 upstreams[0].targets[0].target: required field missing",
                "kong.yml:11:25 upstreams[0].targets[0].weight: "
                    + "value should be between 0 and 65535",
            ]
        )
    }

    @Test("is one of a thousand at most")
    func limit() {
        let entries = Array(repeating: "1", count: 5_000).joined(separator: ", ")

        let found = complaints("_format_version: '3.0'\nroutes: [\(entries)]")

        #expect(found.count == 1_001)
        #expect(found.last == "kong.yml and 4000 findings more")
    }

    @Test("prints as Kong's tree")
    func tree() throws {
        let error = try self.error()

        #expect(
            error.kongTree == """
                in 'services':
                  - in entry 2 of 'services':
                    in 'host': required field missing
                    in 'routes':
                      - in entry 1 of 'routes':
                        in '@entity': must set one of 'methods', 'hosts', 'headers', 'paths' \
                when 'protocols' is 'http'
                """
        )
    }

    @Test("answers as Kong does")
    func answer() throws {
        let answer = try self.error().answer(flattened: true)

        #expect(answer["name"] == .string("invalid declarative configuration"))
        #expect(answer["code"] == .integer(14))
        #expect(
            answer["fields"]?.json == #"{"services":[null,{"host":"required field missing","#
                + #""routes":[{"@entity":["must set one of 'methods', 'hosts', 'headers', "#
                + #"'paths' when 'protocols' is 'http'"]}]}]}"#
        )
        let flattened = try #require(answer["flattened_errors"]?.elements)
        #expect(flattened.map { $0["entity_type"]?.text } == ["service", "route"])
        #expect(flattened[0]["entity_name"] == .string("b"))
        #expect(flattened[0]["entity_tags"]?.json == #"["t"]"#)
        #expect(
            flattened[0]["errors"]?.json
                == #"[{"type":"field","field":"host","message":"required field missing"}]"#
        )
        #expect(flattened[1]["errors"]?.elements?.first?["type"] == .string("entity"))
    }

    @Test("has Kong's message")
    func message() throws {
        let text = #"{"_format_version": "3.0", "services": [{}]}"#
        let error = try #require(throws: DeclarativeError.self) {
            try DeclarativeFile.parse(text, name: "config")
        }

        #expect(
            error.kongMessage
                == #"declarative config is invalid: {services={{host="required field missing"}}}"#
        )
    }

    private func error() throws -> DeclarativeError {
        try #require(throws: DeclarativeError.self) {
            try DeclarativeFile.parse(
                """
                _format_version: "3.0"
                services:
                  - { name: a, host: a }
                  - name: b
                    tags: [t]
                    routes: [{ protocols: [http] }]
                """,
                name: "kong.yml"
            )
        }
    }
}
