/// Idle links to targets, newest first, by the pool that their targets belong to.
struct LinkPool {
    /// Kong's defaults: idle links, requests per link, milliseconds idle.
    static let idleLimit: Int32 = 512
    static let requestLimit: UInt32 = 10_000
    static let idleMilliseconds: Int64 = 60_000

    private struct Idle {
        var first: Int32 = -1
        var count: Int32 = 0
    }

    private var pools: ContiguousArray<Idle> = []

    /// Adds an empty pool and returns its index.
    mutating func add() -> Int32 {
        self.pools.append(Idle())
        return Int32(self.pools.count - 1)
    }

    /// Takes the newest link out of a pool; -1 when there is none.
    @inline(__always)
    mutating func take(_ pool: Int32, _ io: inout LinkIO) -> Int32 {
        let index = self.pools[Int(pool)].first
        guard index >= 0 else { return -1 }
        self.remove(index, &io)
        io[index].pointee.role = .target
        return index
    }

    /// Keeps a link; `false` when it is worn out or its pool is full.
    @inline(__always)
    mutating func put(_ index: Int32, _ io: inout LinkIO) -> Bool {
        let link = io[index]
        let pool = Int(link.pointee.pool)
        guard link.pointee.requests < Self.requestLimit, self.pools[pool].count < Self.idleLimit
        else { return false }
        let first = self.pools[pool].first
        link.pointee.role = .idleTarget
        link.pointee.next = first
        link.pointee.previous = -1
        if first >= 0 { io[first].pointee.previous = index }
        self.pools[pool].first = index
        self.pools[pool].count += 1
        return true
    }

    /// Takes a certain link out of its pool.
    @inline(__always)
    mutating func remove(_ index: Int32, _ io: inout LinkIO) {
        let link = io[index]
        let (pool, next, previous) = (
            Int(link.pointee.pool), link.pointee.next, link.pointee.previous
        )
        if previous >= 0 {
            io[previous].pointee.next = next
        } else {
            self.pools[pool].first = next
        }
        if next >= 0 { io[next].pointee.previous = previous }
        self.pools[pool].count -= 1
    }
}
