import MeshPrimitives

/// A set of members in the order of their identities, which is also a ring.
struct SortedIDs: Sendable {
    private(set) var all: [NodeID] = []

    /// Puts a member in or takes it out.
    mutating func set(_ id: NodeID, isListed: Bool) {
        let place = self.place(of: id)
        let wasListed = place < self.all.endIndex && self.all[place] == id
        if isListed, !wasListed {
            self.all.insert(id, at: place)
        } else if !isListed, wasListed {
            self.all.remove(at: place)
        }
    }

    /// The next one after `id`, around the ring; `nil` without another.
    func successor(of id: NodeID) -> NodeID? {
        var place = self.place(of: id)
        if place < self.all.endIndex, self.all[place] == id { place += 1 }
        let next = place < self.all.endIndex ? self.all[place] : self.all.first
        return next == id ? nil : next
    }

    /// Picks up to `count` different ones, but not `excluded`.
    func pick(
        _ count: Int,
        except excluded: NodeID?,
        using generator: inout SeededGenerator
    ) -> [NodeID] {
        let isExcluded = excluded.map { self.contains($0) } ?? false
        guard self.all.count - (isExcluded ? 1 : 0) > count else {
            return self.all.filter { $0 != excluded }
        }
        var picked: [NodeID] = []
        while picked.count < count {
            let id = self.all[generator.next(below: self.all.count)]
            if id != excluded, !picked.contains(id) { picked.append(id) }
        }
        return picked
    }

    private func contains(_ id: NodeID) -> Bool {
        let place = self.place(of: id)
        return place < self.all.endIndex && self.all[place] == id
    }

    /// Where `id` stands or would stand.
    private func place(of id: NodeID) -> Int {
        var low = 0
        var high = self.all.count
        while low < high {
            let middle = (low + high) / 2
            if self.all[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
