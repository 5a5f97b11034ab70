/// A Redis and how it is reached.
public struct RedisTarget: Hashable, Sendable {
    /// A name or an address.
    public let host: String
    /// The port.
    public let port: UInt16
    /// How long connecting, and each answer, may take.
    public let milliseconds: Int64
    /// Who the node is there; nil for the user `default`.
    public let username: String?
    /// Its password; nil where none is asked.
    public let password: String?
    /// The number of the database.
    public let database: Int
    /// Whether it is spoken to by TLS.
    public let isSecure: Bool
    /// Whether its certificate is checked.
    public let verifies: Bool
    /// The name that is asked for, in place of the host's.
    public let serverName: String?
}

/// One window as a Redis counts it.
public struct RedisWindow: Sendable {
    /// Kong's key, so that both count together.
    public let name: [UInt8]
    /// What all may count together.
    public let limit: UInt32
    /// Seconds after which Redis may forget it.
    public let seconds: Int64

    /// Names a window.
    public init(name: [UInt8], limit: UInt32, seconds: Int64) {
        self.name = name
        self.limit = limit
        self.seconds = seconds
    }
}

/// What a Redis has said to a request that waited for it; trivial memory.
public struct LimitTally: Sendable {
    /// Most windows of one request.
    public static let countLimit = 12

    /// Whether an answer came.
    public enum Standing: UInt8, Sendable {
        /// Nobody was asked.
        case unasked
        case known
        case failed
    }

    /// Whether an answer came.
    public var standing = Standing.unasked
    /// The window that stopped the request; -1 for none.
    public var stop: Int8 = -1
    /// How many each window had counted before.
    public var counts = InlineArray<12, UInt32>(repeating: 0)

    /// Nobody was asked.
    public init() {}

    /// The tally of an answer that did not come.
    public static var failed: LimitTally {
        var tally = LimitTally()
        tally.standing = .failed
        return tally
    }
}

/// Counts at a Redis, beside the workers; from any thread, returns at once.
public protocol RedisCounting: AnyObject, Sendable {
    /// Has a request counted in all of some windows, or in none if one has reached its limit, and lets
    /// it go on with the tally, in time or not.
    ///
    /// - Parameters:
    ///   - windows: at most ``LimitTally/countLimit``.
    ///   - amount: 1, or 0 to look only.
    ///   - target: which Redis.
    ///   - resumption: how the request goes on.
    /// - Returns: false when too much waits already, so that nothing is done.
    func take(
        _ windows: [RedisWindow],
        amount: UInt32,
        at target: RedisTarget,
        _ resumption: PluginResumption
    ) -> Bool
    /// Adds to some windows, whatever comes of it.
    func add(_ amounts: [(window: RedisWindow, amount: UInt32)], at target: RedisTarget)
    /// Counts here, which a Redis is told every so many milliseconds.
    func table(of target: RedisTarget, every milliseconds: Int64) -> any NamedWindowCounting
}

/// Counts windows that have names elsewhere.
public protocol NamedWindowCounting: AnyObject, Sendable {
    /// Counts one more unless the limit is reached; `name` is asked for when the window is new.
    func take(
        _ window: LimitWindow,
        limit: UInt32,
        at now: Int64,
        name: () -> RedisWindow
    ) -> (before: UInt32, isTaken: Bool)
    /// How many were counted in the window.
    func count(in window: LimitWindow, at now: Int64) -> UInt32
    /// Takes one back that was taken in the window.
    func giveBack(_ window: LimitWindow, at now: Int64)
}
