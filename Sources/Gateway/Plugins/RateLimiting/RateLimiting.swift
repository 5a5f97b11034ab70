import MeshEntities
import MeshHTTP
import MeshPrimitives

/// Kong's `rate-limiting`: so many requests per window of time, counted per consumer, credential,
/// address, service, path or header.
///
/// With the policy `local` all workers of a node count together, with `cluster` all nodes, as far as each
/// knows of the others, with `redis` all that count at one Redis. As in Kong a refused request is not counted; unlike there, requests at the same
/// moment do not pass a limit of one node together.
///
/// Source: Kong 3.9, `kong/plugins/rate-limiting`.
struct RateLimiting: Sendable {
    /// One window's limit.
    struct Limit: Sendable {
        let period: LimitPeriod
        /// Requests that pass, rounded up.
        let count: UInt32
        /// `X-RateLimit-Limit-Minute: 5`, CRLF, `X-RateLimit-Remaining-Minute: `.
        let lines: [UInt8]
        /// The limit as it was written.
        let text: [UInt8]
        let limitName: [UInt8]
        let remainingName: [UInt8]

        init(_ period: LimitPeriod, _ limit: Double) {
            let text = Int64(exactly: limit).map(String.init) ?? "\(limit)"
            self.period = period
            self.count = UInt32(clamping: Int64(min(limit.rounded(.up), 4_294_967_295)))
            self.lines = Array(
                ("X-RateLimit-Limit-\(period.title): \(text)\r\n"
                    + "X-RateLimit-Remaining-\(period.title): ").utf8
            )
            self.text = Array(text.utf8)
            self.limitName = Array("x-ratelimit-limit-\(period.name)".utf8)
            self.remainingName = Array("x-ratelimit-remaining-\(period.name)".utf8)
        }
    }

    /// What the tightest window says.
    private struct Tightest {
        let limit: Int
        let remaining: UInt32
        /// Seconds until it is over, at least 1.
        let reset: Int64
    }

    static let definition = PluginDefinition(
        name: "rate-limiting",
        priority: 910,
        fields: RateLimitFields.fields
    ) { settings throws(PluginError) in
        let step = try RateLimiting(settings)
        return PluginStep(access: { request, state, edits in
            step.access(request, state, &edits)
        })
    }

    private let limits: [Limit]
    private let subject: LimitSubject
    private let hidesFields: Bool
    private let isFaultTolerant: Bool
    private let refusal: PluginAnswer
    private let scope: LimitScope
    private let policy: LimitPolicy
    /// What the response is told in, which targets may not claim; each behind a byte of length.
    private let ownFields: [UInt8]

    init(_ settings: PluginSettings) throws(PluginError) {
        let fields = RateLimitFields(settings)
        self.limits = try fields.limits()
        self.subject = try fields.subject()
        self.policy = try fields.policy()
        self.hidesFields = try settings.flag("hide_client_headers") ?? false
        self.isFaultTolerant = try settings.flag("fault_tolerant") ?? true
        let status = try settings.number("error_code") ?? 429
        guard let code = UInt16(exactly: status), (200...599).contains(code) else {
            throw settings.error("error_code", "value should be between 200 and 599")
        }
        self.refusal = PluginAnswer(
            status: code,
            error: try settings.text("error_message") ?? "API rate limit exceeded"
        )
        self.scope = LimitScope(settings.plugin)
        self.ownFields = PluginEdits.list(
            self.limits.flatMap { [$0.limitName, $0.remainingName] }
                + ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"].map {
                    Array($0.utf8)
                }
        )
    }

    /// Counts the request, or refuses it.
    func access(
        _ request: PluginRequest,
        _ state: PluginState,
        _ edits: inout PluginEdits
    ) -> PluginVerdict {
        guard let all = request.shared?.limits else { return self.undecided }
        let now = Int64(clamping: request.wallMilliseconds)
        var hasher = self.scope.hasher(all)
        self.subject.combine(request, state, into: &hasher)
        let count: (before: InlineArray<6, UInt32>, stop: Int?)
        switch self.policy {
        case .local: count = self.count(hasher, now, in: PlainCounts(all.local))
        case .cluster: count = self.count(hasher, now, in: PlainCounts(all.fleet))
        case .redis(let target, let milliseconds?):
            let table = all.redis.table(of: target, every: milliseconds)
            count = self.count(
                hasher,
                now,
                in: NamedCounts(table) { index in
                    self.named(index, self.subject.identifier(request, state), now)
                }
            )
        case .redis(let target, nil): return self.ask(target, all, request, state, &edits)
        }
        if !self.hidesFields {
            self.write(count.before, stop: count.stop, now / 1_000, into: &edits)
        }
        return count.stop == nil ? .next : .answer(self.refusal)
    }

    /// The verdict when nobody can say how much was counted: what the setting says.
    private var undecided: PluginVerdict {
        self.isFaultTolerant ? .next : .answer(AuthenticationRules.unexpected)
    }

    /// Counts in all windows, or in none; which one stops the request.
    private func count(
        _ hasher: LimitHasher,
        _ now: Int64,
        in counters: some LimitTaking
    ) -> (before: InlineArray<6, UInt32>, stop: Int?) {
        var before = InlineArray<6, UInt32>(repeating: 0)
        for (index, limit) in self.limits.enumerated() {
            let window = Self.window(limit, hasher, now)
            let (count, isTaken) = counters.take(index, window, limit: limit.count, at: now)
            before[index] = count
            guard !isTaken else { continue }
            // The later of two exhausted windows is the one that stops.
            for earlier in 0..<index {
                counters.giveBack(Self.window(self.limits[earlier], hasher, now), at: now)
            }
            for later in (index + 1)..<max(index + 1, self.limits.count) {
                before[later] = counters.count(
                    in: Self.window(self.limits[later], hasher, now),
                    at: now
                )
            }
            return (before, index)
        }
        return (before, nil)
    }

    /// Has a Redis count, and goes by what it says when the step runs again.
    private func ask(
        _ target: RedisTarget,
        _ all: LimitCounters,
        _ request: PluginRequest,
        _ state: PluginState,
        _ edits: inout PluginEdits
    ) -> PluginVerdict {
        let now = Int64(clamping: request.wallMilliseconds)
        guard !state.isLate else { return self.undecided }
        switch state.tally.standing {
        case .failed: return self.undecided
        case .known:
            var before = InlineArray<6, UInt32>(repeating: 0)
            for index in self.limits.indices { before[index] = state.tally.counts[index] }
            let stop = state.tally.stop >= 0 ? Int(state.tally.stop) : nil
            if !self.hidesFields { self.write(before, stop: stop, now / 1_000, into: &edits) }
            return stop == nil ? .next : .answer(self.refusal)
        case .unasked:
            let identifier = self.subject.identifier(request, state)
            let windows = self.limits.indices.map { self.named($0, identifier, now) }
            guard let resumption = request.resumption,
                all.redis.take(windows, amount: 1, at: target, resumption)
            else { return self.undecided }
            return .suspend(milliseconds: RedisPatience.milliseconds(target), status: nil)
        }
    }

    /// A window by Kong's name (`kong/plugins/rate-limiting/policies/init.lua`, `get_local_key`).
    private func named(_ index: Int, _ identifier: String, _ now: Int64) -> RedisWindow {
        let limit = self.limits[index]
        let start = limit.period.start(of: now / 1_000) * 1_000
        return RedisWindow(
            name: Array(
                "ratelimit:\(self.scope.text):\(identifier):\(start):\(limit.period.name)".utf8
            ),
            limit: limit.count,
            seconds: limit.period.seconds
        )
    }

    private static func window(
        _ limit: Limit,
        _ hasher: LimitHasher,
        _ now: Int64
    ) -> LimitWindow {
        var hasher = hasher
        hasher.combine(UInt64(limit.period.rawValue))
        return LimitWindow(
            key: hasher.finalize(),
            end: limit.period.end(from: limit.period.start(of: now / 1_000))
        )
    }

    private func write(
        _ before: InlineArray<6, UInt32>,
        stop: Int?,
        _ now: Int64,
        into edits: inout PluginEdits
    ) {
        edits.dropResponse(names: self.ownFields)
        var tightest: Tightest?
        for (index, limit) in self.limits.enumerated() {
            let isCounted = stop == nil || stop == index
            let left = Int64(limit.count) - Int64(before[index]) - (isCounted ? 1 : 0)
            let remaining = UInt32(clamping: left)
            limit.lines.withUnsafeBytes { edits.responseLines.write($0) }
            edits.responseLines.write(decimal: UInt64(remaining))
            edits.responseLines.write("\r\n")
            // Of equally tight windows the longer one counts.
            if let known = tightest, known.remaining < remaining { continue }
            let passed = now - limit.period.start(of: now)
            tightest = Tightest(
                limit: index,
                remaining: remaining,
                reset: max(1, limit.period.seconds - passed)
            )
        }
        guard let tightest else { return }
        self.limits[tightest.limit].text.withUnsafeBytes {
            edits.addResponse("RateLimit-Limit", $0)
        }
        edits.addResponse("RateLimit-Remaining", UInt64(tightest.remaining))
        edits.addResponse("RateLimit-Reset", UInt64(tightest.reset))
        if stop != nil {
            edits.setResponse("retry-after", as: "Retry-After", UInt64(tightest.reset))
        }
    }
}
