import MeshEntities
import MeshHTTP

/// Kong's `bot-detection`: refuses clients whose `User-Agent` is a known robot's.
///
/// Source: Kong 3.9, `kong/plugins/bot-detection`.
struct BotDetection: Sendable {
    static let definition = PluginDefinition(
        name: "bot-detection",
        priority: 2_500,
        fields: BotDetection.fields,
        takesConsumers: false
    ) { settings throws(PluginError) in
        let step = try BotDetection(settings)
        return PluginStep(access: { request, _, _ in step.access(request) })
    }

    private static let fields: [FieldSchema] = [
        .standard("allow", .array(.string), .list([])),
        .standard("deny", .array(.string), .list([])),
    ]

    private let allowed: [PluginPattern]
    private let denied: [PluginPattern]
    /// Sets what is remembered of agents apart from what other instances found.
    private let instance: EntityID

    init(_ settings: PluginSettings) throws(PluginError) {
        self.instance = settings.memoryID
        self.allowed = try settings.patterns("allow")
        self.denied = try settings.patterns("deny") + KnownBots.patterns
    }

    /// Judges the request's agent; one without an agent may pass, as in Kong.
    func access(_ request: PluginRequest) -> PluginVerdict {
        var agent: UnsafeRawBufferPointer?
        var count = 0
        request.eachValue("user-agent") { value in
            agent = value
            count += 1
        }
        guard count <= 1 else {
            return .answer(PluginAnswer(status: 400, error: "Only one User-Agent header allowed"))
        }
        guard let agent else { return .next }
        let isBot = request.shared.map { self.verdict(on: agent, $0) } ?? self.isBot(agent)
        return isBot ? .answer(PluginAnswer(status: 403, error: "Forbidden")) : .next
    }

    /// What was found out about an agent before, so that few requests pay for the regexes.
    private func verdict(on agent: UnsafeRawBufferPointer, _ shared: PluginShared) -> Bool {
        var hasher = LimitHasher(key: shared.limits.secret)
        hasher.combine(self.instance.high)
        hasher.combine(self.instance.low)
        hasher.combine(bytes: agent)
        let low = hasher.finalize()
        hasher.combine(1)
        let high = hasher.finalize()
        if shared.memory.contains(PluginMark(high: high | 1, low: low)) { return true }
        if shared.memory.contains(PluginMark(high: high & ~1, low: low)) { return false }
        let isBot = self.isBot(agent)
        shared.memory.insert(PluginMark(high: isBot ? high | 1 : high & ~1, low: low))
        return isBot
    }

    /// A pattern that cannot tell does not allow, and does deny.
    private func isBot(_ agent: UnsafeRawBufferPointer) -> Bool {
        if self.allowed.contains(where: { $0.match(agent) == .match }) { return false }
        return self.denied.contains { $0.match(agent) != .noMatch }
    }
}
