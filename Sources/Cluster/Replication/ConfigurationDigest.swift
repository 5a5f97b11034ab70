internal import MeshPrimitives

/// The hash of the configuration, and its version.
///
/// Covers name and body of every entity record in name order, and nothing else: not stamps, writers
/// or deletions, which do not route. A node's routing is a function of exactly these names and
/// bodies, so equal hashes mean equal routing; and two meshes that were told the same in a
/// different order show the same hash.
struct ConfigurationDigest: Sendable {
    private struct Leaf: Sendable {
        let name: String
        let hash: ContentHash
    }

    private var leaves: [Leaf] = []
    private var isStale = true

    /// Over all entities; valid after ``refresh(with:)``.
    private(set) var hash = ContentHash.zero
    /// The highest stamp of any entity record, deletions included; never goes back.
    private(set) var stamp = HybridTimestamp.zero

    /// Takes in a record that became current.
    mutating func set(_ record: Record, hash: ContentHash) {
        self.stamp = max(self.stamp, record.version.stamp)
        let index = self.index(of: record.key.name)
        let isPresent = index < self.leaves.count && self.leaves[index].name == record.key.name
        switch (record.isTombstone, isPresent) {
        case (true, true): self.leaves.remove(at: index)
        case (true, false): return
        case (false, true):
            guard self.leaves[index].hash != hash else { return }
            self.leaves[index] = Leaf(name: record.key.name, hash: hash)
        case (false, false):
            self.leaves.insert(Leaf(name: record.key.name, hash: hash), at: index)
        }
        self.isStale = true
    }

    /// Brings ``hash`` up to date; call after a batch of changes.
    mutating func refresh(with function: @Sendable ([UInt8]) -> ContentHash) {
        guard self.isStale else { return }
        self.isStale = false
        var writer = ByteWriter(capacity: self.leaves.count * 16)
        for leaf in self.leaves { writer.write(leaf.hash) }
        self.hash = function(writer.bytes)
    }

    private func index(of name: String) -> Int {
        var range = 0..<self.leaves.count
        while !range.isEmpty {
            let middle = (range.lowerBound + range.upperBound) / 2
            if self.leaves[middle].name < name {
                range = (middle + 1)..<range.upperBound
            } else {
                range = range.lowerBound..<middle
            }
        }
        return range.lowerBound
    }
}
