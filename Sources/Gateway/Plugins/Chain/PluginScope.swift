import MeshEntities

/// What an instance of a plugin applies to, as a rank: of several instances of one plugin that apply,
/// only the one with the lowest rank runs.
///
/// Source: Kong's order of precedence, consumer groups among them as in Kong Enterprise.
enum PluginScope {
    /// The rank of an instance, 1 for the most specific and 12 for a global one.
    static func rank(of plugin: Plugin) -> Int {
        let binding = (plugin.route != nil, plugin.service != nil)
        if plugin.consumer != nil {
            return switch binding {
            case (true, true): 1
            case (true, false): 3
            case (false, true): 4
            case (false, false): 8
            }
        }
        if plugin.consumerGroup != nil {
            return switch binding {
            case (true, true): 2
            case (true, false): 5
            case (false, true): 6
            case (false, false): 9
            }
        }
        return switch binding {
        case (true, true): 7
        case (true, false): 10
        case (false, true): 11
        case (false, false): 12
        }
    }
}

/// One instance that applies to a route, with its rank.
struct RankedStep: Sendable {
    let rank: Int
    let plugin: EntityID
    /// nil when the instance does nothing on the request path, and keeps others from running.
    let step: PluginStep?

    /// Whether it runs in place of another; of equals the one with the smaller id.
    func outranks(_ other: RankedStep?) -> Bool {
        guard let other else { return true }
        return (self.rank, self.plugin) < (other.rank, other.plugin)
    }
}

/// The instances of one plugin that are for single consumers or groups, by whom they are for.
final class ScopedSteps: Sendable {
    let byConsumer: [EntityID: RankedStep]
    let byGroup: [EntityID: RankedStep]

    init(_ instances: [(Plugin, PluginStep?)]) {
        var byConsumer: [EntityID: RankedStep] = [:]
        var byGroup: [EntityID: RankedStep] = [:]
        for (plugin, step) in instances {
            let ranked = RankedStep(
                rank: PluginScope.rank(of: plugin),
                plugin: plugin.id,
                step: step
            )
            if let consumer = plugin.consumer {
                if ranked.outranks(byConsumer[consumer]) { byConsumer[consumer] = ranked }
            } else if let group = plugin.consumerGroup, ranked.outranks(byGroup[group]) {
                byGroup[group] = ranked
            }
        }
        self.byConsumer = byConsumer
        self.byGroup = byGroup
    }

    /// The better of `best` and what there is for a consumer.
    func better(than best: RankedStep?, for consumer: ConsumerEntry) -> RankedStep? {
        var best = best
        if let own = self.byConsumer[consumer.id], own.outranks(best) { best = own }
        guard !self.byGroup.isEmpty else { return best }
        for group in consumer.groups {
            if let own = self.byGroup[group], own.outranks(best) { best = own }
        }
        return best
    }
}
