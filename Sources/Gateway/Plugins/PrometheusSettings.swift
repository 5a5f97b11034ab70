import MeshEntities

/// Kong's `prometheus`: its settings are read for mistakes and change nothing, since metrics are
/// always kept.
enum PrometheusSettings {
    /// Kong's fields, all of them flags.
    static let flags = [
        "per_consumer", "status_code_metrics", "ai_metrics", "latency_metrics",
        "bandwidth_metrics", "upstream_health_metrics", "wasm_metrics",
    ]

    static func check(_ plugin: Plugin) throws(PluginError) {
        let settings = PluginSettings(plugin: plugin)
        try settings.refuseOthers(than: Self.flags)
        for flag in Self.flags { _ = try settings.flag(flag) }
    }
}
