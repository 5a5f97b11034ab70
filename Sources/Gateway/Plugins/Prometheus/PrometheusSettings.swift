import MeshEntities

/// Kong's `prometheus`: its settings are read for mistakes and change nothing, since metrics are
/// always kept.
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
        compile: { _ in nil }
    )
}
