import MeshEntities
import MeshHTTP
import MeshPrimitives

/// Kong's `rate-limiting`: so many requests per window of time, counted per consumer, credential,
/// address, service, path or header.
///
/// With the policy `local` all workers of a node count together. As in Kong a refused request is not
/// counted; unlike there, requests at the same moment do not pass a limit together.
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
    private let seed: Hasher

    init(_ settings: PluginSettings) throws(PluginError) {
        let fields = RateLimitFields(settings)
        self.limits = try fields.limits()
        self.subject = try fields.subject()
        try fields.checkPolicy()
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
        var seed = Hasher()
        seed.combine(settings.plugin.route)
        seed.combine(settings.plugin.service)
        self.seed = seed
    }

    /// Counts the request, or refuses it.
    func access(
        _ request: PluginRequest,
        _ state: PluginState,
        _ edits: inout PluginEdits
    ) -> PluginVerdict {
        guard let counters = request.windows else {
            return self.isFaultTolerant
                ? .next : .answer(PluginAnswer(status: 500, error: "An unexpected error occurred"))
        }
        let now = Int64(clamping: request.wallMilliseconds / 1_000)
        let hasher = self.subject.hash(request, state, self.seed)
        var before = InlineArray<6, UInt32>(repeating: 0)
        var stop: Int?
        for (index, limit) in self.limits.enumerated() {
            let window = Self.window(limit, hasher, now)
            let (count, isTaken) = counters.take(window, limit: limit.count, at: now)
            before[index] = count
            guard !isTaken else { continue }
            // The later of two exhausted windows is the one that stops.
            stop = index
            break
        }
        if let stop {
            for index in 0..<stop {
                counters.giveBack(Self.window(self.limits[index], hasher, now), at: now)
            }
            for index in (stop + 1)..<max(stop + 1, self.limits.count) {
                before[index] = counters.count(in: Self.window(self.limits[index], hasher, now))
            }
        }
        if !self.hidesFields {
            self.write(before, stop: stop, now, into: &edits)
        }
        return stop == nil ? .next : .answer(self.refusal)
    }

    private static func window(
        _ limit: Limit,
        _ hasher: Hasher,
        _ now: Int64
    ) -> WindowCounters.Window {
        var hasher = hasher
        hasher.combine(limit.period.rawValue)
        return WindowCounters.Window(
            key: UInt64(bitPattern: Int64(hasher.finalize())),
            end: limit.period.end(from: limit.period.start(of: now))
        )
    }

    private func write(
        _ before: InlineArray<6, UInt32>,
        stop: Int?,
        _ now: Int64,
        into edits: inout PluginEdits
    ) {
        var tightest: Tightest?
        for (index, limit) in self.limits.enumerated() {
            let isCounted = stop == nil || stop == index
            let left = Int64(limit.count) - Int64(before[index]) - (isCounted ? 1 : 0)
            let remaining = UInt32(clamping: left)
            limit.limitName.withUnsafeBytes { edits.dropResponse($0) }
            limit.remainingName.withUnsafeBytes { edits.dropResponse($0) }
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
            edits.setResponse("ratelimit-limit", as: "RateLimit-Limit", $0)
        }
        edits.setResponse(
            "ratelimit-remaining",
            as: "RateLimit-Remaining",
            UInt64(tightest.remaining)
        )
        edits.setResponse("ratelimit-reset", as: "RateLimit-Reset", UInt64(tightest.reset))
        if stop != nil {
            edits.setResponse("retry-after", as: "Retry-After", UInt64(tightest.reset))
        }
    }
}
