internal import CMeshSystem
internal import MeshPlugins

/// One connection to a Redis, kept and begun anew when it has ended; used by one thread.
final class RedisLink {
    /// Milliseconds after a failure during which nothing is tried, so that what waits is not held up by
    /// one time-out after the other.
    private static let rest: Int64 = 100

    private let target: RedisTarget
    private let security: OutsideSecurity?
    private var connection: OutsideConnection?
    private var unread: [UInt8] = []
    private var restsUntil: Int64 = 0

    init(_ target: RedisTarget) {
        self.target = target
        self.security =
            target.isSecure
            ? OutsideSecurity(name: target.serverName ?? target.host, verifies: target.verifies)
            : nil
    }

    /// The answers to some commands, in their order; nil when not all came in time.
    func ask(_ commands: [[[UInt8]]]) -> [RedisReply]? {
        guard Self.now() >= self.restsUntil else { return nil }
        if self.connection?.hasEnded() ?? true { self.connect() }
        if let replies = self.exchange(commands) { return replies }
        self.connection = nil
        self.restsUntil = Self.now() + Self.rest
        return nil
    }

    private static func now() -> Int64 { mesh_clock_nanoseconds() / 1_000_000 }

    private func connect() {
        self.connection = nil
        self.unread = []
        guard !self.target.isSecure || self.security != nil else { return }
        self.connection = OutsideConnection(
            self.target.host,
            self.target.port,
            security: self.security,
            milliseconds: self.target.milliseconds
        )
        guard self.connection != nil else { return }
        var greeting: [[[UInt8]]] = []
        if let password = self.target.password {
            let user = self.target.username.map { [$0] } ?? []
            greeting.append((["AUTH"] + user + [password]).map { Array($0.utf8) })
        }
        if self.target.database != 0 {
            greeting.append(["SELECT", "\(self.target.database)"].map { Array($0.utf8) })
        }
        let isWelcome = self.exchange(greeting)?.allSatisfy { $0 == .status("OK") } ?? false
        if !isWelcome { self.connection = nil }
    }

    private func exchange(_ commands: [[[UInt8]]]) -> [RedisReply]? {
        let bytes = commands.flatMap { RedisReply.command($0) }
        let deadline = Self.now() + self.target.milliseconds
        guard self.connection?.send(bytes, milliseconds: self.target.milliseconds) == true else {
            return nil
        }
        var replies: [RedisReply] = []
        while replies.count < commands.count {
            do throws(RedisReply.Damage) {
                if let reply = try RedisReply.take(from: &self.unread) {
                    replies.append(reply)
                    continue
                }
            } catch { return nil }
            let left = deadline - Self.now()
            guard left > 0,
                self.connection?.receive(into: &self.unread, milliseconds: left) == .bytes
            else { return nil }
        }
        return replies
    }
}
