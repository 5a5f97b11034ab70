extension EntityKind {
    /// The fields of an entity of this kind, in Kong's order.
    public var fields: [FieldSchema] {
        switch self {
        case .services: Self.serviceFields
        case .routes: Self.routeFields
        case .upstreams: Self.upstreamFields
        case .targets: Self.targetFields
        case .plugins: Self.pluginFields
        case .consumers: Self.consumerFields
        case .consumerGroups: Self.groupFields
        case .groupMembers: Self.memberFields
        case .keyCredentials: Self.keyFields
        case .basicCredentials: Self.passwordFields
        case .jwtSecrets: Self.tokenFields
        case .hmacCredentials: Self.signatureFields
        case .certificateCredentials: Self.certificateNameFields
        case .aclGroups: Self.accessFields
        case .certificates: Self.certificateFields
        case .snis: Self.serverNameFields
        case .caCertificates: Self.authorityFields
        case .vaults: Self.vaultFields
        case .keySets: Self.setFields
        case .keys: Self.publicKeyFields
        }
    }

    static let id = FieldSchema.automatic("id", .string)
    static let tags = FieldSchema("tags", .set(.string))
    static let times = [
        FieldSchema.automatic("created_at", .integer),
        FieldSchema.automatic("updated_at", .integer),
    ]
    private static let protocols = GatewayProtocol.allCases.map(\.rawValue)

    private static func protocolSet(_ standard: [String]) -> FieldSchema {
        var field = FieldSchema.standard(
            "protocols",
            .set(.string),
            .list(standard.map { .string($0) })
        )
        field.choices = Self.protocols
        return field
    }

    private static let milliseconds = 1.0...2_147_483_646.0
    private static let serviceFields: [FieldSchema] =
        [
            id, .unique("name"),
            .standard("retries", .integer, .integer(5), in: 0...32_767),
            .choice("protocol", protocols, "http"),
            .required("host", .string),
            .standard("port", .integer, .integer(80), in: 0...65_535),
            FieldSchema("path", .string),
            .standard("connect_timeout", .integer, .integer(60_000), in: milliseconds),
            .standard("write_timeout", .integer, .integer(60_000), in: milliseconds),
            .standard("read_timeout", .integer, .integer(60_000), in: milliseconds),
            tags, FieldSchema("client_certificate", .foreign(.certificates)),
            FieldSchema("tls_verify", .boolean), FieldSchema("tls_verify_depth", .integer),
            FieldSchema("ca_certificates", .array(.string)),
            .standard("enabled", .boolean, .bool(true)),
            FieldSchema("retry", .record(RetryRules.schema)),
        ] + times

    private static let peer = FieldSchema.Shape.set(
        .record([FieldSchema("ip", .string), FieldSchema("port", .integer)])
    )
    private static let redirects = FieldSchema.standard(
        "https_redirect_status_code",
        .integer,
        .integer(426)
    )
    private static let routeFields: [FieldSchema] =
        [
            id, .unique("name"), protocolSet(["http", "https"]),
            FieldSchema("methods", .set(.string)), FieldSchema("hosts", .array(.string)),
            FieldSchema("paths", .array(.string)),
            FieldSchema("headers", .map(.array(.string))), FieldSchema("snis", .set(.string)),
            FieldSchema("sources", peer), FieldSchema("destinations", peer), redirects,
            .standard("strip_path", .boolean, .bool(true)),
            .standard("preserve_host", .boolean, .bool(false)),
            .standard("request_buffering", .boolean, .bool(true)),
            .standard("response_buffering", .boolean, .bool(true)),
            .standard("regex_priority", .integer, .integer(0)),
            .choice("path_handling", ["v0", "v1"], "v0"),
            FieldSchema("service", .foreign(.services)),
            FieldSchema("retry", .record(RetryRules.schema)),
            .standard("urgency", .integer, .integer(3), in: 0...7),
            FieldSchema("urgency_header", .string), tags,
        ] + times

    private static let hashInputs = Upstream.HashInput.allCases.map(\.rawValue)
    private static let upstreamFields: [FieldSchema] =
        [
            id, .unique("name", isRequired: true),
            .choice("algorithm", Upstream.Algorithm.allCases.map(\.rawValue), "round-robin"),
            .choice("hash_on", hashInputs, "none"), .choice("hash_fallback", hashInputs, "none"),
            FieldSchema("hash_on_header", .string), FieldSchema("hash_fallback_header", .string),
            FieldSchema("hash_on_cookie", .string),
            .standard("hash_on_cookie_path", .string, .string("/")),
            FieldSchema("hash_on_query_arg", .string),
            FieldSchema("hash_fallback_query_arg", .string),
            FieldSchema("hash_on_uri_capture", .string),
            FieldSchema("hash_fallback_uri_capture", .string),
            FieldSchema("sticky_sessions_cookie", .string),
            .standard("sticky_sessions_cookie_path", .string, .string("/")),
            .standard("slots", .integer, .integer(10_000), in: 10...65_536),
            FieldSchema("healthchecks", .record(healthcheckFields)),
            FieldSchema("host_header", .string),
            FieldSchema("client_certificate", .foreign(.certificates)),
            .standard("use_srv_name", .boolean, .bool(false)), tags,
            FieldSchema(
                "regions",
                .record([
                    .standard("order", .set(.string), .list([])),
                    .standard("hold", .number, .integer(60), in: 0...86_400),
                    .standard("ramp", .number, .integer(100), in: 0...86_400),
                    .choice("spill", Upstream.RegionPolicy.Spill.allCases.map(\.rawValue), "load"),
                ])
            ),
            FieldSchema(
                "limits",
                .record([
                    .standard("concurrency", .integer, .integer(0), in: 0...1_000_000),
                    .standard("adaptive", .boolean, .bool(false)),
                    .standard("queue", .integer, .integer(1_000), in: 0...1_000_000),
                    .standard("queue_time", .integer, .integer(50), in: 0...60_000),
                    .standard("load_bound", .number, .integer(0), in: 0...100),
                ])
            ),
            FieldSchema(
                "breaker",
                .record([
                    .standard("failures", .integer, .integer(0), in: 0...65_535),
                    .standard("ratio", .number, .integer(0), in: 0...1),
                    .standard("requests", .integer, .integer(20), in: 1...65_535),
                    .standard("open", .number, .integer(0), in: 0...3_600),
                    .standard("successes", .integer, .integer(3), in: 1...100),
                ])
            ),
        ] + times

    private static let targetFields: [FieldSchema] = [
        id, .required("target", .string),
        .standard("weight", .integer, .integer(100), in: 0...65_535),
        .required("upstream", .foreign(.upstreams)),
        .standard("failover", .boolean, .bool(false)), tags,
        .automatic("created_at", .number), .automatic("updated_at", .number),
    ]

    private static let pluginFields: [FieldSchema] =
        [
            id, .required("name", .string), .unique("instance_name"),
            FieldSchema("route", .foreign(.routes)), FieldSchema("service", .foreign(.services)),
            FieldSchema("consumer", .foreign(.consumers)),
            FieldSchema("consumer_group", .foreign(.consumerGroups)),
            FieldSchema("config", .record([])),
            protocolSet(["grpc", "grpcs", "http", "https"]),
            .standard("enabled", .boolean, .bool(true)), tags,
        ] + times

    private static let consumerFields: [FieldSchema] =
        [id, .unique("username"), .unique("custom_id"), tags] + times

    private static let certificateFields: [FieldSchema] =
        [
            id, .required("cert", .string), .secret("key", isRequired: true),
            FieldSchema("cert_alt", .string), .secret("key_alt"), tags,
        ] + times

    private static let serverNameFields: [FieldSchema] =
        [
            id, .unique("name", isRequired: true),
            .required("certificate", .foreign(.certificates)), tags,
        ] + times

    private static let authorityFields: [FieldSchema] =
        [id, .required("cert", .string), .unique("cert_digest"), tags] + times

    private static let vaultFields: [FieldSchema] =
        [
            id, .unique("prefix", isRequired: true), .required("name", .string),
            FieldSchema("description", .string),
            FieldSchema(
                "config",
                .record([
                    FieldSchema("prefix", .string),
                    .standard("base64_decode", .boolean, .bool(false)),
                ])
            ),
            tags,
        ] + times

    private static let setFields: [FieldSchema] = [id, .unique("name"), tags] + times

    private static let publicKeyFields: [FieldSchema] =
        [
            id, FieldSchema("set", .foreign(.keySets)), .unique("name"),
            .required("kid", .string), .secret("jwk"),
            FieldSchema(
                "pem",
                .record([.secret("private_key"), FieldSchema("public_key", .string)])
            ),
            tags,
        ] + times
}

extension EntityKind {
    private static let statuses = FieldSchema.Shape.array(.integer)

    private static func statuses(_ codes: [Int]) -> FieldSchema {
        .standard("http_statuses", statuses, Healthchecks.statuses(codes))
    }

    private static func count(_ name: String) -> FieldSchema {
        .standard(name, .integer, .integer(0), in: 0...255)
    }

    private static let interval = FieldSchema.standard(
        "interval",
        .number,
        .integer(0),
        in: 0...65_535
    )
    private static let failures = [
        count("tcp_failures"), count("timeouts"), count("http_failures"),
    ]

    fileprivate static let healthcheckFields: [FieldSchema] = {
        let checks = Healthchecks()
        let types = Healthchecks.CheckType.allCases.map(\.rawValue)
        let active = checks.active
        let passive = checks.passive
        return [
            .standard("threshold", .number, .integer(0), in: 0...100),
            FieldSchema(
                "active",
                .record([
                    .choice("type", types, "http"),
                    .standard("timeout", .number, .integer(1), in: 0...65_535),
                    .standard("concurrency", .integer, .integer(10), in: 1...2_147_483_648),
                    .standard("http_path", .string, .string("/")),
                    FieldSchema("https_sni", .string),
                    .standard("https_verify_certificate", .boolean, .bool(true)),
                    FieldSchema("headers", .map(.array(.string))),
                    FieldSchema(
                        "healthy",
                        .record([
                            interval, statuses(active.healthy.httpStatuses), count("successes"),
                        ])
                    ),
                    FieldSchema(
                        "unhealthy",
                        .record(
                            [interval, statuses(active.unhealthy.httpStatuses)] + failures
                        )
                    ),
                ])
            ),
            FieldSchema(
                "passive",
                .record([
                    .choice("type", types, "http"),
                    FieldSchema(
                        "healthy",
                        .record([statuses(passive.healthy.httpStatuses), count("successes")])
                    ),
                    FieldSchema(
                        "unhealthy",
                        .record([statuses(passive.unhealthy.httpStatuses)] + failures)
                    ),
                ])
            ),
        ]
    }()
}
