internal import MeshPrimitives

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

    /// The key of a place that is in use.
    func key(of place: Int32) -> PoolKey? { self.keys[Int(place)] }

    /// Gives a place back.
    mutating func vacate(_ place: Int32) {
        guard let key = self.keys[Int(place)] else { return }
        self.keys[Int(place)] = nil
        self.places[key] = nil
        self.vacant.append(place)
    }
}
