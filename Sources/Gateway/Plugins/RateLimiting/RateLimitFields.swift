import MeshEntities

/// The settings that Kong's plugins for limits share.
struct RateLimitFields {
    private static let subjects = ["consumer", "credential", "ip", "service", "header", "path"]

    /// What a Redis is reached by.
    static let redis = FieldSchema(
        "redis",
        .record([
            FieldSchema("host", .string),
            .standard("port", .integer, .integer(6_379), in: 0...65_535),
            .standard("timeout", .integer, .integer(2_000), in: 0...2_147_483_646),
            .secret("username"), Self.password("password"),
            .standard("database", .integer, .integer(0)),
            .standard("ssl", .boolean, .bool(false)),
            .standard("ssl_verify", .boolean, .bool(false)),
            FieldSchema("server_name", .string),
        ])
    )

    /// A password, which may be empty.
    private static func password(_ name: String) -> FieldSchema {
        var field = FieldSchema.secret(name)
        field.takesEmpty = true
        return field
    }

    /// The names that those settings had before Kong 3.8.
    static let flatRedis: [FieldSchema] = [
        FieldSchema("redis_host", .string), FieldSchema("redis_port", .integer),
        Self.password("redis_password"), .secret("redis_username"),
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
                throw self.settings.error(
                    "header_name",
                    "required field missing",
                    given: "limit_by"
                )
            }
            return .header(Array(name.lowercased().utf8))
        case "path":
            guard let path = try self.settings.text("path") else {
                throw self.settings.error("path", "required field missing", given: "limit_by")
            }
            guard path.hasPrefix("/") else {
                throw self.settings.error("path", "should start with: /")
            }
            return .path(Array(path.utf8))
        default: return .consumer
        }
    }

    /// Where is counted.
    func policy() throws(PluginError) -> LimitPolicy {
        let policy = try self.settings.text("policy") ?? "local"
        let rate = try self.settings.number("sync_rate") ?? -1
        if rate != -1 {
            guard policy == "redis" else {
                throw self.settings.ruleError("sync_rate can only be used with the redis policy")
            }
            guard rate >= 0.02 else {
                throw self.settings.ruleError(
                    "sync_rate must be greater than 0.02, or -1 to disable"
                )
            }
        }
        let target = try self.target()
        guard policy == "redis" else { return policy == "cluster" ? .cluster : .local }
        guard let target else {
            throw self.settings.ruleError(
                "must set one of 'config.redis.host', 'config.redis_host' when 'policy' is 'redis'"
            )
        }
        // A day is more than any window that is worth it.
        return .redis(target, rate < 0 ? nil : Int64(min(rate, 86_400) * 1_000))
    }

    /// The Redis that is named, by the names of today or of old; nil when none is.
    private func target() throws(PluginError) -> RedisTarget? {
        let redis = self.settings.record("redis")
        for (old, new) in Self.oldNames {
            guard let former = self.settings.record[old], !former.isNull,
                let given = redis.record[new], !given.isNull, given != former
            else { continue }
            throw self.settings.error(
                old,
                "both deprecated and new field are used but their values mismatch: "
                    + "\(old) = \(Self.shown(former, old)) vs "
                    + "redis.\(new) = \(Self.shown(given, old))"
            )
        }
        let value = { (name: String) -> DocumentValue? in
            if let given = redis.record[name], !given.isNull { return given }
            if let former = self.settings.record["redis_\(name)"], !former.isNull { return former }
            return redis.value(name)
        }
        let number = { (name: String) -> Int64 in
            if case .integer(let number) = value(name) { number } else { 0 }
        }
        let flag = { (name: String) -> Bool in
            if case .bool(let flag) = value(name) { flag } else { false }
        }
        let text = { (name: String) -> String? in
            value(name)?.text.flatMap { $0.isEmpty ? nil : $0 }
        }
        guard let host = text("host") else { return nil }
        guard let port = UInt16(exactly: number("port")), port > 0 else {
            throw redis.error("port", "value should be between 1 and 65535")
        }
        guard (0...100_000).contains(number("database")) else {
            throw redis.error("database", "value should be between 0 and 100000")
        }
        return RedisTarget(
            host: host,
            port: port,
            milliseconds: max(1, min(number("timeout"), 60_000)),
            username: text("username"),
            password: text("password"),
            database: Int(number("database")),
            isSecure: flag("ssl"),
            verifies: flag("ssl_verify"),
            serverName: text("server_name")
        )
    }

    private static let oldNames = [
        "host", "port", "username", "password", "database", "timeout", "ssl", "ssl_verify",
        "server_name",
    ].map { ("redis_\($0)", $0) }

    /// A value as a message shows it; secrets are not shown.
    private static func shown(_ value: DocumentValue, _ name: String) -> String {
        name == "redis_password" || name == "redis_username" ? "***" : value.text ?? value.json
    }
}

/// Where requests are counted.
enum LimitPolicy: Sendable {
    /// On each node by itself.
    case local
    /// On all nodes together.
    case cluster
    /// At a Redis: for every request, or every so many milliseconds.
    case redis(RedisTarget, Int64?)
}
