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
    /// The field, as `config.limit_by`, whose value makes it wrong; nil when it is wrong by itself.
    var condition: String?

    init(_ plugin: Plugin, field: String, _ message: String) {
        self.plugin = plugin.id
        self.name = plugin.name
        self.field = field
        self.message = message
    }
}

extension PluginError {
    /// What Kong says beside it of a condition that it breaks; nil when there is none.
    func broken(in plugin: Plugin) -> PluginError? {
        self.condition.map {
            PluginError(
                plugin,
                field: FieldPath.entityField,
                "failed conditional validation given value of field '\($0)'"
            )
        }
    }
}

extension PluginError: CustomStringConvertible {
    /// One line for the operator.
    public var description: String {
        "plugin \(self.name) (\(self.plugin)): \(self.field): \(self.message)"
    }
}
