/// A set of nodes in the order of their identities, which is also a ring.
///
/// Kept in chunks, so that copies share what is equal and a change moves little.
public struct SortedIDs: Sendable {
    /// The longest chunk: 128.
    private static let chunkLimit = 128

    /// Sorted, each with one identity at least.
    private var chunks: [[NodeID]] = []
    /// How many identities lie before each chunk.
    private var starts: [Int] = []
    /// How many nodes there are.
    public private(set) var count = 0

    /// Creates an empty set.
    public init() {}

    /// Whether there is no node.
    public var isEmpty: Bool { self.count == 0 }

    /// Every node, in order; costs as much as there are.
    public var all: [NodeID] { Array(self.chunks.joined()) }

    /// The node at a place in the order, from 0 to below ``count``.
    public subscript(place: Int) -> NodeID {
        let chunk = Self.last(in: self.starts.count) { self.starts[$0] <= place }
        return self.chunks[chunk][place - self.starts[chunk]]
    }

    /// Whether a node is among them.
    public func contains(_ id: NodeID) -> Bool {
        let (chunk, place) = self.place(of: id)
        return chunk < self.chunks.count && place < self.chunks[chunk].count
            && self.chunks[chunk][place] == id
    }

    /// Puts a node in or takes it out.
    ///
    /// - Returns: whether that changed anything.
    @discardableResult
    public mutating func set(_ id: NodeID, isListed: Bool) -> Bool {
        guard self.contains(id) != isListed else { return false }
        if isListed { self.insert(id) } else { self.remove(id) }
        return true
    }

    /// The next one after `id`, around the ring; `nil` without another.
    public func successor(of id: NodeID) -> NodeID? {
        guard self.count > 0 else { return nil }
        let (chunk, place) = self.place(of: id)
        var next = chunk < self.chunks.count ? self.starts[chunk] + place : self.count
        if next < self.count, self[next] == id { next += 1 }
        let follower = self[next < self.count ? next : 0]
        return follower == id ? nil : follower
    }

    /// Picks up to `count` different ones, but not `excluded`.
    public func pick(
        _ count: Int,
        except excluded: NodeID?,
        using generator: inout SeededGenerator
    ) -> [NodeID] {
        let isExcluded = excluded.map { self.contains($0) } ?? false
        guard self.count - (isExcluded ? 1 : 0) > count else {
            return self.all.filter { $0 != excluded }
        }
        var picked: [NodeID] = []
        while picked.count < count {
            let id = self[generator.next(below: self.count)]
            if id != excluded, !picked.contains(id) { picked.append(id) }
        }
        return picked
    }

    private mutating func insert(_ id: NodeID) {
        let (chunk, place) = self.place(of: id)
        self.count += 1
        guard chunk < self.chunks.count else {
            self.chunks = [[id]]
            self.starts = [0]
            return
        }
        self.chunks[chunk].insert(id, at: place)
        if self.chunks[chunk].count > Self.chunkLimit {
            let half = self.chunks[chunk].count / 2
            self.chunks.insert(Array(self.chunks[chunk][half...]), at: chunk + 1)
            self.chunks[chunk].removeSubrange(half...)
            self.starts.insert(0, at: chunk + 1)
        }
        self.count(from: chunk)
    }

    private mutating func remove(_ id: NodeID) {
        let (chunk, place) = self.place(of: id)
        self.count -= 1
        self.chunks[chunk].remove(at: place)
        if self.chunks[chunk].isEmpty {
            self.chunks.remove(at: chunk)
            self.starts.remove(at: chunk)
        }
        self.count(from: chunk)
    }

    private mutating func count(from first: Int) {
        guard first < self.chunks.count else { return }
        var start = first == 0 ? 0 : self.starts[first - 1] + self.chunks[first - 1].count
        for chunk in first..<self.chunks.count {
            self.starts[chunk] = start
            start += self.chunks[chunk].count
        }
    }

    /// The last chunk that begins at or before `id`, and where in it `id` stands or would stand.
    private func place(of id: NodeID) -> (chunk: Int, place: Int) {
        let chunk = Self.last(in: self.chunks.count) { self.chunks[$0][0] <= id }
        guard chunk < self.chunks.count else { return (chunk, 0) }
        let ids = self.chunks[chunk]
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < id { low = middle + 1 } else { high = middle }
        }
        return (chunk, low)
    }

    /// The last of `count` places for which `holds`, which holds for the first one and up to some
    /// place; 0 when there is none.
    private static func last(in count: Int, where holds: (Int) -> Bool) -> Int {
        var low = 0
        var high = count
        while high - low > 1 {
            let middle = (low + high) / 2
            if holds(middle) { low = middle } else { high = middle }
        }
        return low
    }
}
