import MeshDeclarative
import MeshEntities
import Testing

/// Shapes of files that are met in the field, written anew.
@Suite("A file as it is met in the field")
struct KnownShapesTests {
    @Test("loads as the first file of a tutorial")
    func tutorial() throws {
        let mesh = try load(
            """
            _format_version: "2.1"
            _transform: true

            services:
            - name: example_service
              url: https://httpbin.example
              routes:
              - name: mock
                paths:
                - /mock
              plugins: []
            consumers:
            - username: consumer
            """
        )
        let service = try #require(mesh.service("example_service"))
        #expect((service.protocol, service.port, service.path) == (.https, 443, nil))
        #expect(mesh.route("mock")?.service == service.id && mesh.consumers.count == 1)
    }

    @Test("loads as a dump with every field written out, nulls too")
    func dump() throws {
        let mesh = try load(
            """
            _format_version: "3.0"
            services:
            - ca_certificates: null
              client_certificate: null
              connect_timeout: 60000
              created_at: 1693400000
              enabled: true
              host: echo.upstream
              id: 3f2b0a5e-9c62-4b13-8d6a-1f7f3a0c9b11
              name: echo
              path: null
              port: 80
              protocol: http
              read_timeout: 60000
              retries: 5
              tags: null
              tls_verify: null
              tls_verify_depth: null
              updated_at: 1693400000
              write_timeout: 60000
              routes:
              - destinations: null
                headers: { X-Team: [a, b] }
                hosts: null
                https_redirect_status_code: 426
                id: 51b1c0de-0d34-4d0b-a6a5-0d9f6d5d2a10
                methods: [GET, HEAD]
                name: echo
                path_handling: v1
                paths: ["/echo", "~/e/(?<id>[0-9]+)$"]
                preserve_host: false
                protocols: [http, https]
                regex_priority: 0
                request_buffering: true
                response_buffering: true
                snis: null
                sources: null
                strip_path: true
                tags: []
            upstreams:
            - algorithm: round-robin
              hash_fallback: none
              hash_on: none
              hash_on_cookie_path: /
              healthchecks:
                active:
                  concurrency: 10
                  headers: null
                  healthy: { http_statuses: [200, 302], interval: 0, successes: 0 }
                  http_path: /
                  https_sni: null
                  https_verify_certificate: true
                  timeout: 1
                  type: http
                  unhealthy:
                    http_failures: 0
                    http_statuses: [429, 404, 500, 501, 502, 503, 504, 505]
                    interval: 0
                    tcp_failures: 0
                    timeouts: 0
                passive:
                  healthy: { http_statuses: [200, 201], successes: 0 }
                  type: http
                  unhealthy:
                    http_failures: 0
                    http_statuses: [429, 500, 503]
                    tcp_failures: 0
                    timeouts: 0
                threshold: 0
              host_header: null
              name: echo.upstream
              slots: 10000
              targets:
              - target: 10.0.0.1:80
                weight: 100
                created_at: 1693400000.123
            """
        )
        #expect(mesh.routes.count == 1 && mesh.targets.count == 1)
        #expect(mesh.route("echo")?.headers == [HeaderValues(name: "x-team", values: ["a", "b"])])
    }

    @Test("loads as a controller of Kubernetes writes it, in JSON")
    func controller() throws {
        let mesh = try load(
            #"""
            {"_format_version":"3.0",
             "services":[{"name":"default.echo.80","host":"echo.default.80.svc","port":80,
               "id":"2d5c1a8a-7c44-5b8e-9d0b-0d8ad6a7d7b1","protocol":"http","path":"/","retries":5,
               "connect_timeout":60000,"read_timeout":60000,"write_timeout":60000,
               "tags":["k8s-name:echo","k8s-namespace:default","k8s-kind:Service","k8s-version:v1"],
               "routes":[{"name":"default.echo.0","hosts":["echo.example"],"paths":["/","~/$"],
                 "protocols":["http","https"],"strip_path":false,"preserve_host":true,
                 "path_handling":"v0","regex_priority":0,"https_redirect_status_code":426,
                 "request_buffering":true,"response_buffering":true,
                 "tags":["k8s-name:echo","k8s-uid:8b0c"]}]}],
             "upstreams":[{"name":"echo.default.80.svc","algorithm":"round-robin",
               "tags":["k8s-name:echo"],"targets":[{"target":"10.244.0.7:80"},
               {"target":"[fd00::7]:80","weight":10}]}]}
            """#,
            name: "config.json"
        )
        #expect(mesh.targets.map(\.target).sorted() == ["10.244.0.7:80", "[fd00::7]:80"])
        #expect(mesh.service("default.echo.80")?.tags.count == 4)
    }

    @Test("loads with a url that wins over a protocol beside it, with a warning")
    func urlAndProtocol() throws {
        let parsed = try DeclarativeFile.parse(
            """
            _format_version: "1.1"
            services:
              - name: realtime-v1
                _comment: "Realtime: /realtime/v1/* -> ws://realtime:4000/socket/*"
                url: http://realtime-dev.example-realtime:4000/socket/
                protocol: ws
                routes:
                  - name: realtime-v1-all
                    strip_path: true
                    paths: [/realtime/v1/]
            """,
            name: "kong.yml"
        )
        let service = try #require(parsed.configuration.services.first)
        #expect(service.protocol == .http && service.port == 4_000)
        #expect(parsed.warnings.map(\.path) == ["services[0].protocol"])
    }

    @Test("names just the plugins and credentials that there are not, once each")
    func unbuilt() {
        let found = complaints(
            """
            _format_version: "2.1"
            consumers:
              - username: anon
                keyauth_credentials:
                  - key: abc
                oauth2_credentials:
                  - name: anon
            services:
              - name: rest
                url: http://rest:3000/
                routes: [{ name: rest, strip_path: true, paths: [/rest/v1/] }]
                plugins:
                  - name: key-auth
                    config: { hide_credentials: true }
                  - name: aws-lambda
                  - { name: acme, enabled: false, config: { allow: [anon] } }
            """
        )
        #expect(
            found.map { $0.prefix { $0 != " " } } == [
                "kong.yml:6:5", "kong.yml:15:15",
            ]
        )
    }

    @Test("names a format that is no text, a list that is none, and a tab, each with its place")
    func broken() {
        #expect(
            complaints("_format_version: 1.1\nservices: x")
                == [
                    "kong.yml:1:18 _format_version: expected a string",
                    "kong.yml:2:11 services: expected an array",
                ]
        )
        #expect(complaints("services:\n\t- name: a").first?.hasPrefix("kong.yml:2:1 ") == true)
    }

    @Test("gives the ids that Kong derives from names")
    func ids() throws {
        let mesh = try load(
            """
            _format_version: "3.0"
            services: [{ name: foo, host: foo.example }]
            """
        )
        // UUID version 5 of "foo" in that of "services" in Kong's own namespace.
        #expect("\(mesh.services[0].id)" == "2933fbcc-9d7c-54a7-a984-fe2bde836cea")
    }
}
