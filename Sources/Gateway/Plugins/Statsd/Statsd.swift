import MeshEntities

/// Kong's `statsd`: numbers of every request, as lines of statsd.
///
/// Source: Kong 3.9, `kong/plugins/statsd`.
enum Statsd {
    private static let element: FieldSchema.Shape = .record([
        .choice("name", StatMetric.Name.allCases.map(\.rawValue), nil),
        .choice("stat_type", StatMetric.types.map(\.key).filter { $0 != "distribution" }, nil),
        FieldSchema("sample_rate", .number),
        .choice("consumer_identifier", StatMetric.Consumer.allCases.map(\.rawValue), nil),
        .choice("service_identifier", StatMetric.Service.allCases.map(\.rawValue), nil),
        .choice("workspace_identifier", ["workspace_id", "workspace_name"], nil),
    ])

    private static let standardMetrics: DocumentValue = .list(
        [
            ("request_count", "counter"), ("latency", "timer"), ("request_size", "counter"),
            ("response_size", "counter"), ("upstream_latency", "timer"),
            ("kong_latency", "timer"), ("status_count", "counter"), ("unique_users", "set"),
            ("request_per_user", "counter"), ("status_count_per_user", "counter"),
            ("status_count_per_workspace", "counter"),
            ("status_count_per_user_per_route", "counter"), ("shdict_usage", "gauge"),
        ]
        .map { name, type in
            var fields = [
                DocumentField("name", .string(name)), DocumentField("stat_type", .string(type)),
            ]
            if type == "counter" || type == "gauge" {
                fields.append(DocumentField("sample_rate", .integer(1)))
            }
            return .object(fields)
        }
    )

    static let definition = PluginDefinition(
        name: "statsd",
        priority: 11,
        fields: [
            .standard("host", .string, .string("localhost")),
            .standard("port", .integer, .integer(8_125)),
            .standard("prefix", .string, .string("kong")),
            .standard("metrics", .array(Statsd.element), Statsd.standardMetrics),
            FieldSchema("allow_status_codes", .array(.string)),
            .standard("udp_packet_size", .number, .integer(0), in: 0...65_507),
            .standard("use_tcp", .boolean, .bool(false)),
            .standard("hostname_in_prefix", .boolean, .bool(false)),
            .choice(
                "consumer_identifier_default",
                StatMetric.Consumer.allCases.map(\.rawValue),
                "custom_id"
            ),
            .choice(
                "service_identifier_default",
                StatMetric.Service.allCases.map(\.rawValue),
                "service_name_or_host"
            ),
            .choice(
                "workspace_identifier_default",
                ["workspace_id", "workspace_name"],
                "workspace_id"
            ),
            .choice("tag_style", StatTags.allCases.map(\.rawValue), nil),
            LogFields.queue,
        ] + LogFields.formerQueue,
        takesStreams: true
    ) { settings throws(PluginError) in
        let fields = LogFields(settings)
        let place = (host: try fields.host(), port: try fields.port())
        let isStream = try settings.flag("use_tcp") ?? false
        return try fields.step(
            isStream
                ? .tcp(host: place.host, port: place.port, security: nil, milliseconds: 1_000)
                : .udp(host: place.host, port: place.port),
            try fields.delivery(),
            .statsd(try StatsdFormat(settings))
        )
    }
}

/// Lines of statsd.
public struct StatsdFormat: Sendable {
    private let prefix: String
    private let metrics: [StatMetric]
    private let statuses: [ClosedRange<UInt16>]
    private let consumer: StatMetric.Consumer
    private let service: StatMetric.Service
    private let tags: StatTags?
    /// Whether the prefix names the node; with tags, one of those does.
    private let namesHost: Bool

    init(_ settings: PluginSettings) throws(PluginError) {
        self.prefix = try settings.text("prefix") ?? "kong"
        self.metrics = try StatMetric.read(settings)
        self.consumer =
            try settings.text("consumer_identifier_default").flatMap(StatMetric.Consumer.init)
            ?? .customID
        self.service =
            try settings.text("service_identifier_default").flatMap(StatMetric.Service.init)
            ?? .nameOrHost
        self.tags = try settings.text("tag_style").flatMap(StatTags.init)
        let namesHost = try settings.flag("hostname_in_prefix") ?? false
        self.namesHost = namesHost && self.tags == nil
        var statuses: [ClosedRange<UInt16>] = []
        for (index, text) in (try settings.texts("allow_status_codes") ?? []).enumerated() {
            let sides = text.split(separator: "-").compactMap { UInt16($0) }
            guard sides.count == 2, sides[0] <= sides[1] else {
                throw settings.error(
                    "allow_status_codes",
                    at: index,
                    "invalid value: \(text)"
                )
            }
            statuses.append(sides[0]...sides[1])
        }
        self.statuses = statuses
    }

    /// All lines of a request; nil when its status is not told.
    func entry(_ record: LogRecord) -> [UInt8]? {
        guard self.statuses.isEmpty || self.statuses.contains(where: { $0 ~= record.status })
        else { return nil }
        let host = self.namesHost ? ".node.\(StatMetric.part(record.machine))" : ""
        var lines: [String] = []
        for (index, metric) in self.metrics.enumerated() where metric.isTold(record, index) {
            let line =
                self.tags.map { self.line(metric, record, $0) } ?? self.line(metric, record)
            if let line { lines.append("\(self.prefix)\(host).\(line)") }
        }
        return lines.isEmpty ? nil : Array(lines.joined(separator: "\n").utf8)
    }

    /// As Kong: what has a user or a status in its name is not told with tags, and what belongs to no
    /// service has none.
    private func line(
        _ metric: StatMetric,
        _ record: LogRecord,
        _ style: StatTags
    ) -> String? {
        guard let ending = metric.name.ending, let value = metric.name.value(record) else {
            return nil
        }
        var tags: [(name: String, value: String)] = []
        if let service = (metric.service ?? self.service).name(of: record.names) {
            let (route, id) = (record.names.route, record.names.routeID)
            tags = [
                ("service", service), ("route", route.isEmpty ? id : route),
                ("workspace", "default"),
                ("consumer", (metric.consumer ?? self.consumer).name(of: record.consumer) ?? ""),
                ("node", StatMetric.part(record.machine)), ("status", "\(record.status)"),
            ]
        }
        return style.line(metric, ending, value, tags.filter { !$0.value.isEmpty })
    }

    private func line(_ metric: StatMetric, _ record: LogRecord) -> String? {
        let service = (metric.service ?? self.service).name(of: record.names)
        let scope =
            record.names.serviceID.isEmpty
            ? "global.unmatched" : "service.\(StatMetric.part(service ?? "unnamed"))"
        if let ending = metric.name.ending {
            return metric.name.value(record).map { metric.line("\(scope).\(ending)", "\($0)") }
        }
        let user = (metric.consumer ?? self.consumer).name(of: record.consumer)
            .map(StatMetric.part)
        switch metric.name {
        case .statusCount: return metric.line("\(scope).status.\(record.status)", "1")
        case .statusCountPerWorkspace:
            return metric.line("\(scope).workspace.default.status.\(record.status)", "1")
        case .uniqueUsers: return user.map { metric.line("\(scope).user.uniques", $0) }
        case .requestPerUser:
            return user.map { metric.line("\(scope).user.\($0).request.count", "1") }
        case .statusCountPerUser:
            return user.map { metric.line("\(scope).user.\($0).status.\(record.status)", "1") }
        case .statusCountPerUserPerRoute:
            let route = record.names.routeID
            return user.map {
                metric.line("route.\(route).user.\($0).status.\(record.status)", "1")
            }
        case .kongLatency, .latency, .requestCount, .requestSize, .responseSize,
            .upstreamLatency, .shdictUsage, .cacheHits, .cacheMisses:
            return nil
        }
    }
}
