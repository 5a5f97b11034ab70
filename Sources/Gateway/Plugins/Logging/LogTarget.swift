/// Where a log plugin sends entries.
public enum LogTarget: Equatable, Sendable {
    /// Appends lines to a file; opens it for every batch if `reopens`.
    case file(path: String, reopens: Bool)
    /// Sends one datagram per entry.
    case udp(host: String, port: UInt16)
    /// Sends lines over a connection.
    case tcp(host: String, port: UInt16, security: LogSecurity?, milliseconds: Int64)
    /// Sends requests over a connection.
    case http(HTTPLogEndpoint)
    /// Tells the local daemon.
    case syslog(SyslogRules)
}

/// How a connection to a log is secured; the peer's certificate is not checked.
public struct LogSecurity: Hashable, Sendable {
    /// The name that is asked for.
    public let name: String
}

/// Where and how requests tell entries.
public struct HTTPLogEndpoint: Hashable, Sendable {
    /// A name or an address, without brackets.
    public let host: String
    /// The port.
    public let port: UInt16
    /// How the connection is secured; nil for plain HTTP.
    public let security: LogSecurity?
    /// Everything of a request's head but its length.
    public let head: [UInt8]
    /// How long one request may take.
    public let milliseconds: Int64
}

/// Which entries the local daemon is told, and how.
public struct SyslogRules: Equatable, Sendable {
    /// The facility's number times 8.
    public let facility: Int
    /// The least urgent severity that is told, 0 to 7.
    public let level: Int
    let successful: Int
    let clientErrors: Int
    let serverErrors: Int

    /// The severity of an answer's entry; nil when it is not told.
    public func severity(of status: UInt16) -> Int? {
        let severity =
            status >= 500
            ? self.serverErrors : status >= 400 ? self.clientErrors : self.successful
        return severity <= self.level ? severity : nil
    }
}

/// How entries are batched, kept and repeated: Kong's `queue` record.
///
/// Source: Kong 3.9, `kong/tools/queue.lua` and `queue_schema.lua`.
public struct LogDeliveryRules: Equatable, Sendable {
    /// Most entries of one batch (1).
    public var batchLimit = 1
    /// Milliseconds that a batch waits for more entries (1,000).
    public var coalescingMilliseconds: Int64 = 1_000
    /// Most entries that wait (10,000).
    public var entryLimit = 10_000
    /// Most bytes that wait.
    public var byteLimit = Int.max
    /// Milliseconds that a batch is tried for (60,000).
    public var retryMilliseconds: Int64 = 60_000
    /// Milliseconds before the first repetition; doubled for every other (10).
    public var firstDelay: Int64 = 10
    /// Most milliseconds between repetitions (60,000).
    public var longestDelay: Int64 = 60_000
}
