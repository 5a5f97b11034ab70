internal import MeshPrimitives
internal import MeshTLS

/// Links to targets that may serve further requests, by ``PoolKey``: HTTP/1 links while they are idle,
/// newest first, and HTTP/2 links as long as they take streams.
struct LinkPool {
    private struct Pool {
        /// Newest idle link, or -1.
        var first: Int32 = -1
        /// Idle links.
        var count: Int32 = 0
        /// Links, idle or in use.
        var links: Int32 = 0
        /// Targets that use it; links of a pool without any are not kept.
        var holders: Int32 = 0
        var isHTTP2 = false
        var isTLS = false
        /// Whether every link is for one request.
        var isPrivate = false
        /// Whether it was made for one request's server name, and lasts as long as its links.
        var isBorrowed = false
        /// HTTP/2 links.
        var shared: ContiguousArray<Int32> = []
        /// What makes the next handshake a short one.
        var resumption: TLSResumption?
    }

    /// Borrowed pools whose links are kept: names come from clients, who know many.
    private static let borrowedLimit = 1_000

    private let limits: TargetPoolLimits
    private var borrowedCount = 0
    private var pools: ContiguousArray<Pool> = []
    private var places = PoolPlaces()
    /// Milliseconds that an idle link is kept; 0 for ever.
    let idleMilliseconds: Int64

    init(_ limits: TargetPoolLimits) {
        self.limits = limits
        self.idleMilliseconds = limits.idleTimeout.saturatedNanoseconds / 1_000_000
    }

    /// The pool of a key, which a target now uses.
    mutating func hold(_ key: PoolKey) -> Int32 {
        let place = self.place(of: key)
        self.pools[Int(place)].holders += 1
        return place
    }

    /// The pool of a key that no target has by itself; a link must join it at once.
    mutating func borrow(_ key: PoolKey) -> Int32 {
        let place = self.place(of: key)
        if self.pools[Int(place)].holders == 0, !self.pools[Int(place)].isBorrowed {
            self.pools[Int(place)].isBorrowed = true
            self.borrowedCount += 1
        }
        return place
    }

    private mutating func place(of key: PoolKey) -> Int32 {
        let place = self.places.place(of: key)
        while self.pools.count < self.places.count { self.pools.append(Pool()) }
        self.pools[Int(place)].isHTTP2 = key.protocol == .http2
        self.pools[Int(place)].isTLS = key.tls != nil
        self.pools[Int(place)].isPrivate = key.proxyHeader != nil
        return place
    }

    /// A target no longer uses the pool: returns a link to be closed, until there is none.
    mutating func release(_ place: Int32) -> Bool {
        self.pools[Int(place)].holders -= 1
        guard self.pools[Int(place)].holders == 0 else { return false }
        if self.pools[Int(place)].links == 0 {
            self.vacate(place)
            return false
        }
        return true
    }

    /// A link that nobody will use any more, of a pool that no target uses; -1 when there is none.
    func superfluous(_ place: Int32) -> Int32 {
        self.pools[Int(place)].holders == 0 ? self.pools[Int(place)].first : -1
    }

    /// Whether HTTP/2 is spoken on the pool's links.
    @inline(__always)
    func speaksHTTP2(_ place: Int32) -> Bool { self.pools[Int(place)].isHTTP2 }

    /// Whether every link of the pool is for one request.
    @inline(__always)
    func isPrivate(_ place: Int32) -> Bool { self.pools[Int(place)].isPrivate }

    /// Whether the pool's links are TLS.
    @inline(__always)
    func speaksTLS(_ place: Int32) -> Bool { self.pools[Int(place)].isTLS }

    /// What the pool's links have in common.
    func key(of place: Int32) -> PoolKey? { self.places.key(of: place) }

    /// A link of the pool was opened.
    @inline(__always)
    mutating func join(_ place: Int32) { self.pools[Int(place)].links += 1 }

    /// A link of the pool was closed.
    @inline(__always)
    mutating func leave(_ place: Int32) {
        self.pools[Int(place)].links -= 1
        guard self.pools[Int(place)].links == 0, self.pools[Int(place)].holders == 0 else { return }
        self.vacate(place)
    }

    /// Whether a session for the next handshake is wanted.
    @inline(__always)
    func wantsResumption(_ place: Int32) -> Bool {
        self.pools[Int(place)].isTLS && self.pools[Int(place)].resumption == nil
    }

    /// Keeps a session for the next handshake, in place of an older one.
    mutating func keep(_ resumption: TLSResumption, _ place: Int32) {
        self.pools[Int(place)].resumption?.free()
        self.pools[Int(place)].resumption = resumption
    }

    /// Takes the session for a new link's handshake.
    mutating func takeResumption(_ place: Int32) -> TLSResumption? {
        defer { self.pools[Int(place)].resumption = nil }
        return self.pools[Int(place)].resumption
    }

    /// Frees what the pools hold; their links are closed.
    mutating func deallocate() {
        for index in self.pools.indices { self.pools[index].resumption?.free() }
        self.pools = []
    }

    private mutating func vacate(_ place: Int32) {
        if self.pools[Int(place)].isBorrowed { self.borrowedCount -= 1 }
        self.pools[Int(place)].resumption?.free()
        self.pools[Int(place)] = Pool()
        self.places.vacate(place)
    }

    /// Takes the newest idle link out of a pool; -1 when there is none.
    @inline(__always)
    mutating func take(_ place: Int32, _ io: inout LinkIO) -> Int32 {
        let index = self.pools[Int(place)].first
        guard index >= 0 else { return -1 }
        self.remove(index, &io)
        io[index].pointee.role = .target
        return index
    }

    /// Keeps an idle link; `false` when it is worn out, or its pool is full or not used any more.
    @inline(__always)
    mutating func put(_ index: Int32, _ io: inout LinkIO) -> Bool {
        let link = io[index]
        let pool = Int(link.pointee.pool)
        let isWorn =
            self.limits.maximumRequests > 0
            && link.pointee.requests >= UInt32(clamping: self.limits.maximumRequests)
        guard !isWorn, self.pools[pool].count < Int32(clamping: self.limits.size),
            self.isKept(pool)
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

    @inline(__always)
    private func isKept(_ pool: Int) -> Bool {
        guard !self.pools[pool].isPrivate else { return false }
        return self.pools[pool].holders > 0
            || (self.pools[pool].isBorrowed && self.borrowedCount <= Self.borrowedLimit)
    }

    /// Takes a certain idle link out of its pool.
    @inline(__always)
    mutating func remove(_ index: Int32, _ io: inout LinkIO) {
        let link = io[index]
        let pool = Int(link.pointee.pool)
        let next = link.pointee.next
        let previous = link.pointee.previous
        if previous >= 0 {
            io[previous].pointee.next = next
        } else {
            self.pools[pool].first = next
        }
        if next >= 0 { io[next].pointee.previous = previous }
        self.pools[pool].count -= 1
    }

    /// Offers an HTTP/2 link to further requests.
    mutating func share(_ index: Int32, _ place: Int32) {
        self.pools[Int(place)].shared.append(index)
    }

    /// Offers an HTTP/2 link no more.
    mutating func unshare(_ index: Int32, _ place: Int32) {
        self.pools[Int(place)].shared.removeAll { $0 == index }
    }

    /// The HTTP/2 links of a pool.
    func shared(_ place: Int32) -> ContiguousArray<Int32> { self.pools[Int(place)].shared }
}
