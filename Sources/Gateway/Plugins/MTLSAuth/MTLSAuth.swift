import MeshEntities
import MeshHTTP

/// Kong Enterprise's `mtls-auth`: the certificate of a client's TLS handshake says who sends a request.
///
/// The handshake takes any certificate; here it is checked against the plugin's authorities, as a
/// certificate for clients (RFC 5280 section 4.2.1.12), and ``RevocationCheck`` asks whether it was
/// revoked.
///
/// Source: Kong Enterprise 3.9, documentation of `mtls-auth`.
struct MTLSAuth: Sendable {
    static let name = "mtls-auth"

    static let definition = PluginDefinition(
        name: MTLSAuth.name,
        priority: 1_600,
        fields: MTLSAuth.fields,
        authenticates: true,
        takesConsumers: false,
        compile: { settings throws(PluginError) in
            let plugin = try MTLSAuth(settings)
            return PluginStep(access: { request, state, edits in
                plugin.access(request, &state, &edits)
            })
        }
    )

    static let fields: [FieldSchema] = [
        AuthenticationRules.anonymousField,
        .required("ca_certificates", .array(.string)),
        .standard("skip_consumer_lookup", .boolean, .bool(false)),
        .choices(
            "consumer_by",
            ["username", "custom_id"],
            standard: ["username", "custom_id"]
        ),
        FieldSchema("default_consumer", .string),
        .standard("allow_partial_chain", .boolean, .bool(false)),
        .choice("authenticated_group_by", ["CN", "DN"], "CN"),
        .standard("cache_ttl", .number, .integer(60)),
        .standard("send_ca_dn", .boolean, .bool(false)),
        .choice(
            "revocation_check_mode",
            ["SKIP", "IGNORE_CA_ERROR", "STRICT"],
            "IGNORE_CA_ERROR"
        ),
        .standard("http_timeout", .number, .integer(30_000)),
        .standard("cert_cache_ttl", .number, .integer(60_000)),
        FieldSchema("http_proxy_host", .string), FieldSchema("http_proxy_port", .integer),
        FieldSchema("https_proxy_host", .string), FieldSchema("https_proxy_port", .integer),
        .standard("ssl_verify", .boolean, .bool(false)),
    ]

    private static let missing = PluginAnswer(
        status: 401,
        error: "No required TLS certificate was sent"
    )
    private static let bad = PluginAnswer(
        status: 401,
        error: "TLS certificate failed verification"
    )
    private static let busy = PluginAnswer(status: 503, error: "Service unavailable")

    private let rules: AuthenticationRules
    private let verifier: ChainVerifier
    private let revocation: RevocationCheck?
    private let looksUp: Bool
    private let byUsername: Bool
    private let byCustomID: Bool
    private let standard: String?
    private let group: PluginIdentity.CertificateGroup

    private init(_ settings: PluginSettings) throws(PluginError) {
        self.rules = try AuthenticationRules(settings)
        let authorities = try Self.authorities(settings)
        let seconds = try settings.number("cache_ttl") ?? 60
        guard (0...31_536_000).contains(seconds) else {
            throw settings.error("cache_ttl", "value should be between 0 and 31536000")
        }
        self.verifier = ChainVerifier(
            authorities,
            takesPartialChains: try settings.flag("allow_partial_chain") ?? false,
            milliseconds: UInt64(seconds * 1_000),
            instance: settings.memoryID
        )
        self.looksUp = try settings.flag("skip_consumer_lookup") != true
        let fields = try settings.texts("consumer_by") ?? []
        self.byUsername = fields.contains("username")
        self.byCustomID = fields.contains("custom_id")
        self.standard = try settings.text("default_consumer").flatMap { $0.isEmpty ? nil : $0 }
        self.group = try settings.text("authenticated_group_by") == "DN" ? .subject : .commonName
        self.revocation = try RevocationCheck(settings)
        for name in ["http_proxy", "https_proxy"] {
            let isGiven =
                settings.value("\(name)_host") != nil || settings.value("\(name)_port") != nil
            guard !isGiven else {
                throw settings.error("\(name)_host", "asking by a proxy is not built yet")
            }
        }
    }

    /// The authorities that the settings name.
    static func authorities(_ settings: PluginSettings) throws(PluginError) -> [EntityID] {
        let names = try settings.texts("ca_certificates") ?? []
        guard !names.isEmpty else {
            throw settings.error("ca_certificates", "length must be at least 1")
        }
        var ids: [EntityID] = []
        for (index, name) in names.enumerated() {
            guard let id = EntityID(name) else {
                throw settings.error("ca_certificates", at: index, "expected a valid UUID")
            }
            ids.append(id)
        }
        return ids
    }

    private func access(
        _ request: PluginRequest,
        _ state: inout PluginState,
        _ edits: inout PluginEdits
    ) -> PluginVerdict {
        let note = state.note
        let verdict = self.rules.access(request, &state, &edits) {
            self.authenticate($0, note: note, &$1)
        }
        if case .next = verdict, state.identity.isVouched { state.identity.group = self.group }
        return verdict
    }

    private func authenticate(
        _ request: PluginRequest,
        note: UInt64,
        _ edits: inout PluginEdits
    ) -> AuthenticationRules.Outcome {
        guard let peer = PeerCertificate(request.secured) else { return .refused(Self.missing) }
        let table = request.consumers.authorities
        let authority: EntityID
        let now = request.wallMilliseconds
        switch self.verifier.verify(peer, table, request.shared, at: now) {
        case .bad: return .refused(Self.bad)
        case .undecided: return .undecided(AuthenticationRules.unexpected)
        case .good(let id): authority = id
        }
        let revocation = self.revocation?.look(peer, request, note: note) {
            self.verifier.issuer(of: peer, table)
        }
        switch revocation {
        case .fails: return .refused(Self.bad)
        case .isAsked(let limit): return .suspended(milliseconds: limit, status: 503)
        case .isUndecided: return .undecided(Self.busy)
        case .passes, nil: break
        }
        let names = peer.names
        guard self.looksUp else {
            self.tell(peer, names, &edits)
            return .vouched(identifier: nil)
        }
        guard let consumer = self.consumer(names, authority, request.consumers) else {
            return .refused(Self.bad)
        }
        return .recognized(consumer: consumer)
    }

    private func consumer(
        _ names: [String],
        _ authority: EntityID,
        _ consumers: ConsumerDirectory
    ) -> EntityID? {
        for name in names {
            if let found = consumers.certificates.owner(of: name, authority) { return found }
        }
        for name in names {
            if self.byUsername, let place = consumers.place(username: name) {
                return consumers[place]?.id
            }
            if self.byCustomID, let place = consumers.place(customID: name) {
                return consumers[place]?.id
            }
        }
        return self.standard.flatMap { consumers.place(named: $0) }.flatMap { consumers[$0]?.id }
    }

    /// Tells the target of a certificate that stands for no consumer.
    private func tell(_ peer: PeerCertificate, _ names: [String], _ edits: inout PluginEdits) {
        edits.drop("x-client-cert-dn")
        edits.drop("x-client-cert-san")
        let subject = peer.subject
        if FieldText.isValue(subject) {
            edits.lines.write("X-Client-Cert-DN: ")
            Self.write(subject, &edits)
            edits.lines.write("\r\n")
        }
        let told = names.filter { FieldText.isValue($0) }.joined(separator: ",")
        guard !told.isEmpty else { return }
        edits.lines.write("X-Client-Cert-SAN: ")
        Self.write(told, &edits)
        edits.lines.write("\r\n")
    }

    private static func write(_ text: String, _ edits: inout PluginEdits) {
        var text = text
        text.withUTF8 { edits.lines.write(UnsafeRawBufferPointer($0)) }
    }
}
