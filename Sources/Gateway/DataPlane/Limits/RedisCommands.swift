internal import MeshPlugins

/// What a Redis is asked, and what its answers mean.
enum RedisCommands {
    /// Counts in all windows unless one has reached its limit: no other client's command comes between.
    ///
    /// Keys are the windows; arguments how many to count, then each limit, then each lifetime. Answers what
    /// all had counted before, and the number of the one that stopped it, or 0.
    private static let takeScript = """
        local stop, counts = 0, {}
        for i, key in ipairs(KEYS) do
          counts[i] = tonumber(redis.call('GET', key) or '0')
          if stop == 0 and counts[i] >= tonumber(ARGV[1 + i]) then stop = i end
        end
        local amount = tonumber(ARGV[1])
        if stop == 0 and amount > 0 then
          for i, key in ipairs(KEYS) do
            if redis.call('INCRBY', key, amount) == amount then
              redis.call('EXPIRE', key, ARGV[1 + #KEYS + i])
            end
          end
        end
        counts[#KEYS + 1] = stop
        return counts
        """

    /// Adds to one window; answers its sum.
    private static let addScript = """
        local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
        if sum == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
        return sum
        """

    static func take(_ windows: [RedisWindow], amount: UInt32) -> [[UInt8]] {
        Self.texts(["EVAL", Self.takeScript, "\(windows.count)"]) + windows.map(\.name)
            + Self.texts(
                ["\(amount)"] + windows.map { "\($0.limit)" } + windows.map { "\($0.seconds)" }
            )
    }

    static func add(_ amount: UInt32, to window: RedisWindow) -> [[UInt8]] {
        Self.texts(["EVAL", Self.addScript, "1"]) + [window.name]
            + Self.texts(["\(amount)", "\(window.seconds)"])
    }

    /// What the answer to ``take(_:amount:)`` says.
    static func tally(_ reply: RedisReply, of count: Int) -> LimitTally {
        guard case .list(let numbers) = reply, numbers.count == count + 1,
            count <= LimitTally.countLimit
        else { return .failed }
        var tally = LimitTally()
        tally.standing = .known
        for (index, number) in numbers.enumerated() {
            guard case .integer(let value) = number else { return .failed }
            if index < count {
                tally.counts[index] = UInt32(clamping: value)
            } else {
                tally.stop = Int8(clamping: value - 1)
            }
        }
        return tally
    }

    private static func texts(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }
}
