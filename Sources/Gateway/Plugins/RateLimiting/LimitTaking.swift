/// What limits of one request are counted in, by the place of each limit in its plugin.
protocol LimitTaking {
    func count(in window: LimitWindow, at now: Int64) -> UInt32
    func take(
        _ index: Int,
        _ window: LimitWindow,
        limit: UInt32,
        at now: Int64
    ) -> (before: UInt32, isTaken: Bool)
    func giveBack(_ window: LimitWindow, at now: Int64)
}

/// Counts of windows that need no names.
struct PlainCounts: LimitTaking {
    private let counters: any WindowCounting

    init(_ counters: any WindowCounting) { self.counters = counters }

    func count(in window: LimitWindow, at now: Int64) -> UInt32 {
        self.counters.count(in: window, at: now)
    }

    func take(
        _ index: Int,
        _ window: LimitWindow,
        limit: UInt32,
        at now: Int64
    ) -> (before: UInt32, isTaken: Bool) {
        self.counters.take(window, limit: limit, at: now)
    }

    func giveBack(_ window: LimitWindow, at now: Int64) {
        self.counters.giveBack(window, at: now)
    }
}

/// Counts of windows that are told to a Redis later.
struct NamedCounts: LimitTaking {
    private let counters: any NamedWindowCounting
    private let name: (Int) -> RedisWindow

    init(_ counters: any NamedWindowCounting, name: @escaping (Int) -> RedisWindow) {
        self.counters = counters
        self.name = name
    }

    func count(in window: LimitWindow, at now: Int64) -> UInt32 {
        self.counters.count(in: window, at: now)
    }

    func take(
        _ index: Int,
        _ window: LimitWindow,
        limit: UInt32,
        at now: Int64
    ) -> (before: UInt32, isTaken: Bool) {
        self.counters.take(window, limit: limit, at: now) { self.name(index) }
    }

    func giveBack(_ window: LimitWindow, at now: Int64) {
        self.counters.giveBack(window, at: now)
    }
}

/// How long a request waits for a Redis.
enum RedisPatience {
    /// For a connection, a greeting and an answer, and a little for those before it.
    static func milliseconds(_ target: RedisTarget) -> Int64 { target.milliseconds * 3 + 500 }
}
