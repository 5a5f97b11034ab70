import MeshEntities

/// Kong's `prometheus`: what it would switch on is always counted, but consumers' shares, which are
/// counted where `per_consumer` says so.
enum PrometheusSettings {
    /// Kong's fields, all of them flags.
    static let flags = [
        "per_consumer", "status_code_metrics", "ai_metrics", "latency_metrics",
        "bandwidth_metrics", "upstream_health_metrics", "wasm_metrics",
    ]

    static let definition = PluginDefinition(
        name: "prometheus",
        priority: 13,
        fields: Self.flags.map { .standard($0, .boolean, .bool(false)) },
        takesStreams: true,
        compile: { settings throws(PluginError) in
            try settings.flag("per_consumer") == true ? PluginStep(countsConsumers: true) : nil
        }
    )
}
