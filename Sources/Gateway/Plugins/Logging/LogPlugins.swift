import MeshEntities

/// Kong's `file-log`: a line of JSON per request at the end of a file.
enum FileLog {
    static let definition = PluginDefinition(
        name: "file-log",
        priority: 9,
        fields: [
            .required("path", .string), .standard("reopen", .boolean, .bool(false)),
            LogFields.customFields,
        ],
        takesStreams: true
    ) { settings throws(PluginError) in
        let path = try settings.text("path") ?? ""
        guard !path.isEmpty, path.utf8.allSatisfy({ !"*&%`".utf8.contains($0) && $0 != 0 }) else {
            throw settings.error("path", "not a valid filename")
        }
        let reopens = try settings.flag("reopen") ?? false
        return try LogFields(settings).step(.file(path: path, reopens: reopens))
    }
}

/// Kong's `udp-log`: a datagram of JSON per request.
enum UDPLog {
    static let definition = PluginDefinition(
        name: "udp-log",
        priority: 8,
        fields: [
            .required("host", .string), .required("port", .integer),
            .standard("timeout", .number, .integer(10_000)), LogFields.customFields,
        ],
        takesStreams: true
    ) { settings throws(PluginError) in
        let fields = LogFields(settings)
        return try fields.step(.udp(host: try fields.host(), port: try fields.port()))
    }
}

/// Kong's `tcp-log`: a line of JSON per request over a connection.
enum TCPLog {
    static let definition = PluginDefinition(
        name: "tcp-log",
        priority: 7,
        fields: [
            .required("host", .string), .required("port", .integer),
            .standard("timeout", .number, .integer(10_000)),
            .standard("keepalive", .number, .integer(60_000)),
            .standard("tls", .boolean, .bool(false)), FieldSchema("tls_sni", .string),
            LogFields.customFields,
        ],
        takesStreams: true
    ) { settings throws(PluginError) in
        let fields = LogFields(settings)
        let isSecure = try settings.flag("tls") ?? false
        let host = try fields.host()
        let name = try settings.text("tls_sni") ?? host
        return try fields.step(
            .tcp(
                host: try fields.host(),
                port: try fields.port(),
                security: isSecure ? LogSecurity(name: name) : nil,
                milliseconds: try fields.timeout()
            )
        )
    }
}

/// Kong's `syslog`: a message of JSON per request to the local daemon.
enum SyslogLog {
    private static let severities = [
        "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
    ]
    static let shown = [
        "debug", "info", "notice", "warning", "err", "crit", "alert", "emerg",
    ]
    private static let facilities: KeyValuePairs<String, Int> = [
        "auth": 4, "authpriv": 10, "cron": 9, "daemon": 3, "ftp": 11, "kern": 0, "lpr": 6,
        "mail": 2, "news": 7, "syslog": 5, "user": 1, "uucp": 8, "local0": 16, "local1": 17,
        "local2": 18, "local3": 19, "local4": 20, "local5": 21, "local6": 22, "local7": 23,
    ]

    static let definition = PluginDefinition(
        name: "syslog",
        priority: 4,
        fields: [
            "log_level", "successful_severity", "client_errors_severity", "server_errors_severity",
        ]
        .map { .choice($0, SyslogLog.shown, "info") } + [
            .choice("facility", SyslogLog.facilities.map(\.key), "user"),
            LogFields.customFields,
        ],
        takesStreams: true
    ) { settings throws(PluginError) in
        let facility = try settings.text("facility")
        let number = SyslogLog.facilities.first { $0.key == facility }?.value ?? 1
        return try LogFields(settings).step(
            .syslog(try SyslogLog.rules(settings, facility: number))
        )
    }

    /// What is told with which severity.
    static func rules(
        _ settings: PluginSettings,
        facility: Int
    ) throws(PluginError) -> SyslogRules {
        SyslogRules(
            facility: facility * 8,
            level: try Self.severity("log_level", settings),
            successful: try Self.severity("successful_severity", settings),
            clientErrors: try Self.severity("client_errors_severity", settings),
            serverErrors: try Self.severity("server_errors_severity", settings)
        )
    }

    private static func severity(
        _ name: String,
        _ settings: PluginSettings
    ) throws(PluginError) -> Int {
        let text = try settings.text(name) ?? "info"
        return Self.severities.firstIndex(of: text) ?? 6
    }
}
