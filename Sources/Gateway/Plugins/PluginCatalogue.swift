public import MeshEntities

/// Which plugins run here.
public enum PluginCatalogue {
    /// Kong's names of the plugins that a configuration may use.
    ///
    /// `prometheus` changes nothing on the request path: its metrics are always kept.
    public static let builtNames = ["correlation-id", "prometheus", "request-termination"]

    /// Everything that is wrong with the name and the settings of one plugin.
    public static func errors(in plugin: Plugin) -> [PluginError] {
        var rest = plugin
        var errors: [PluginError] = []
        while errors.count < Self.errorLimit {
            do {
                try Self.check(rest)
                return errors
            } catch {
                errors.append(error)
                // What is wrong is taken away to see what else is.
                let field = error.field.split(separator: ".").dropFirst().first
                let fields = rest.config.fields ?? []
                let kept = fields.filter { $0.name != field ?? "" }
                guard kept.count < fields.count else { return errors }
                rest.config = .object(kept)
            }
        }
        return errors
    }

    /// Most errors that are told of one plugin.
    private static let errorLimit = 32

    /// Checks the name and the settings of one plugin.
    ///
    /// - Throws: ``PluginError`` for the first setting that cannot be obeyed.
    public static func check(_ plugin: Plugin) throws(PluginError) {
        switch plugin.name {
        case "correlation-id": _ = try CorrelationID(plugin)
        case "request-termination": _ = try RequestTermination(plugin)
        case "prometheus": try PrometheusSettings.check(plugin)
        default: throw PluginError(plugin, field: "name", "plugin is not built yet")
        }
    }
}
