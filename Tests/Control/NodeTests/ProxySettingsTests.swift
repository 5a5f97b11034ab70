import MeshDataPlane
import MeshEntities
import MeshHTTP
import MeshPrimitives
import MeshTLS
import Testing

@testable import MeshNode

@Suite("The proxy's settings")
struct ProxySettingsTests {
    private func read(_ proxy: [String: String]) throws(SettingsError) -> ProxySettings {
        var flags = ["node.region": "eu"]
        for (name, value) in proxy { flags["proxy.\(name)"] = value }
        return try SettingsReader.read(file: nil, environment: [:], flags: flags, hostName: "box")
            .proxy
    }

    @Test("fill every field of the data plane's configuration")
    func fills() throws {
        let plane = try self.read([
            "listen": "127.0.0.1:80, 127.0.0.1:81 proxy_protocol", "tls_listen": "127.0.0.1:443",
            "stream_listen": "127.0.0.1:9000,127.0.0.1:9443 ssl, 127.0.0.1:9000 udp",
            "trusted_ips": "10.0.0.0/8,::1", "real_ip_header": "X-Forwarded-For",
            "real_ip_recursive": "on", "max_connections": "7",
            "max_connections_per_address": "256", "max_requests": "9",
            "client_max_body_size": "10m",
            "max_line_size": "8k", "max_head_size": "32k", "max_head_fields": "100",
            "head_timeout": "1", "idle_timeout": "2", "write_stall_timeout": "3",
            "body_progress_timeout": "4", "linger_timeout": "0", "half_closed_clients": "on",
            "headers": "Via, X-Kong-Upstream-Status", "allow_debug_header": "on",
            "error_default_type": "application/json",
            "access_log": "syslog:server=192.0.2.1,tag=gate", "access_log_format": "combined",
            "tls_session_ticket_rotation": "60", "client_certificates": "off",
            "ocsp_dir": "/ocsp", "key_log": "/keys", "ssl_verify": "on",
            "upstream_keepalive_pool_size": "1", "upstream_keepalive_max_requests": "0",
            "upstream_keepalive_idle_timeout": "5",
        ]).dataPlane

        #expect(plane.listen.map(\.isProxyProtocol) == [false, true])
        #expect(plane.tlsListen.map(\.endpoint.port) == [443])
        #expect(plane.streamListen.map(\.kind) == [.tcp, .tls, .udp])
        #expect(plane.realAddress.trusts(.v4(0x0A01_0203)))
        #expect(plane.realAddress.source == .forwardedFor)
        #expect(plane.realAddress.isRecursive)
        #expect(plane.maximumConnections == 7)
        #expect(plane.maximumConnectionsPerAddress == 256)
        #expect(plane.maximumRequests == 9)
        #expect(plane.maximumBodyByteCount == 10 << 20)
        #expect(plane.headLimits.startLineByteCount == 8_192)
        #expect(plane.headLimits.headByteCount == 32_768)
        #expect(plane.headLimits.fieldCount == 100)
        #expect(
            [plane.headTimeout, plane.idleTimeout, plane.writeStallTimeout]
                == [.seconds(1), .seconds(2), .seconds(3)]
        )
        #expect([plane.bodyProgressTimeout, plane.lingerTimeout] == [.seconds(4), .zero])
        #expect(plane.keepsHalfClosedClients && plane.allowsDebugField && plane.verifiesTargets)
        #expect(plane.responseTokens == [.via, .upstreamStatus])
        #expect(plane.errorDefaultFormat == .json)
        #expect(plane.accessLog?.description.hasSuffix("tag=gate") == true)
        #expect(plane.accessLogFormat == .combined)
        #expect(plane.tls.ticketRotation == .seconds(60))
        #expect(plane.tls.ocspDirectory == "/ocsp" && plane.tls.keyLog == "/keys")
        #expect(plane.targetPool.size == 1 && plane.targetPool.maximumRequests == 0)
        #expect(plane.targetPool.idleTimeout == .seconds(5))
    }

    @Test("are shown in a form that reads as the same settings again", arguments: [false, true])
    func showAndRead(isChanged: Bool) throws {
        var settings = NodeSettings(hostName: "box")
        settings.node.region = "eu"
        if isChanged {
            settings.proxy.dataPlane.listen = []
            settings.proxy.dataPlane.streamListen = [try #require(StreamListener("[::1]:9 ssl"))]
            settings.proxy.dataPlane.responseTokens = []
            settings.proxy.dataPlane.workers = 3
            settings.proxy.dataPlane.accessLog = AccessLogSink("syslog:server=192.0.2.1")
            settings.proxy.files.clientAuthorities = "/ca.pem"
            settings.proxy.dataPlane.tls.clientCertificates = .required
        }
        var flags: [String: String] = [:]
        for key in SettingKey.all where key.name != "node.zone" {
            switch key.show(settings) {
            case .string(let text): flags[key.name] = text
            case .integer(let number): flags[key.name] = "\(number)"
            case .array(let nodes):
                flags[key.name] = nodes.compactMap(\.value.text).joined(separator: ",")
            case .null, .bool, .number, .object: continue
            }
        }
        settings.gossip.advertise = settings.gossip.bind

        let again = try SettingsReader.read(
            file: nil,
            environment: [:],
            flags: flags,
            hostName: "other"
        )

        #expect(again == settings)
    }

    @Test("each have a name of their own in the environment")
    func environmentNames() {
        #expect(Set(SettingKey.all.map(\.environmentName)).count == SettingKey.all.count)
        #expect(SettingKey.all.contains { $0.environmentName == "MESH_PROXY_TLS_LISTEN" })
    }

    @Test("can turn a listener off, but not the last one")
    func off() throws {
        #expect(try self.read(["tls_listen": "off"]).dataPlane.tlsListen == [])
        #expect(throws: SettingsError.self) {
            try self.read(["listen": "off", "tls_listen": "off"])
        }
    }

    @Test(
        "refuse two listeners on one address, but for TCP and UDP",
        arguments: [
            ("tls_listen", "0.0.0.0:8000"), ("stream_listen", "0.0.0.0:8443 ssl"),
            ("listen", "127.0.0.1:1,127.0.0.1:1"),
        ]
    )
    func sameAddress(name: String, value: String) {
        let error = #expect(throws: SettingsError.self) { try self.read([name: value]) }

        #expect("\(String(describing: error))".contains("same address"))
    }

    @Test("allow a port for datagrams beside the same for streams, and system ports often")
    func differentTransports() throws {
        _ = try self.read(["stream_listen": "0.0.0.0:8000 udp"])
        _ = try self.read(["listen": "127.0.0.1:0,127.0.0.1:0"])
    }

    @Test(
        "say what belongs together",
        arguments: [
            (["tls_key": "/k"], "proxy.tls_certificate"),
            (["tls_certificate": "/c"], "proxy.tls_key"),
            (["client_certificates": "required"], "proxy.client_ca"),
            (["real_ip_header": "proxy_protocol"], "flag proxy_protocol"),
        ]
    )
    func together(values: [String: String], expected: String) {
        let error = #expect(throws: SettingsError.self) { try self.read(values) }

        #expect("\(String(describing: error))".contains(expected))
    }

    private static func made() throws -> TLSCertificate.SelfSigned {
        try #require(TLSCertificate.selfSigned(keyType: .ecdsa, now: 1_767_225_600))
    }

    @Test("read the files they name once, and give the data plane their content")
    func files() throws {
        let proxy = try self.read([
            "tls_certificate": "/c", "tls_key": "/k", "client_ca": "/ca",
            "error_template_html": "/html",
        ])
        let (server, authority) = (try Self.made(), try Self.made())
        let files = [
            "/c": server.certificate, "/k": server.key, "/ca": authority.certificate,
            "/html": "<b>%s</b>%s",
        ]

        let plane = try proxy.loaded { files[$0] ?? "" }

        let pair = CertificateText(certificate: server.certificate, key: server.key)
        #expect(plane.tls.defaultCertificate == pair)
        #expect(plane.tls.clientAuthorities == authority.certificate)
        #expect(try plane.errorTemplates[.html] == ErrorTemplate("<b>%s</b>%s"))
        #expect(plane.errorTemplates[.json] == nil)
    }

    @Test("refuse certificates that cannot be read, and keys of others")
    func badCertificates() throws {
        let (server, other) = (try Self.made(), try Self.made())
        let proxy = try self.read(["tls_certificate": "/c", "tls_key": "/k"])
        let authority = try self.read(["client_ca": "/ca"])

        let unreadable = #expect(throws: SettingsError.self) { try proxy.loaded { _ in "x" } }
        let foreign = #expect(throws: SettingsError.self) {
            try proxy.loaded { $0 == "/c" ? server.certificate : other.key }
        }
        let noAuthority = #expect(throws: SettingsError.self) {
            try authority.loaded { _ in server.key }
        }

        #expect("\(String(describing: unreadable))".contains("proxy.tls_certificate is /c"))
        #expect("\(String(describing: foreign))".contains("proxy.tls_key is /k"))
        #expect("\(String(describing: noAuthority))".contains("proxy.client_ca is /ca"))
    }

    @Test("refuse a template without places for message and id")
    func badTemplate() throws {
        let proxy = try self.read(["error_template_json": "/json"])

        let error = #expect(throws: SettingsError.self) { try proxy.loaded { _ in "{}" } }

        #expect("\(String(describing: error))".contains("proxy.error_template_json is /json"))
    }

    @Test(
        "read sizes as nginx does",
        arguments: [
            ("0", 0), ("512", 512), ("8k", 8_192), ("10M", 10_485_760), ("1g", 1_073_741_824),
            ("", nil), ("k", nil), ("-1", nil), ("+1", nil), ("1.5m", nil), ("1kk", nil),
            ("9223372036854775807g", nil), ("99999999999999999999", nil),
        ] as [(String, Int?)]
    )
    func sizes(text: String, expected: Int?) {
        #expect(ByteSize.read(text) == expected)
    }
}
