import MeshEntities

/// Kong's `loggly`: a datagram of syslog with Kong's JSON object per request.
///
/// Source: Kong 3.9, `kong/plugins/loggly`.
enum Loggly {
    static let definition = PluginDefinition(
        name: "loggly",
        priority: 6,
        fields: [
            .standard("host", .string, .string("logs-01.loggly.com")),
            .standard("port", .integer, .integer(514)),
            .secret("key", isRequired: true),
            .standard("tags", .set(.string), .list([.string("kong")])),
            .standard("timeout", .number, .integer(10_000)),
        ]
            + [
                "log_level", "successful_severity", "client_errors_severity",
                "server_errors_severity",
            ]
            .map { .choice($0, SyslogLog.shown, "info") } + [LogFields.customFields],
        takesStreams: true
    ) { settings throws(PluginError) in
        let fields = LogFields(settings)
        let key = try settings.text("key") ?? ""
        let tags = try settings.texts("tags") ?? []
        for text in [key] + tags where !FieldText.isValue(text) || text.contains("]") {
            throw settings.error("tags", "a key and tags have no ']' and no control characters")
        }
        let list = tags.map { " tag=\"\($0)\"" }.joined()
        let format = LogglyFormat(
            rules: try SyslogLog.rules(settings, facility: 1),
            structure: " - - - - [\(key)@41058\(list)] "
        )
        return try fields.step(
            .udp(host: try fields.host(), port: try fields.port()),
            nil,
            .prefixed(format)
        )
    }
}

/// A message of syslog (RFC 5424) as Loggly takes it.
public struct LogglyFormat: Sendable {
    let rules: SyslogRules
    let structure: String

    func entry(_ record: LogRecord) -> [UInt8]? {
        guard let severity = self.rules.severity(of: record.status) else { return nil }
        return Array("<\(self.rules.facility + severity)>1\(self.structure)".utf8) + record.json()
    }
}
