import MeshDataPlane
import MeshPrimitives
import Testing

@testable import MeshNode

@Suite("The settings reader")
struct SettingsReaderTests {
    private let file = """
        node:   { name: eu-1, region: eu-west, zone: a, data_dir: /srv/mesh }
        proxy:  { listen: ["0.0.0.0:8000", "[::]:8000"], workers: 4 }
        admin:  { listen: "127.0.0.1:9001" }
        gossip: { bind: "0.0.0.0:7946", advertise: "10.0.0.7:7946", seeds: ["10.0.0.8:7946", "mesh.example:7946"], keyring: /etc/keyring }
        config: kong.yml
        """

    private func read(
        file: String? = nil,
        environment: [String: String] = [:],
        flags: [String: String] = [:]
    ) throws(SettingsError) -> NodeSettings {
        try SettingsReader.read(
            file: file.map { ("node.yml", $0) },
            environment: environment,
            flags: flags,
            hostName: "box"
        )
    }

    @Test("takes every value of a file and leaves defaults for the rest")
    func readsFile() throws {
        let settings = try self.read(file: self.file)

        #expect(settings.node.name == "eu-1")
        #expect(settings.node.zone == "a")
        #expect(
            settings.proxy.dataPlane.listen.map(\.description)
                == ["0.0.0.0:8000", "[::]:8000"]
        )
        #expect(settings.proxy.dataPlane.workers == 4)
        #expect(settings.admin.listen.description == "127.0.0.1:9001")
        #expect(settings.statusListen.description == "0.0.0.0:8100")
        #expect(settings.gossip.seeds == ["10.0.0.8:7946", "mesh.example:7946"])
        #expect(settings.advertisedGossip.description == "10.0.0.7:7946")
        #expect(settings.configurationFile == "kong.yml")
    }

    @Test("lets flags outrank the environment, and the environment the file")
    func precedence() throws {
        let environment = [
            "MESH_NODE_NAME": "env", "MESH_NODE_ZONE": "b", "MESH_PROXY_WORKERS": "auto",
        ]
        let settings = try self.read(
            file: self.file,
            environment: environment,
            flags: ["node.name": "flag"]
        )

        #expect(settings.node.name == "flag")
        #expect(settings.node.zone == "b")
        #expect(settings.proxy.dataPlane.workers == 0)
    }

    @Test("needs no file, only a region, and names the node after the machine")
    func defaults() throws {
        let settings = try self.read(flags: ["node.region": "eu"])

        #expect(settings.node.name == "box")
        #expect(settings.proxy.dataPlane.listen.map(\.description) == ["0.0.0.0:8000"])
        #expect(settings.proxy.dataPlane.tlsListen.map(\.description) == ["0.0.0.0:8443"])
        #expect(settings.proxy.dataPlane.streamListen == [])
    }

    @Test("knows which texts can be names, so that no host name can end the node")
    func names() {
        #expect(SettingKey.isName("eu-1.a_b"))
        for text in ["", "a b", "größe", String(repeating: "x", count: 65)] {
            #expect(!SettingKey.isName(text), "\(text)")
        }
    }

    @Test("says which setting is missing and where to put it")
    func missingRegion() {
        #expect(
            throws: SettingsError.missing(
                field: "node.region",
                remedy: "set node.region in the file, MESH_NODE_REGION or --region"
            )
        ) { try self.read() }
    }

    @Test(
        "opens the Admin API beyond loopback only with TLS and with somebody to know",
        arguments: [
            (["admin.listen": "0.0.0.0:8001"], "admin.listen", "admin.tls_cert"),
            (
                [
                    "admin.listen": "[2001:db8::1]:8001", "admin.tls_cert": "c",
                    "admin.tls_key": "k",
                ],
                "admin.listen", "admin.tokens_file"
            ),
            (["admin.tls_cert": "c"], "admin.tls_key", "admin.tls_key"),
            (["admin.client_ca": "c"], "admin.tls_cert", "admin.client_ca needs TLS"),
        ]
    )
    func adminBeyondLoopback(flags: [String: String], field: String, remedy: String) throws {
        let error = #expect(throws: SettingsError.self) {
            try self.read(flags: flags.merging(["node.region": "eu"]) { $1 })
        }
        #expect(error?.description.hasPrefix(field) == true)
        #expect(error?.description.contains(remedy) == true)
        var enough = flags.merging(["node.region": "eu"]) { $1 }
        for name in ["tls_cert", "tls_key", "tokens_file"] { enough["admin.\(name)"] = "/x" }
        _ = try self.read(flags: enough)
    }

    @Test(
        "names the setting, its value, its source and what is allowed",
        arguments: [
            ("proxy.workers", "0"), ("proxy.workers", "many"), ("proxy.listen", "8000"),
            ("node.name", "a b"), ("node.region", "<script>"), ("gossip.seeds", "nowhere"),
            ("gossip.profile", "fast"), ("proxy.drain_deadline", "-1"), ("log.level", "loud"),
            ("admin.listen", "localhost:8001"), ("admin.socket", ""),
            ("proxy.tls_listen", "0.0.0.0:8443 ssl"), ("proxy.stream_listen", "0.0.0.0:1 http2"),
            ("proxy.trusted_ips", "10.0.0.0/33"), ("proxy.real_ip_header", "X-Client"),
            ("proxy.real_ip_recursive", "yes"), ("proxy.client_max_body_size", "1t"),
            ("proxy.client_max_body_size", "9223372036854775807g"),
            ("proxy.max_connections", "0"), ("proxy.max_connections_per_address", "-1"),
            ("proxy.max_requests", "1000001"), ("proxy.head_timeout", "0"),
            ("proxy.max_head_size", "65536"),
            ("proxy.headers", "X-Powered-By"), ("proxy.access_log", "syslog:tag=x"),
            ("proxy.access_log_format", "xml"), ("proxy.error_default_type", "text/css"),
            ("proxy.client_certificates", "maybe"),
            ("proxy.tls_session_ticket_rotation", "59"), ("proxy.ssl_verify", "1"),
            ("proxy.upstream_keepalive_pool_size", "many"),
        ]
    )
    func invalid(name: String, value: String) {
        let error = #expect(throws: SettingsError.self) {
            try self.read(
                flags: ["node.region": "eu"].merging([name: value]) { _, tried in tried }
            )
        }

        #expect("\(String(describing: error))".contains(name))
        #expect("\(String(describing: error))".contains(value))
    }

    @Test("takes a file that begins with a byte order mark")
    func byteOrderMark() throws {
        let settings = try self.read(file: "\u{FEFF}node: { region: eu }\nlog: { level: debug }\n")
        #expect(settings.node.region == "eu" && settings.logLevel == "debug")
    }

    @Test("says everything that is wrong at once, a line each")
    func several() {
        let error = #expect(throws: SettingsError.self) {
            try self.read(
                file: "node: { regoin: eu, name: a b }\nproxy: { workers: 0 }",
                flags: ["log.level": "loud"]
            )
        }
        let lines = (error?.description ?? "").split(separator: "\n")
        #expect(
            lines.map { $0.prefix { !": ".contains($0) } } == [
                "node.name", "node.regoin", "proxy.workers", "log.level",
            ]
        )
    }

    @Test("suggests the setting that was probably meant")
    func suggests() {
        #expect(
            throws: SettingsError.unknown(
                field: "node.regoin",
                source: "node.yml",
                suggestion: "node.region"
            )
        ) { try self.read(file: "node: { regoin: eu }") }
    }

    @Test(
        "refuses text that is no map of settings, and never traps",
        arguments: ["- a\n- b: 1", "just text", "node: {", "node: { name: { first: a } }", "a: *b"]
    )
    func hostile(text: String) {
        #expect(throws: SettingsError.self) {
            try self.read(file: text, flags: ["node.region": "eu"])
        }
    }

    @Test("takes long lists whole, and refuses those that no one writes")
    func longLists() throws {
        let blocks = { (count: Int) in
            let list = (0..<count).map { "10.0.\($0 / 256).\($0 % 256)" }.joined(separator: ", ")
            return "proxy: { trusted_ips: [\(list)] }"
        }
        let settings = try self.read(file: blocks(500), flags: ["node.region": "eu"])

        #expect(settings.proxy.dataPlane.realAddress.trusted.count == 500)
        #expect(throws: SettingsError.self) {
            try self.read(file: blocks(5_000), flags: ["node.region": "eu"])
        }
    }

    @Test("asks for an address to advertise when seeds are given and the bind is a wildcard")
    func wildcard() {
        let error = #expect(throws: SettingsError.self) {
            try self.read(flags: ["node.region": "eu", "gossip.seeds": "10.0.0.8:7946"])
        }

        #expect("\(String(describing: error))".contains("gossip.advertise"))
    }

    @Test(
        "refuses to advertise what nothing can be sent to",
        arguments: ["224.0.0.1:7946", "255.255.255.255:7946", "[ff02::1]:7946", "10.0.0.7:0"]
    )
    func nobodysAddress(address: String) {
        let error = #expect(throws: SettingsError.self) {
            try self.read(flags: ["node.region": "eu", "gossip.advertise": address])
        }

        #expect("\(String(describing: error))".contains("nothing can be sent there"))
    }
}
