import MeshDataPlane
import MeshPrimitives
import Testing

@Suite("The data plane's configuration")
struct ConfigurationTests {
    @Test(
        "reads addresses to listen on and shows them in the same form",
        arguments: ["0.0.0.0:8000", "192.0.2.1:8000 proxy_protocol"]
    )
    func listenAddresses(text: String) throws {
        let address = try #require(ListenAddress(text))

        #expect(address.description == text)
        #expect(address.isProxyProtocol == text.hasSuffix("proxy_protocol"))
    }

    @Test("takes reuseport as what it does anyway")
    func reuseport() {
        #expect(ListenAddress("0.0.0.0:80 reuseport") == ListenAddress("0.0.0.0:80"))
    }

    @Test(
        "refuses addresses with flags that would be ignored",
        arguments: [
            "", "8000", "0.0.0.0:80 ssl", "0.0.0.0:80 udp", "0.0.0.0:80 backlog=9",
            "0.0.0.0:80 proxy_protocol proxy_protocol", "localhost:80",
        ]
    )
    func badAddresses(text: String) {
        #expect(ListenAddress(text) == nil)
    }

    @Test(
        "reads stream listeners in Kong's form and shows them in the same form",
        arguments: [
            ("0.0.0.0:9000", StreamListener.Kind.tcp, false),
            ("0.0.0.0:9443 ssl", .tls, false), ("0.0.0.0:9053 udp", .udp, false),
            ("0.0.0.0:9000 proxy_protocol", .tcp, true),
            ("0.0.0.0:9443 ssl proxy_protocol", .tls, true),
        ]
    )
    func streamListeners(text: String, kind: StreamListener.Kind, isProxyProtocol: Bool) throws {
        let listener = try #require(StreamListener(text))

        #expect(listener.kind == kind)
        #expect(listener.address.isProxyProtocol == isProxyProtocol)
        #expect(listener.description == text)
    }

    @Test(
        "refuses stream listeners that cannot be",
        arguments: ["0.0.0.0:1 udp ssl", "0.0.0.0:1 udp proxy_protocol", "0.0.0.0:1 http2", "udp"]
    )
    func badStreamListeners(text: String) {
        #expect(StreamListener(text) == nil)
    }

    @Test(
        "reads places for the access log and shows them in the same form",
        arguments: [
            "-", "/var/log/access.log",
            "syslog:server=192.0.2.1:514,facility=local7,severity=info,tag=meshgate",
            "syslog:server=unix:/dev/log,facility=daemon,severity=debug,tag=a_1",
        ]
    )
    func sinks(text: String) {
        #expect(AccessLogSink(text)?.description == text)
    }

    @Test("fills in nginx's defaults of syslog")
    func syslogDefaults() throws {
        let target = try #require(SyslogTarget("server=192.0.2.1"))

        #expect(target.server == .udp(Endpoint(address: .v4(0xC000_0201), port: 514)))
        #expect(target.priority == 190)
    }

    @Test(
        "refuses syslog targets that say something else",
        arguments: [
            "", "server=", "server=unix:", "facility=local7", "server=192.0.2.1,facility=local8",
            "server=192.0.2.1,severity=loud", "server=192.0.2.1,tag=a b", "server=192.0.2.1,x=y",
            "server=192.0.2.1,server=192.0.2.2",
        ]
    )
    func badSyslog(text: String) {
        #expect(AccessLogSink("syslog:\(text)") == nil)
    }

    @Test("believes only trusted peers")
    func trust() throws {
        var rule = RealAddressRule()
        #expect(!rule.trusts(.v4(0x0A00_0001)))

        rule.trusted = [try #require(AddressBlock("10.0.0.0/8"))]
        #expect(rule.trusts(.v4(0x0A00_0001)))
        #expect(!rule.trusts(.v4(0x0B00_0001)))
    }

    @Test("shows no key of a certificate")
    func secrets() {
        let pair = CertificateText(certificate: "cert", key: "secret")
        var text = ""
        dump(pair, to: &text)

        #expect(!"\(pair) \(String(reflecting: pair)) \(text)".contains("secret"))
    }
}
