/// What one target last said of the requests that it works on.
struct LoadReport {
    /// Requests that it has, with those that were sent there since it spoke.
    var load: Int32 = 0
    /// Whether it spoke within about a second.
    var isFresh = false
    /// When, in milliseconds.
    var at = Int64.min / 2
}

/// The loads that targets of one group have lately reported, and above which one of them is hot.
struct RecentLoads {
    /// How many are known.
    private static let room = 64
    /// Reports after which the limit is found anew.
    private static let period = 16
    /// Of so many in a hundred, the limit is not exceeded.
    ///
    /// Source: Wydrowski et al., "Load is not what you should balance: Introducing Prequal", 2024,
    /// section 4.2: 2 to the power of -0.25.
    private static let quantile = 84

    private var loads = SIMD64<UInt32>(repeating: 0)
    private var count = 0
    /// Who has more than that is hot.
    private(set) var limit = Int64.max

    /// Takes in one load.
    mutating func add(_ load: Int64) {
        self.loads[self.count % Self.room] = UInt32(clamping: load)
        self.count += 1
        guard self.count % Self.period == 0 else { return }
        let used = min(self.count, Self.room)
        // So that it never grows past what counts.
        if self.count == 2 * Self.room { self.count = Self.room }
        self.limit = withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Self.room) { room in
            for place in 0..<used { room.initializeElement(at: place, to: self.loads[place]) }
            var known = UnsafeMutableBufferPointer(rebasing: room[..<used])
            known.sort()
            return Int64(known[min(used - 1, used * Self.quantile / 100)])
        }
    }
}
