public import MeshEntities

/// A plugin whose settings cannot be obeyed.
public struct PluginError: Error, Equatable, Sendable {
    /// Which instance.
    public let plugin: EntityID
    /// Kong's name of the plugin.
    public let name: String
    /// The setting, as `config.status_code`.
    public let field: String
    /// What is wrong with it, in Kong's words where Kong has some.
    public let message: String

    init(_ plugin: Plugin, field: String, _ message: String) {
        self.plugin = plugin.id
        self.name = plugin.name
        self.field = field
        self.message = message
    }
}

extension PluginError: CustomStringConvertible {
    /// One line for the operator.
    public var description: String {
        "plugin \(self.name) (\(self.plugin)): \(self.field): \(self.message)"
    }
}
