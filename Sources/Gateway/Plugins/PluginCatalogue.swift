public import MeshEntities

/// Which plugins run here.
public enum PluginCatalogue {
    /// Kong's names of the plugins that a configuration may use.
    ///
    /// `prometheus` changes nothing on the request path: its metrics are always kept.
    public static let builtNames = ["correlation-id", "prometheus", "request-termination"]

    /// Checks the name and the settings of one plugin.
    ///
    /// - Throws: ``PluginError`` for the first setting that cannot be obeyed.
    public static func check(_ plugin: Plugin) throws(PluginError) {
        switch plugin.name {
        case "correlation-id": _ = try CorrelationID(plugin)
        case "request-termination": _ = try RequestTermination(plugin)
        case "prometheus": break
        default: throw PluginError(plugin, field: "name", "plugin is not built yet")
        }
    }
}
