public import MeshEntities

/// All plugins of a configuration, each compiled once and shared by the routes it applies to.
///
/// An instance that did not change is the same object as in the table before, so that what a step
/// counts or keeps goes on.
public final class PluginTable: Sendable {
    private struct Instance {
        let plugin: Plugin
        let step: PluginStep?
    }

    /// Without plugins.
    public static let empty = PluginTable()

    private let instances: [EntityID: Instance]
    private let global: [Plugin]
    private let byRoute: [EntityID: [Plugin]]
    private let byService: [EntityID: [Plugin]]
    /// Those of a consumer or group alone, which apply to every route.
    private let anywhere: [Plugin]
    private let scopedAnywhere: [String: ScopedSteps]

    private init() {
        self.instances = [:]
        self.global = []
        self.byRoute = [:]
        self.byService = [:]
        self.anywhere = []
        self.scopedAnywhere = [:]
    }

    /// Compiles what is new.
    ///
    /// - Parameters:
    ///   - plugins: all of them.
    ///   - previous: what did not change is taken over from it.
    ///   - logs: makes what takes the entries of a plan (nothing does).
    /// - Throws: ``PluginError`` if the settings of an enabled plugin cannot be obeyed.
    public init(
        _ plugins: some Collection<Plugin>,
        reusing previous: PluginTable? = nil,
        logs: @escaping (LogPlan) -> any LogTaking = { UnkeptLog($0) }
    ) throws(PluginError) {
        var instances: [EntityID: Instance] = [:]
        instances.reserveCapacity(plugins.count)
        var global: [Plugin] = []
        var byRoute: [EntityID: [Plugin]] = [:]
        var byService: [EntityID: [Plugin]] = [:]
        var anywhere: [Plugin] = []
        for plugin in plugins where plugin.enabled {
            if let known = previous?.instances[plugin.id], known.plugin == plugin {
                instances[plugin.id] = known
            } else {
                let step = try PluginCatalogue.compile(plugin, logs)
                instances[plugin.id] = Instance(plugin: plugin, step: step)
            }
            if let route = plugin.route {
                byRoute[route, default: []].append(plugin)
            } else if let service = plugin.service {
                byService[service, default: []].append(plugin)
            } else if plugin.consumer == nil, plugin.consumerGroup == nil {
                global.append(plugin)
            } else if plugin.serves(streams: false) {
                anywhere.append(plugin)
            }
        }
        self.instances = instances
        self.global = global
        self.byRoute = byRoute
        self.byService = byService
        self.anywhere = anywhere
        if let previous, previous.anywhere == anywhere {
            self.scopedAnywhere = previous.scopedAnywhere
        } else {
            self.scopedAnywhere = Dictionary(grouping: anywhere, by: \.name).mapValues { plugins in
                ScopedSteps(plugins.map { ($0, instances[$0.id]?.step) })
            }
        }
    }

    /// What takes the entries of all log plugins.
    public var logs: [any LogTaking] { self.instances.values.flatMap { $0.step?.logs ?? [] } }

    /// Whether plugins of consumers or groups alone are the same as in another table.
    public func sharesScoped(with other: PluginTable) -> Bool { self.anywhere == other.anywhere }

    /// All that may apply to a route, those of consumers or groups alone left out.
    public func candidates(route: EntityID, service: EntityID?) -> [Plugin] {
        let own = (self.byRoute[route] ?? []).filter { plugin in
            plugin.service == nil || plugin.service == service
        }
        return self.global + own + (service.flatMap { self.byService[$0] } ?? [])
    }

    /// The chain of a route: for its requests, or for its connections when it is a stream's.
    public func chain(
        route: EntityID,
        service: EntityID?,
        isStream: Bool = false
    ) -> PluginChain {
        let candidates = self.candidates(route: route, service: service)
            .filter { $0.serves(streams: isStream) }
        guard !candidates.isEmpty else { return .empty }
        let byName = Dictionary(grouping: candidates, by: \.name)
        let anywhere = isStream ? [:] : self.scopedAnywhere
        let names = Set(byName.keys).union(anywhere.keys)
        let links = names.compactMap { name -> PluginChain.Link? in
            guard let definition = PluginCatalogue.definition(of: name) else { return nil }
            var general: RankedStep?
            var scoped: [(Plugin, PluginStep?)] = []
            for plugin in byName[name] ?? [] {
                let step = self.instances[plugin.id]?.step
                let ranked = RankedStep(
                    rank: PluginScope.rank(of: plugin),
                    plugin: plugin.id,
                    step: step
                )
                if plugin.consumer != nil || plugin.consumerGroup != nil {
                    scoped.append((plugin, step))
                } else if ranked.outranks(general) {
                    general = ranked
                }
            }
            return PluginChain.Link(
                name: name,
                priority: definition.priority,
                authenticates: definition.authenticates,
                general: general,
                scoped: scoped.isEmpty ? nil : ScopedSteps(scoped),
                scopedAnywhere: anywhere[name]
            )
        }
        return PluginChain(links: links)
    }
}

extension Plugin {
    /// Whether it has a part in streams, or else in requests.
    ///
    /// As in Kong, one protocol of either kind is enough for all of that kind.
    fileprivate func serves(streams: Bool) -> Bool {
        self.protocols.contains { $0.isStream == streams }
    }
}
