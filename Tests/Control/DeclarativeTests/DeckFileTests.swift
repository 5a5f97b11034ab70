import MeshDeclarative
import MeshEntities
import Testing

@Suite("A file made for decK")
struct DeckFileTests {
    @Test("gives its entities the tags and defaults that it names, at any depth")
    func defaults() throws {
        let mesh = try load(
            """
            _format_version: "3.0"
            _info:
              select_tags: [team, edge]
              defaults:
                service: { connect_timeout: 2000, retries: 1 }
                route: { strip_path: false, protocols: [https] }
                upstream:
                  healthchecks:
                    active: { healthy: { interval: 5, successes: 2 } }
            services:
              - name: a
                url: http://a.example
                retries: 4
                tags: [own, team]
                routes: [{ name: r, paths: [/] }]
            upstreams:
              - name: u
                healthchecks: { active: { http_path: /up, healthy: { interval: 9 } } }
            """
        )

        let service = try #require(mesh.service("a"))
        #expect((service.connectTimeout, service.retries) == (2_000, 4))
        #expect(service.tags == ["own", "team", "edge"])
        let route = try #require(mesh.route("r"))
        #expect(!route.stripPath && route.protocols == [.https] && route.tags == ["team", "edge"])
        let active = try #require(mesh.upstreams.first).healthchecks.active
        #expect(active.httpPath == "/up")
        #expect((active.healthy.interval, active.healthy.successes) == (9, 2))
    }

    @Test("gives no tags to a consumer's being in a group")
    func taggedGroups() throws {
        let mesh = try load(
            """
            _format_version: "3.0"
            _info: { select_tags: [team] }
            consumer_groups: [{ name: gold }]
            consumers:
              - username: ann
                groups: [{ name: gold }]
                keyauth_credentials: [{ key: ann-key }]
            """
        )
        #expect(mesh.groupMembers.count == 1)
        #expect(mesh.consumerGroups.first?.tags == ["team"])
        #expect(mesh.keyCredentials.first?.tags == ["team"])
    }

    @Test("shares plugin settings, of which the plugin's own win")
    func sharedSettings() throws {
        let mesh = try load(
            """
            _format_version: "3.0"
            _plugin_configs:
              closed: { status_code: 503, message: shared }
            services:
              - name: a
                host: a
                plugins:
                  - { name: request-termination, _config: closed }
              - name: b
                host: b
                plugins:
                  - { name: request-termination, _config: closed, config: { message: own } }
            """
        )

        let settings = mesh.plugins.map(\.config)
        #expect(settings.allSatisfy { $0["status_code"] == .integer(503) })
        #expect(Set(settings.compactMap { $0["message"]?.text }) == ["own", "shared"])
    }

    @Test("is refused where it refers to settings or defaults that there are not")
    func unknown() {
        #expect(
            complaints(
                """
                _format_version: "3.0"
                _info: { defaults: { thing: { a: 1 } }, zz: 1 }
                plugins: [{ name: prometheus, _config: none }]
                """
            ) == [
                "kong.yml:2:22 _info.defaults.thing: unknown field",
                "kong.yml:2:41 _info.zz: unknown field",
                "kong.yml:3:40 plugins[0]._config: no such entry in '_plugin_configs'",
            ]
        )
    }

    @Test("has its placeholders filled in only when that is asked for")
    func placeholders() throws {
        let text = """
            _format_version: "3.0"
            # ${{ env "DECK_UNSET" }} in a comment is nothing
            services:
              - name: a
                host: ${{ env "DECK_HOST" }}
                port: ${{ env "DECK_PORT" | toInt }}
                path: "${{ env "DECK_PATH" }}"
            """
        var options = DeclarationOptions()
        options.variables = ["DECK_HOST": "h.example", "DECK_PORT": "81", "DECK_PATH": "/x"]

        let parsed = try DeclarativeFile.parse(text, name: "kong.yml", options: options)
        let service = try #require(parsed.configuration.services.first)
        #expect((service.host, service.port, service.path) == ("h.example", 81, "/x"))
        #expect(complaints(text).first?.contains("--substitute-env") == true)
        #expect(
            complaints(
                "_format_version: '3.0'\nservices: [{ name: a, host: '${{ env `DECK_H` }}' }]"
            )
            .contains {
                $0 == "kong.yml:2:29 services[0].host: '${{ env `DECK_H` }}': "
                    + "decK's placeholders are filled in only with --substitute-env"
            }
        )
    }

    @Test(
        "is refused at the placeholder that cannot be filled in",
        arguments: [
            (#"${{ env "HOME" }}"#, "must be prefixed with 'DECK_', found: 'HOME'"),
            (#"${{ env "DECK_NONE" }}"#, "'DECK_NONE' present in state file but not set"),
            (#"${{ env "DECK_HOST" | toInt }}"#, "DECK_HOST is no value for 'toInt'"),
            (#"${{ env "DECK_HOST" | rot13 }}"#, "unknown function 'rot13'"),
            (#"${{ file "x" }}"#, "expected ${{ env"), (#"${{ env "DECK_HOST""#, "without '}}'"),
        ]
    )
    func badPlaceholders(placeholder: String, reason: String) {
        var options = DeclarationOptions()
        options.variables = ["DECK_HOST": "h.example"]
        let text = "_format_version: \"3.0\"\nservices:\n  - host: \(placeholder)"

        let error = #expect(throws: DeclarativeError.self) {
            try DeclarativeFile.parse(text, name: "kong.yml", options: options)
        }
        #expect(error?.description.hasPrefix("kong.yml:3:11 ") == true)
        #expect(error?.description.contains(reason) == true)
    }
}

@Suite("A file for a router flavour")
struct RouterFlavorFileTests {
    private let text = """
        _format_version: "3.0"
        services:
          - name: a
            host: a
            routes:
              - { name: e, expression: 'http.path ^= "/a"', priority: 5 }
        """

    private func complaints(_ text: String, _ flavor: RouterFlavor) -> [String] {
        do {
            let options = DeclarationOptions(flavor: flavor)
            _ = try DeclarativeFile.parse(text, name: "kong.yml", options: options)
            return []
        } catch {
            return error.description.split(separator: "\n").map(String.init)
        }
    }

    @Test("loads expressions only where there are any, and says which flavour they need")
    func flavor() throws {
        #expect(self.complaints(self.text, .expressions) == [])
        for flavor in [RouterFlavor.traditionalCompatible, .traditional] {
            let found = self.complaints(self.text, flavor)
            #expect(found.count == 2)
            let reason =
                "unknown field: 'expression' needs the router flavor 'expressions'; the flavor "
                + "here is '\(flavor.rawValue)'"
            #expect(found[0].contains(reason))
        }
    }

    @Test("is refused with Kong's words when an expression is wrong or has company")
    func wrong() {
        let wrong = self.text.replacing("http.path ^=", with: "http.nopath ^=")
        #expect(
            self.complaints(wrong, .expressions) == [
                "kong.yml:6:32 services[0].routes[0]: Router Expression failed validation: "
                    + "Unknown LHS field: http.nopath"
            ]
        )
        let both = self.text.replacing("priority: 5", with: "paths: [/], regex_priority: 1")
        #expect(self.complaints(both, .expressions).count == 2)
        let fields = self.text.replacing(#"expression: 'http.path ^= "/a"'"#, with: "paths: [/]")
        #expect(
            self.complaints(fields, .expressions).first?.contains("cannot set 'priority'") == true
        )
    }

    @Test("takes path_handling v1 with a warning, but where it would have an effect")
    func pathHandling() throws {
        let text = """
            _format_version: "3.0"
            routes: [{ name: r, paths: [/], path_handling: v1 }]
            """
        let parsed = try DeclarativeFile.parse(text, name: "kong.yml")
        #expect(parsed.warnings.map(\.path) == ["routes[0].path_handling"])
        #expect(self.complaints(text, .traditional).count == 1)
    }
}

@Suite("A file with what does not run here")
struct ForeignContentTests {
    @Test("loads plugins of any name that are off")
    func disabled() throws {
        let mesh = try load(
            """
            _format_version: "3.0"
            plugins:
              - { name: aws-lambda, enabled: false }
              - { name: my-own, enabled: false, config: { a: [1] } }
            """
        )
        #expect(mesh.plugins.map(\.enabled) == [false, false])
    }

    @Test("names line and way out for a plugin of one's own, and loads it switched off if asked")
    func unknown() throws {
        let text = """
            _format_version: "3.0"
            plugins:
              - name: my-own
              - name: aws-lambda
            """
        let found = complaints(text)
        #expect(found.count == 2)
        #expect(
            found.first?.hasPrefix(
                "kong.yml:3:11 plugins[0].name: plugin 'my-own' not enabled; "
                    + "add it to the 'plugins' configuration property"
            ) == true
        )
        #expect(found.first?.hasSuffix("--allow-unknown-plugins disabled") == true)
        var options = DeclarationOptions()
        options.unknownPlugins = .disabled
        // One of Kong's that is not built may protect something: it is refused all the same.
        let error = #expect(throws: DeclarativeError.self) {
            try DeclarativeFile.parse(text, name: "kong.yml", options: options)
        }
        #expect(error?.findings.map(\.path) == ["plugins[1].name"])
    }

    @Test("may refer to secrets in the environment of the nodes, and to no unknown vault")
    func vaults() throws {
        let text = """
            _format_version: "3.0"
            certificates:
              - { cert: "{vault://env/edge-cert}", key: "{vault://env/edge/key?prefix=tls-}" }
            """
        let mesh = try load(text)
        let (cert, key) = ("-----BEGIN CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----")
        let values = ["EDGE_CERT": cert, "TLS_EDGE": #"{"key": "\#(key)"}"#]
        let certificate = try #require(try mesh.resolved { values[$0] }.certificates.first)
        #expect((certificate.cert, certificate.key) == (cert, key))
        let error = #expect(throws: MissingSecret.self) { try mesh.resolved { _ in nil } }
        #expect(error?.description.contains("set EDGE_CERT in the environment") == true)
        let other = complaints(text.replacing("vault://env/edge-cert", with: "vault://aws/x"))
        #expect(other.count == 1 && other[0].contains("vault 'aws' does not exist"))
        #expect(complaints(text.replacing("vault://env/edge-cert", with: "vault://env")).count == 1)
    }

    @Test("may have lines that end as on Windows", arguments: ["yml", "json"])
    func lineEndings(ending: String) throws {
        let yaml = "_format_version: \"3.0\"\r\nservices:\r\n  - name: a\r\n    host: b\r\n"
        let json =
            "{\"_format_version\": \"3.0\",\r\n\"services\": [{\"name\": \"a\", \"host\": \"b\"}]}\r\n"
        let mesh = try load(ending == "yml" ? yaml : json, name: "kong.\(ending)")
        #expect(mesh.service("a")?.host == "b")
    }
}
