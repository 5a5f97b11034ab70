import MeshEntities

/// Kong's `zipkin`: a trace's part that this node has, told to Zipkin, and passed on to the target.
///
/// Parts are the request as a whole, and the try at the target that answered.
///
/// Source: Kong 3.9, `kong/plugins/zipkin`.
struct Zipkin: Sendable {
    static let definition = PluginDefinition(
        name: "zipkin",
        priority: 100_000,
        fields: Zipkin.fields,
        takesStreams: true
    ) { settings throws(PluginError) in
        let plugin = try Zipkin(settings)
        let plan = try plugin.plan(settings)
        return PluginStep(
            access: { request, state, edits in
                plugin.propagation.begin(
                    request,
                    &state,
                    rate: plugin.rate,
                    isShort: plugin.isShort
                )
                plugin.propagation.inject(state, &edits)
                return .next
            },
            logs: [plan].compactMap { $0.map(settings.makeLog) }
        )
    }

    private static let tags = FieldSchema(
        "static_tags",
        .array(.record([.required("name", .string), .required("value", .string)]))
    )

    private static let fields: [FieldSchema] =
        [
            FieldSchema("local_service_name", .string).with(.string("kong")),
            FieldSchema("http_endpoint", .string),
            .standard("sample_ratio", .number, .number(0.001), in: 0...1),
            FieldSchema("default_service_name", .string),
            .standard("include_credential", .boolean, .bool(true)),
            .standard("traceid_byte_count", .integer, .integer(16)),
            .choice("default_header_type", TraceFormat.allCases.map(\.name), "b3"),
            .standard("tags_header", .string, .string("Zipkin-Tags")),
            Zipkin.tags,
            .choice("http_span_name", ["method", "method_path"], "method"),
            .standard("connect_timeout", .integer, .integer(2_000), in: 0...2_147_483_646),
            .standard("send_timeout", .integer, .integer(5_000), in: 0...2_147_483_646),
            .standard("read_timeout", .integer, .integer(5_000), in: 0...2_147_483_646),
            .choice("phase_duration_flavor", ["annotations", "tags"], "annotations"),
            LogFields.queue(batch: 1),
        ] + TracePropagation.fields(standard: "b3")

    private let propagation: TracePropagation
    private let rate: Double
    private let isShort: Bool

    private init(_ settings: PluginSettings) throws(PluginError) {
        self.propagation = try TracePropagation(settings, standard: "b3")
        self.rate = try settings.number("sample_ratio") ?? 0.001
        let count = try settings.integer("traceid_byte_count") ?? 16
        guard count == 8 || count == 16 else {
            throw settings.error("traceid_byte_count", "expected one of: 8, 16")
        }
        self.isShort = count == 8
    }

    /// Where parts are told; nil when they are passed on only.
    private func plan(_ settings: PluginSettings) throws(PluginError) -> LogPlan? {
        guard let text = try settings.text("http_endpoint") else { return nil }
        let timeouts = try ["connect_timeout", "send_timeout", "read_timeout"].map {
            (name) throws(PluginError) in try settings.integer(name) ?? 2_000
        }
        let endpoint = try HTTPLogEndpoint(
            text,
            field: "http_endpoint",
            settings,
            contentType: "application/json",
            milliseconds: max(1, timeouts.reduce(0, +))
        )
        var tags: [(String, String)] = []
        for element in settings.value("static_tags")?.elements ?? [] {
            guard let name = element["name"]?.text, let value = element["value"]?.text else {
                continue
            }
            tags.append((name, value))
        }
        return LogPlan(
            settings.plugin.id,
            .http(endpoint),
            try LogFields(settings).delivery(),
            .zipkin(
                ZipkinFormat(
                    service: try settings.text("local_service_name") ?? "kong",
                    target: try settings.text("default_service_name"),
                    tellsCredential: try settings.flag("include_credential") ?? true,
                    namesPath: try settings.text("http_span_name") == "method_path",
                    tagsField: try settings.text("tags_header") ?? "Zipkin-Tags",
                    tags: tags
                )
            )
        )
    }
}

extension FieldSchema {
    /// The same with a default.
    func with(_ standard: DocumentValue) -> FieldSchema {
        var field = self
        field.standard = standard
        return field
    }
}
