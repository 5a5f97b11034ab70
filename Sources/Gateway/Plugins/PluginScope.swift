public import MeshEntities

/// What a plugin applies to, and which of several instances wins.
///
/// Of one plugin name only the instance with the most specific scope runs. Source: Kong's order of
/// precedence for plugins.
public struct PluginScope: Equatable, Sendable {
    /// The matched route.
    public var route: EntityID?
    /// The service of that route.
    public var service: EntityID?
    /// Who was authenticated; nobody as long as no authentication plugin is built.
    public var consumer: EntityID?

    /// Creates the scope of a request.
    public init(route: EntityID?, service: EntityID?, consumer: EntityID? = nil) {
        self.route = route
        self.service = service
        self.consumer = consumer
    }

    /// How specific the plugin is to a request of this scope: 7 for all three, 0 for a global
    /// one, nil if it does not apply.
    public func specificity(of plugin: Plugin) -> Int? {
        guard Self.covers(plugin.route, self.route), Self.covers(plugin.service, self.service),
            Self.covers(plugin.consumer, self.consumer)
        else { return nil }
        return switch (plugin.route != nil, plugin.service != nil, plugin.consumer != nil) {
        case (true, true, true): 7
        case (true, false, true): 6
        case (false, true, true): 5
        case (true, true, false): 4
        case (false, false, true): 3
        case (true, false, false): 2
        case (false, true, false): 1
        case (false, false, false): 0
        }
    }

    private static func covers(_ wanted: EntityID?, _ actual: EntityID?) -> Bool {
        wanted == nil || wanted == actual
    }

    /// The instance of `name` that runs; of equally specific ones the one with the smaller id.
    public func choose(_ name: String, from plugins: [Plugin]) -> Plugin? {
        var best: (plugin: Plugin, specificity: Int)?
        for plugin in plugins where plugin.name == name && plugin.enabled && plugin.servesHTTP {
            guard let specificity = self.specificity(of: plugin) else { continue }
            if let current = best,
                (current.specificity, plugin.id) > (specificity, current.plugin.id)
            {
                continue
            }
            best = (plugin, specificity)
        }
        return best?.plugin
    }
}

extension Plugin {
    fileprivate var servesHTTP: Bool {
        self.protocols.contains(.http) || self.protocols.contains(.https)
    }
}
