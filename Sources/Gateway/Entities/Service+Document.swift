extension Service: GatewayEntity {
    /// `services`.
    public static let kind = EntityKind.services

    /// The name.
    public var naturalKey: String? { self.name }

    /// Every field that Kong has, and `retry`.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "name": DocumentValue(self.name),
            "retries": DocumentValue(self.retries),
            "protocol": .string(self.protocol.rawValue),
            "host": .string(self.host),
            "port": DocumentValue(self.port),
            "path": DocumentValue(self.path),
            "connect_timeout": DocumentValue(self.connectTimeout),
            "write_timeout": DocumentValue(self.writeTimeout),
            "read_timeout": DocumentValue(self.readTimeout),
            "tags": .texts(self.tags),
            "client_certificate": .reference(self.clientCertificate),
            "tls_verify": DocumentValue(self.tlsVerify),
            "tls_verify_depth": DocumentValue(self.tlsVerifyDepth),
            "ca_certificates": .texts(self.caCertificates.map(\.description)),
            "enabled": DocumentValue(self.enabled),
            "retry": self.retry.document,
            "created_at": DocumentValue(self.createdAt),
            "updated_at": DocumentValue(self.updatedAt),
        ])
    }

    /// Reads a service; the shorthand `url` wins over the four fields it stands for.
    public init(reading reader: inout RecordReader) {
        let milliseconds = 1...2_147_483_646
        self.id = reader.identifier("id")
        self.name = reader.name("name")
        self.host = ""
        self.retries = reader.integer("retries", in: 0...32_767) ?? 5
        if let url = reader.value("url") {
            self.readURL(url, &reader)
        } else {
            self.protocol = reader.choice("protocol") ?? .http
            self.host = reader.requiredString("host", check: TextRule.host)
            self.port = reader.integer("port", in: 0...65_535) ?? 80
            self.path = reader.string("path", check: PathRule.servicePath)
        }
        self.connectTimeout = reader.integer("connect_timeout", in: milliseconds) ?? 60_000
        self.writeTimeout = reader.integer("write_timeout", in: milliseconds) ?? 60_000
        self.readTimeout = reader.integer("read_timeout", in: milliseconds) ?? 60_000
        self.tags = reader.tags()
        self.clientCertificate = reader.reference("client_certificate")
        self.tlsVerify = reader.bool("tls_verify")
        self.tlsVerifyDepth = reader.integer("tls_verify_depth", in: 0...64)
        self.caCertificates = reader.identifiers("ca_certificates")
        self.enabled = reader.bool("enabled") ?? true
        self.retry = RetryRules.read(&reader) ?? RetryRules()
        self.createdAt = reader.seconds("created_at")
        self.updatedAt = reader.seconds("updated_at")
        self.checkTogether(&reader)
    }

    private mutating func readURL(_ node: DocumentNode, _ reader: inout RecordReader) {
        for covered in ["protocol", "host", "port", "path"] { _ = reader.value(covered) }
        guard case .string(let text) = node.value else {
            reader.fail("url", "expected a string")
            return
        }
        guard let url = ServiceURL(text) else {
            reader.fail("url", "invalid url: '\(text)'")
            return
        }
        if let known = GatewayProtocol(rawValue: url.scheme) {
            self.protocol = known
        } else {
            let known = GatewayProtocol.allCases.map(\.rawValue).joined(separator: ", ")
            reader.fail("protocol", "expected one of: \(known)")
        }
        self.host = url.host
        self.port = url.port
        self.path = url.path
        if let message = TextRule.host(url.host) { reader.fail("host", message) }
        if let message = url.path.flatMap(PathRule.servicePath) { reader.fail("path", message) }
    }

    private func checkTogether(_ reader: inout RecordReader) {
        switch self.protocol {
        case .http, .https, .ws, .wss: break
        case .grpc, .grpcs, .tcp, .tls, .tlsPassthrough, .udp:
            if self.path != nil {
                reader.failEntity("failed conditional validation given value of field 'protocol'")
                reader.fail("path", "value must be null")
            }
        }
        // As in Kong, gRPC over TLS is not among them.
        guard ![.https, .tls, .wss].contains(self.protocol) else { return }
        let set = [
            "client_certificate": self.clientCertificate != nil,
            "tls_verify": self.tlsVerify != nil,
            "tls_verify_depth": self.tlsVerifyDepth != nil,
            "ca_certificates": !self.caCertificates.isEmpty,
        ]
        let wrong = set.filter(\.value).keys.sorted()
        guard !wrong.isEmpty else { return }
        reader.failEntity("failed conditional validation given value of field 'protocol'")
        for name in wrong { reader.fail(name, "value must be null") }
    }
}

/// The shorthand `url` of a service, split with Kong's defaults.
struct ServiceURL {
    let scheme: String
    let host: String
    let port: Int
    let path: String?

    /// Splits `[scheme://]host[:port][/path]`; `nil` when it has no host or a bad port.
    init?(_ text: String) {
        var rest = text[...]
        var scheme: String?
        if let mark = rest.firstRange(of: "://") {
            scheme = rest[..<mark.lowerBound].lowercased()
            rest = rest[mark.upperBound...]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<slash]
        let tail = rest[slash...].prefix { $0 != "?" && $0 != "#" }
        guard let split = HostText(String(authority)) else { return nil }
        self.scheme = scheme ?? (split.port == 443 ? "https" : "http")
        self.host = split.host
        self.port = split.port ?? (["https", "wss"].contains(self.scheme) ? 443 : 80)
        self.path = tail.isEmpty ? nil : String(tail)
    }
}
