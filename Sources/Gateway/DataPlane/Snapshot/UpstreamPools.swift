internal import MeshPrimitives

/// The idle connections of one ``PoolKey``, newest first.
struct UpstreamPool {
    /// Kong's defaults: idle connections, requests per connection, milliseconds idle.
    static let idleLimit: Int32 = 512
    static let requestLimit: UInt32 = 10_000
    static let idleMilliseconds: Int64 = 60_000

    var first: Int32 = -1
    /// Idle connections.
    var count: Int32 = 0
    /// Connections, idle or in use.
    var links: Int32 = 0
    /// Targets that use it; connections of a pool without any are not kept.
    var holders: Int32 = 0
}

/// Which place of a worker's pools each key has; pools of vanished targets give theirs back.
struct PoolPlaces {
    private var places: [PoolKey: Int32] = [:]
    private var keys: [PoolKey?] = []
    private var vacant: [Int32] = []

    /// How many places were ever given.
    var count: Int { self.keys.count }
    /// How many keys have a place.
    var usedCount: Int { self.places.count }

    /// The key's place, a new one if need be.
    mutating func place(of key: PoolKey) -> Int32 {
        if let known = self.places[key] { return known }
        let place: Int32
        if let reused = self.vacant.popLast() {
            place = reused
            self.keys[Int(place)] = key
        } else {
            place = Int32(truncatingIfNeeded: self.keys.count)
            self.keys.append(key)
        }
        self.places[key] = place
        return place
    }

    /// Gives a place back.
    mutating func vacate(_ place: Int32) {
        guard let key = self.keys[Int(place)] else { return }
        self.keys[Int(place)] = nil
        self.places[key] = nil
        self.vacant.append(place)
    }
}
