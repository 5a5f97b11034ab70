import MeshEntities

/// Kong's `datadog`: numbers of every request, as lines of statsd with tags.
///
/// Source: Kong 3.9, `kong/plugins/datadog`.
enum Datadog {
    private static let names = [
        "kong_latency", "latency", "request_count", "request_size", "response_size",
        "upstream_latency",
    ]

    private static let element: FieldSchema.Shape = .record([
        .choice("name", Datadog.names, nil),
        .choice("stat_type", StatMetric.types.map(\.key), nil),
        FieldSchema("tags", .array(.string)), FieldSchema("sample_rate", .number),
        .choice("consumer_identifier", StatMetric.Consumer.allCases.map(\.rawValue), nil),
    ])

    private static let standardMetrics: DocumentValue = .list(
        [
            ("request_count", "counter"), ("latency", "timer"), ("request_size", "timer"),
            ("response_size", "timer"), ("upstream_latency", "timer"), ("kong_latency", "timer"),
        ]
        .map { name, type in
            var fields = [
                DocumentField("name", .string(name)), DocumentField("stat_type", .string(type)),
                DocumentField("tags", .list([.string("app:kong")])),
                DocumentField("consumer_identifier", .string("custom_id")),
            ]
            if type == "counter" { fields.append(DocumentField("sample_rate", .integer(1))) }
            return .object(fields)
        }
    )

    static let definition = PluginDefinition(
        name: "datadog",
        priority: 10,
        fields: [
            .standard("host", .string, .string("localhost")),
            .standard("port", .integer, .integer(8_125)),
            .standard("prefix", .string, .string("kong")),
            .standard("service_name_tag", .string, .string("name")),
            .standard("status_tag", .string, .string("status")),
            .standard("consumer_tag", .string, .string("consumer")),
            .standard("metrics", .array(Datadog.element), Datadog.standardMetrics),
            LogFields.queue,
        ] + LogFields.formerQueue,
        takesStreams: true
    ) { settings throws(PluginError) in
        let fields = LogFields(settings)
        return try fields.step(
            .udp(host: try fields.host(), port: try fields.port()),
            try fields.delivery(),
            .datadog(try DatadogFormat(settings))
        )
    }
}

/// Lines of statsd with Datadog's tags.
public struct DatadogFormat: Sendable {
    private let prefix: String
    private let metrics: [StatMetric]
    private let tags: (service: String, status: String, consumer: String)

    init(_ settings: PluginSettings) throws(PluginError) {
        self.prefix = try settings.text("prefix") ?? "kong"
        self.metrics = try StatMetric.read(settings)
        self.tags = (
            try settings.text("service_name_tag") ?? "name",
            try settings.text("status_tag") ?? "status",
            try settings.text("consumer_tag") ?? "consumer"
        )
    }

    /// All lines of a request; nil for one without a service, of which Kong tells nothing.
    func entry(_ record: LogRecord) -> [UInt8]? {
        guard let service = StatMetric.Service.nameOrHost.name(of: record.names) else {
            return nil
        }
        var lines: [String] = []
        for (index, metric) in self.metrics.enumerated() where metric.isTold(record, index) {
            guard let ending = metric.name.ending, let value = metric.name.value(record) else {
                continue
            }
            var tags = [
                "\(self.tags.service):\(StatMetric.part(service))",
                "\(self.tags.status):\(record.status)",
            ]
            if let user = metric.consumer?.name(of: record.consumer) {
                tags.append("\(self.tags.consumer):\(StatMetric.part(user))")
            }
            let list = (tags + metric.tags).joined(separator: ",")
            lines.append(metric.line("\(self.prefix).\(ending)", "\(value)") + "|#\(list)")
        }
        return lines.isEmpty ? nil : Array(lines.joined(separator: "\n").utf8)
    }
}
