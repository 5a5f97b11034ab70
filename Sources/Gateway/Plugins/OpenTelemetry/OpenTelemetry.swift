import MeshEntities

/// Kong's `opentelemetry`: a trace's part that this node has, told by OTLP over HTTP, and passed on to
/// the target; and records of a log, told alike.
///
/// Parts are the request as a whole, and the try at the target that answered.
///
/// Source: Kong 3.9, `kong/plugins/opentelemetry`.
struct OpenTelemetry: Sendable {
    static let definition = PluginDefinition(
        name: "opentelemetry",
        priority: 14,
        fields: OpenTelemetry.fields
    ) { settings throws(PluginError) in
        let plugin = try OpenTelemetry(settings)
        let fields = LogFields(settings)
        let plans = try plugin.plans(settings, fields)
        let tellsTraces = try plugin.traces(settings).url != nil
        return PluginStep(
            access: { request, state, edits in
                plugin.propagation.begin(request, &state, rate: plugin.rate)
                if tellsTraces { plugin.propagation.inject(state, &edits) }
                return .next
            },
            logs: plans.map { settings.makeLog($0) }
        )
    }

    private static let fields: [FieldSchema] =
        [
            FieldSchema("traces_endpoint", .string), FieldSchema("logs_endpoint", .string),
            FieldSchema("endpoint", .string), FieldSchema("headers", .map(.string)),
            FieldSchema("resource_attributes", .map(.string)),
            LogFields.queue(batch: 200),
            .standard("batch_span_count", .integer, .null),
            .standard("batch_flush_delay", .integer, .null),
            .standard("connect_timeout", .integer, .integer(1_000), in: 0...2_147_483_646),
            .standard("send_timeout", .integer, .integer(5_000), in: 0...2_147_483_646),
            .standard("read_timeout", .integer, .integer(5_000), in: 0...2_147_483_646),
            OpenTelemetry.rateField,
        ] + TracePropagation.fields(standard: "w3c")

    private static let rateField: FieldSchema = {
        var field = FieldSchema("sampling_rate", .number)
        field.range = 0...1
        return field
    }()

    /// Kong's `tracing_sampling_rate`.
    private static let standardRate = 0.01

    private let propagation: TracePropagation
    private let rate: Double

    private init(_ settings: PluginSettings) throws(PluginError) {
        self.propagation = try TracePropagation(settings, standard: "w3c")
        self.rate = try settings.number("sampling_rate") ?? Self.standardRate
    }

    /// Where parts of traces are told, if they are.
    private func traces(
        _ settings: PluginSettings
    ) throws(PluginError) -> (name: String, url: String?) {
        let name =
            try settings.text("traces_endpoint") == nil ? "endpoint" : "traces_endpoint"
        return (name, try settings.text(name))
    }

    /// What is told, and where.
    private func plans(
        _ settings: PluginSettings,
        _ fields: LogFields
    ) throws(PluginError) -> [LogPlan] {
        let (name, traces) = try self.traces(settings)
        let logs = try settings.text("logs_endpoint")
        guard traces != nil || logs != nil else {
            throw settings.ruleError(
                "at least one of these fields must be non-empty: 'config.traces_endpoint', "
                    + "'config.logs_endpoint'"
            )
        }
        let resource = OTLPResource(Self.attributes(settings))
        var plans: [LogPlan] = []
        let told: [(name: String, url: String?, format: LogFormat)] = [
            (name, traces, .otlp(OTLPFormat(resource: resource))),
            ("logs_endpoint", logs, .otlpLog(OTLPLogFormat(resource: resource))),
        ]
        for (name, url, format) in told {
            guard let url else { continue }
            let endpoint = try Self.endpoint(url, field: name, settings)
            plans.append(
                LogPlan(settings.plugin.id, .http(endpoint), try fields.delivery(), format)
            )
        }
        return plans
    }

    private static func endpoint(
        _ url: String,
        field: String,
        _ settings: PluginSettings
    ) throws(PluginError) -> HTTPLogEndpoint {
        let timeouts = try ["connect_timeout", "send_timeout", "read_timeout"].map {
            (name) throws(PluginError) in try settings.integer(name) ?? 1_000
        }
        return try HTTPLogEndpoint(
            url,
            field: field,
            settings,
            contentType: "application/x-protobuf",
            milliseconds: max(1, timeouts.reduce(0, +))
        )
    }

    private static func attributes(_ settings: PluginSettings) -> [(String, String)] {
        var attributes = [("service.name", "kong")]
        for field in settings.value("resource_attributes")?.fields ?? [] {
            let value = field.node.value.text ?? ""
            attributes.removeAll { $0.0 == field.name }
            attributes.append((field.name, value))
        }
        return attributes
    }
}
