import MeshEntities

/// Kong's `opentelemetry`: a trace's part that this node has, told by OTLP over HTTP, and passed on to
/// the target.
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
        let plan = try plugin.plan(settings, fields)
        return PluginStep(
            access: { request, state, edits in
                plugin.propagation.begin(request, &state, rate: plugin.rate)
                plugin.propagation.inject(state, &edits)
                return .next
            },
            log: plan.map { settings.makeLog($0) }
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
            FieldSchema("http_response_header_for_traceid", .string),
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
        guard try settings.text("logs_endpoint") == nil else {
            throw settings.error(
                "logs_endpoint",
                "logs by OTLP are not built; http-log tells of requests"
            )
        }
        guard try settings.text("http_response_header_for_traceid") == nil else {
            throw settings.error(
                "http_response_header_for_traceid",
                "to tell clients of traces is not built"
            )
        }
    }

    /// Where parts are told; nil when they are passed on only.
    private func plan(
        _ settings: PluginSettings,
        _ fields: LogFields
    ) throws(PluginError) -> LogPlan? {
        let name =
            try settings.text("traces_endpoint") == nil ? "endpoint" : "traces_endpoint"
        guard let text = try settings.text(name) else {
            throw settings.ruleError(
                "at least one of these fields must be non-empty: 'config.traces_endpoint', "
                    + "'config.logs_endpoint'"
            )
        }
        let timeouts = try ["connect_timeout", "send_timeout", "read_timeout"].map {
            (name) throws(PluginError) in try settings.integer(name) ?? 1_000
        }
        let endpoint = try HTTPLogEndpoint(
            text,
            field: name,
            settings,
            contentType: "application/x-protobuf",
            milliseconds: max(1, timeouts.reduce(0, +))
        )
        var attributes = [("service.name", "kong")]
        for field in settings.value("resource_attributes")?.fields ?? [] {
            let value = field.node.value.text ?? ""
            attributes.removeAll { $0.0 == field.name }
            attributes.append((field.name, value))
        }
        return LogPlan(
            settings.plugin.id,
            .http(endpoint),
            try fields.delivery(),
            .otlp(OTLPFormat(resource: attributes))
        )
    }
}
