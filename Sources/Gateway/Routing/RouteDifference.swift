public import MeshEntities

/// How routes differ from those of before, which share most of them.
struct RouteDifference {
    /// Places of routes that are new or found by other criteria.
    private(set) var changed: [Int] = []
    /// By place before: the place now, -1 for what is gone or changed.
    private(set) var places: ContiguousArray<Int32> = []

    /// `nil` when more than `limit` routes have come, gone or changed.
    init?(from old: EntityList<Route>, to new: EntityList<Route>, limit: Int) {
        self.places.reserveCapacity(old.count)
        var gone = 0
        var place = 0
        for index in 0..<old.count {
            // Most are the same ones, and are not looked at.
            if place < new.count, new.isSame(at: place, as: old, at: index) {
                self.places.append(Int32(place))
                place += 1
                continue
            }
            // Both are in the order of keys; where they are not, more counts as changed.
            while place < new.count, new[place].id < old[index].id {
                self.changed.append(place)
                place += 1
                if self.changed.count > limit { return nil }
            }
            guard place < new.count, new[place].id == old[index].id else {
                self.places.append(-1)
                gone += 1
                if gone > limit { return nil }
                continue
            }
            let isFound =
                new.isSame(at: place, as: old, at: index)
                || old[index].isFound(like: new[place])
            self.places.append(isFound ? Int32(place) : -1)
            if !isFound { self.changed.append(place) }
            place += 1
            if self.changed.count > limit { return nil }
        }
        self.changed += place..<new.count
        if self.changed.count > limit { return nil }
    }
}

extension Route {
    /// Whether requests find both routes by the same criteria and at the same precedence.
    public func isFound(like other: Route) -> Bool {
        self.id == other.id && self.paths == other.paths && self.hosts == other.hosts
            && self.service == other.service && self.protocols == other.protocols
            && self.methods == other.methods && self.headers == other.headers
            && self.snis == other.snis && self.sources == other.sources
            && self.destinations == other.destinations
            && self.regexPriority == other.regexPriority
            && self.expression == other.expression && self.priority == other.priority
            && self.createdAt == other.createdAt
    }
}
