import MeshEntities

/// The settings that Kong's plugins for limits share.
struct RateLimitFields {
    private static let subjects = ["consumer", "credential", "ip", "service", "header", "path"]

    /// What a Redis is reached by; read for mistakes only as long as no policy uses it.
    static let redis = FieldSchema(
        "redis",
        .record([
            FieldSchema("host", .string),
            .standard("port", .integer, .integer(6_379), in: 0...65_535),
            .standard("timeout", .integer, .integer(2_000), in: 0...2_147_483_646),
            .secret("username"), .secret("password"),
            .standard("database", .integer, .integer(0)),
            .standard("ssl", .boolean, .bool(false)),
            .standard("ssl_verify", .boolean, .bool(false)),
            FieldSchema("server_name", .string),
        ])
    )

    /// The names that those settings had before Kong 3.8.
    static let flatRedis: [FieldSchema] = [
        FieldSchema("redis_host", .string), FieldSchema("redis_port", .integer),
        .secret("redis_password"), .secret("redis_username"),
        FieldSchema("redis_ssl", .boolean), FieldSchema("redis_ssl_verify", .boolean),
        FieldSchema("redis_server_name", .string), FieldSchema("redis_timeout", .integer),
        FieldSchema("redis_database", .integer),
    ]

    static let fields: [FieldSchema] =
        LimitPeriod.allCases.map { FieldSchema($0.name, .number) } + [
            .choice("limit_by", Self.subjects, "consumer"),
            FieldSchema("header_name", .string),
            FieldSchema("path", .string),
            .choice("policy", ["local", "cluster", "redis"], "local"),
            .standard("fault_tolerant", .boolean, .bool(true)),
            Self.redis,
            .standard("hide_client_headers", .boolean, .bool(false)),
            .standard("error_code", .number, .integer(429)),
            .standard("error_message", .string, .string("API rate limit exceeded")),
            .standard("sync_rate", .number, .integer(-1)),
        ] + Self.flatRedis

    private let settings: PluginSettings

    init(_ settings: PluginSettings) { self.settings = settings }

    /// The limits by period, at least one, the longer never below the shorter; `name` is what they are
    /// called beside other ones.
    func limits(of name: String? = nil) throws(PluginError) -> [RateLimiting.Limit] {
        var limits: [(period: LimitPeriod, limit: Double)] = []
        for period in LimitPeriod.allCases {
            guard let limit = try self.settings.positive(period.name) else { continue }
            if let shorter = limits.first(where: { $0.limit > limit }) {
                throw PluginError(
                    self.settings.plugin,
                    field: self.settings.path,
                    "\(name == nil ? "The" : "the") limit for \(period.name)(\(Self.tenths(limit))) cannot be lower than the "
                        + "limit for \(shorter.period.name)(\(Self.tenths(shorter.limit)))"
                )
            }
            limits.append((period, limit))
        }
        guard !limits.isEmpty else {
            guard name != nil else {
                throw self.settings.missingAll(of: LimitPeriod.allCases.map(\.name))
            }
            let names = LimitPeriod.allCases.map { "'\($0.name)'" }.joined(separator: ", ")
            throw PluginError(
                self.settings.plugin,
                field: self.settings.path,
                "at least one of these fields must be non-empty: \(names)"
            )
        }
        return limits.map { RateLimiting.Limit($0.period, $0.limit) }
    }

    /// A number with one digit behind the point, as `%.1f`.
    static func tenths(_ number: Double) -> String {
        let tenths = Int64((min(number, 1e15) * 10).rounded(.toNearestOrEven))
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// What is counted.
    func subject() throws(PluginError) -> LimitSubject {
        switch try self.settings.text("limit_by") {
        case "ip": return .address
        case "credential": return .credential
        case "service": return .service
        case "header":
            guard let name = try self.settings.text("header_name"), FieldText.isName(name) else {
                throw self.settings.error("header_name", "required field missing")
            }
            return .header(Array(name.lowercased().utf8))
        case "path":
            guard let path = try self.settings.text("path") else {
                throw self.settings.error("path", "required field missing")
            }
            guard path.hasPrefix("/") else {
                throw self.settings.error("path", "should start with: /")
            }
            return .path(Array(path.utf8))
        default: return .consumer
        }
    }

    /// Refuses a policy that would not be obeyed.
    func checkPolicy() throws(PluginError) {
        let policy = try self.settings.text("policy") ?? "local"
        let rate = try self.settings.number("sync_rate") ?? -1
        if rate != -1, policy != "redis" {
            throw self.settings.ruleError("sync_rate can only be used with the redis policy")
        }
        guard policy == "local" else {
            throw self.settings.error(
                "policy",
                "policy '\(policy)' is not built yet; use 'local', which counts on each node by "
                    + "itself, with the limit divided by the number of nodes"
            )
        }
    }
}
