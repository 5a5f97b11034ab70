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
            response: { state, edits in plugin.response(state, &edits) }
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
    private let seed: Hasher

    private init(_ settings: PluginSettings) throws(PluginError) {
        try RateLimitFields(settings).checkPolicy()
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
        var seed = Hasher()
        seed.combine("response-ratelimiting")
        seed.combine(settings.plugin.route)
        seed.combine(settings.plugin.service)
        self.seed = seed
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
        guard let windows = request.windows else {
            return self.isFaultTolerant
                ? .next : .answer(PluginAnswer(status: 500, error: "An unexpected error occurred"))
        }
        let now = Int64(clamping: request.wallMilliseconds / 1_000)
        let hash = self.subject.hash(request, state, self.seed).finalize()
        state.limitKey = UInt64(bitPattern: Int64(hash))
        state.limitTime = now
        for named in self.named {
            var least: Int64?
            for limit in named.limits {
                let window = Self.window(state, named, limit)
                let left = Int64(limit.count) - Int64(windows.count(in: window))
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

    private static func window(
        _ state: PluginState,
        _ named: Named,
        _ limit: RateLimiting.Limit
    ) -> WindowCounters.Window {
        var hasher = Hasher()
        hasher.combine(state.limitKey)
        hasher.combine(named.name)
        hasher.combine(limit.period.rawValue)
        let start = limit.period.start(of: state.limitTime)
        return WindowCounters.Window(
            key: UInt64(bitPattern: Int64(hasher.finalize())),
            end: limit.period.end(from: start)
        )
    }

    /// Counts what the answer costs, and refuses it when nothing was left.
    private func response(_ state: PluginState, _ edits: inout PluginEdits) {
        guard let windows = edits.windows, state.limitTime > 0 else { return }
        let costs = self.costs(edits)
        edits.drop(self.header)
        var isExceeded = false
        for named in self.named {
            let cost = costs[named.name] ?? 0
            for limit in named.limits {
                let used = windows.count(in: Self.window(state, named, limit))
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
        for named in self.named {
            guard let cost = costs[named.name], cost > 0 else { continue }
            for limit in named.limits {
                windows.add(cost, to: Self.window(state, named, limit), at: state.limitTime)
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
