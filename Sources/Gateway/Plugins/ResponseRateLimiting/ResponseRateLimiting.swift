import MeshEntities
import MeshHTTP

/// Kong's `response-ratelimiting`: limits what targets say their answers cost, by name.
///
/// A target answers with `x-kong-limit: name=3, …`; the client is told what is left, and answered 429
/// in place of an answer for which nothing was left.
///
/// Source: Kong 3.9, `kong/plugins/response-ratelimiting`.
struct ResponseRateLimiting: Sendable {
    /// The limits of one name.
    private struct Named: Sendable {
        let name: String
        /// Sets its counts apart from those of other names.
        let bytes: [UInt8]
        let limits: [RateLimiting.Limit]
        /// `X-RateLimit-Remaining-Name: `.
        let upstreamLine: [UInt8]
        let upstreamName: [UInt8]
        let refusal: PluginAnswer
    }

    static let definition = PluginDefinition(
        name: "response-ratelimiting",
        priority: 900,
        fields: ResponseRateLimiting.fields
    ) { settings throws(PluginError) in
        let plugin = try ResponseRateLimiting(settings)
        return PluginStep(
            access: { request, state, edits in plugin.access(request, &state, &edits) },
            response: { _, state, edits in plugin.response(state, &edits) }
        )
    }

    private static let fields: [FieldSchema] =
        [
            .standard("header_name", .string, .string("x-kong-limit")),
            .choice("limit_by", ["consumer", "credential", "ip"], "consumer"),
            .choice("policy", ["local", "cluster", "redis"], "local"),
            .standard("fault_tolerant", .boolean, .bool(true)),
            RateLimitFields.redis,
            .standard("block_on_first_violation", .boolean, .bool(false)),
            .standard("hide_client_headers", .boolean, .bool(false)),
            .required(
                "limits",
                .map(.record(LimitPeriod.allCases.map { FieldSchema($0.name, .number) }))
            ),
        ] + RateLimitFields.flatRedis

    private let header: [UInt8]
    private let subject: LimitSubject
    private let named: [Named]
    private let blocks: Bool
    private let hidesFields: Bool
    private let isFaultTolerant: Bool
    private let scope: LimitScope
    private let policy: LimitPolicy

    private init(_ settings: PluginSettings) throws(PluginError) {
        self.policy = try RateLimitFields(settings).policy()
        let header = try settings.text("header_name") ?? "x-kong-limit"
        guard FieldText.isName(header) else {
            throw settings.error("header_name", "bad header name '\(header)'")
        }
        self.header = Array(header.lowercased().utf8)
        self.subject = try RateLimitFields(settings).subject()
        self.blocks = try settings.flag("block_on_first_violation") ?? false
        self.hidesFields = try settings.flag("hide_client_headers") ?? false
        self.isFaultTolerant = try settings.flag("fault_tolerant") ?? true
        self.named = try Self.limits(settings)
        guard self.named.reduce(0, { $0 + $1.limits.count }) <= LimitTally.countLimit else {
            throw settings.error(
                "limits",
                "more than \(LimitTally.countLimit) limits together are not built"
            )
        }
        self.scope = LimitScope(settings.plugin)
    }

    private static func limits(_ settings: PluginSettings) throws(PluginError) -> [Named] {
        let all = settings.record("limits")
        let names = (settings.value("limits")?.fields ?? []).map(\.name)
        guard !names.isEmpty else { throw settings.error("limits", "length must be at least 1") }
        var named: [Named] = []
        for name in names {
            guard FieldText.isName(name) else {
                throw all.error(name, "'\(name)' cannot be a part of a header's name")
            }
            let limits = try RateLimitFields(all.record(name)).limits(of: name)
            named.append(
                Named(
                    name: name,
                    bytes: Array(name.utf8),
                    limits: limits,
                    upstreamLine: Array("X-RateLimit-Remaining-\(name): ".utf8),
                    upstreamName: Array("x-ratelimit-remaining-\(name.lowercased())".utf8),
                    refusal: PluginAnswer(
                        status: 429,
                        message: "API rate limit exceeded for '\(name)'",
                        body: nil,
                        contentType: nil
                    )
                )
            )
        }
        return named
    }

    /// Tells the target what is left.
    private func access(
        _ request: PluginRequest,
        _ state: inout PluginState,
        _ edits: inout PluginEdits
    ) -> PluginVerdict {
        guard let all = request.shared?.limits else { return self.undecided }
        let now = Int64(clamping: request.wallMilliseconds)
        var hasher = self.scope.hasher(all)
        self.subject.combine(request, state, into: &hasher)
        state.limitKey = hasher.finalize()
        state.limitTime = now
        switch self.policy {
        case .local: self.look(all.local, all, &state)
        case .cluster: self.look(all.fleet, all, &state)
        case .redis(let target, _):
            state.limitAddress = request.clientAddress
            switch state.tally.standing {
            case .known: state.costs = state.tally
            case .unasked where state.isLate, .failed:
                state.limitTime = 0
                return self.undecided
            case .unasked:
                let windows = self.windows(self.subject.identifier(request, state), now)
                guard let resumption = request.resumption,
                    all.redis.take(windows, amount: 0, at: target, resumption)
                else {
                    state.limitTime = 0
                    return self.undecided
                }
                return .suspend(milliseconds: RedisPatience.milliseconds(target), status: nil)
            }
        }
        return self.tell(state, &edits)
    }

    /// The verdict when nobody can say how much was counted: what the setting says.
    private var undecided: PluginVerdict {
        self.isFaultTolerant ? .next : .answer(AuthenticationRules.unexpected)
    }

    /// Notes what was counted in all windows, in the order of ``windows(_:_:)``.
    private func look(
        _ counters: any WindowCounting,
        _ all: LimitCounters,
        _ state: inout PluginState
    ) {
        var place = 0
        for named in self.named {
            for limit in named.limits {
                let window = Self.window(state, named, limit, all)
                state.costs.counts[place] = counters.count(in: window, at: state.limitTime)
                place += 1
            }
        }
    }

    private func tell(_ state: PluginState, _ edits: inout PluginEdits) -> PluginVerdict {
        var place = 0
        for named in self.named {
            var least: Int64?
            for limit in named.limits {
                let left = Int64(limit.count) - Int64(state.costs.counts[place])
                place += 1
                if self.blocks, left <= 0 { return .answer(named.refusal) }
                least = min(least ?? left, left)
            }
            edits.drop(named.upstreamName)
            named.upstreamLine.withUnsafeBytes { edits.lines.write($0) }
            edits.lines.write(decimal: UInt64(max(0, least ?? 0)))
            edits.lines.write("\r\n")
        }
        return .next
    }

    /// All windows by Kong's names (`kong/plugins/response-ratelimiting/policies/init.lua`).
    private func windows(_ identifier: String, _ now: Int64) -> [RedisWindow] {
        self.named.flatMap { named in
            named.limits.map { limit in
                let start = limit.period.start(of: now / 1_000) * 1_000
                let place = "\(self.scope.text):\(identifier):\(start)"
                return RedisWindow(
                    name: Array(
                        "response-ratelimit:\(place):\(named.name):\(limit.period.name)".utf8
                    ),
                    limit: limit.count,
                    seconds: limit.period.seconds
                )
            }
        }
    }

    private static func window(
        _ state: PluginState,
        _ named: Named,
        _ limit: RateLimiting.Limit,
        _ counters: LimitCounters
    ) -> LimitWindow {
        var hasher = LimitHasher(key: counters.secret)
        hasher.combine(state.limitKey)
        named.bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
        hasher.combine(UInt64(limit.period.rawValue))
        let start = limit.period.start(of: state.limitTime / 1_000)
        return LimitWindow(key: hasher.finalize(), end: limit.period.end(from: start))
    }

    /// Counts what the answer costs, and refuses it when nothing was left.
    private func response(_ state: PluginState, _ edits: inout PluginEdits) {
        guard let all = edits.shared?.limits, state.limitTime > 0 else { return }
        var state = state
        switch self.policy {
        case .local: self.look(all.local, all, &state)
        case .cluster: self.look(all.fleet, all, &state)
        case .redis: break
        }
        let costs = self.costs(edits)
        edits.drop(self.header)
        var isExceeded = false
        var place = 0
        for named in self.named {
            let cost = costs[named.name] ?? 0
            for limit in named.limits {
                let used = state.costs.counts[place]
                place += 1
                if cost > 0, used >= limit.count { isExceeded = true }
                if !self.hidesFields {
                    let left = Int64(limit.count) - Int64(used) - Int64(cost)
                    Self.write(named.name, limit, UInt64(max(0, left)), &edits)
                }
            }
        }
        if isExceeded {
            edits.refusal = 429
            return
        }
        self.count(costs, state, all)
    }

    private func count(_ costs: [String: UInt32], _ state: PluginState, _ all: LimitCounters) {
        guard costs.values.contains(where: { $0 > 0 }) else { return }
        let counters: any WindowCounting
        switch self.policy {
        case .local: counters = all.local
        case .cluster: counters = all.fleet
        case .redis(let target, _):
            let amounts = self.named.flatMap { named in
                named.limits.map { _ in costs[named.name] ?? 0 }
            }
            let windows = self.windows(self.subject.identifier(state), state.limitTime)
            let changes = zip(windows, amounts).map { (window: $0, amount: $1) }
            return all.redis.add(changes.filter { $0.amount > 0 }, at: target)
        }
        for named in self.named {
            guard let cost = costs[named.name], cost > 0 else { continue }
            for limit in named.limits {
                counters.add(
                    cost,
                    to: Self.window(state, named, limit, all),
                    limit: limit.count,
                    at: state.limitTime
                )
            }
        }
    }

    /// What the target says the answer costs: `name=3, other=1`.
    private func costs(_ edits: PluginEdits) -> [String: UInt32] {
        var costs: [String: UInt32] = [:]
        for value in edits.currentValues(of: self.header) {
            for part in String(decoding: value, as: UTF8.self).split(separator: ",") {
                let sides = part.split(separator: "=", omittingEmptySubsequences: false)
                guard sides.count == 2 else { continue }
                let text = sides.map { side in
                    String(side.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
                }
                if let cost = UInt32(text[1]) { costs[text[0]] = cost }
            }
        }
        return costs
    }

    private static func write(
        _ name: String,
        _ limit: RateLimiting.Limit,
        _ left: UInt64,
        _ edits: inout PluginEdits
    ) {
        let ending = "\(name)-\(limit.period.title)"
        for (kind, value) in [
            ("Limit", String(decoding: limit.text, as: UTF8.self)), ("Remaining", "\(left)"),
        ] {
            edits.drop(Array("x-ratelimit-\(kind)-\(ending)".lowercased().utf8))
            edits.add("X-RateLimit-\(kind)-\(ending)", Array(value.utf8))
        }
    }
}
