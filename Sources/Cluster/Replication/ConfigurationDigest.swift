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

    /// In name order.
    private var leaves: [Leaf] = []
    /// Changes since the last refresh; `nil` takes a name out.
    private var pending: [String: ContentHash?] = [:]
    private var isStale = true

    /// Over all entities; valid after ``refresh(with:)``.
    private(set) var hash = ContentHash.zero
    /// The highest stamp of any entity record, deletions included; never goes back.
    private(set) var stamp = HybridTimestamp.zero

    /// Takes in a record that became current.
    mutating func set(_ record: Record, hash: ContentHash) {
        self.stamp = max(self.stamp, record.version.stamp)
        self.pending.updateValue(record.isTombstone ? nil : hash, forKey: record.key.name)
        self.isStale = true
    }

    /// Brings ``hash`` up to date; call after a batch of changes, costs O(entities).
    mutating func refresh(with function: @Sendable ([UInt8]) -> ContentHash) {
        guard self.isStale else { return }
        self.isStale = false
        self.merge()
        var writer = ByteWriter(capacity: self.leaves.count * 16)
        for leaf in self.leaves { writer.write(leaf.hash) }
        self.hash = function(writer.bytes)
    }

    private mutating func merge() {
        var merged: [Leaf] = []
        merged.reserveCapacity(self.leaves.count + self.pending.count)
        var rest = self.leaves[...]
        for (name, hash) in self.pending.sorted(by: { $0.key < $1.key }) {
            let before = rest.prefix { $0.name < name }
            merged.append(contentsOf: before)
            rest = rest.dropFirst(before.count)
            if rest.first?.name == name { rest = rest.dropFirst() }
            if let hash { merged.append(Leaf(name: name, hash: hash)) }
        }
        merged.append(contentsOf: rest)
        self.leaves = merged
        self.pending = [:]
    }
}
