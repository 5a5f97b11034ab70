/// Something kept for each of many nodes, so that a copy costs nothing until it is changed, and then
/// only the part that changes.
///
/// Nodes are spread over 256 buckets by identity, each sorted; so looking up costs about as much as in
/// a dictionary, and ten thousand tables that differ in little share the rest.
public struct NodeTable<Value: Sendable>: Sendable {
    @usableFromInline
    struct Entry: Sendable {
        @usableFromInline let id: NodeID
        @usableFromInline var value: Value

        @usableFromInline
        init(id: NodeID, value: Value) {
            self.id = id
            self.value = value
        }
    }

    @usableFromInline var buckets = [[Entry]](repeating: [], count: NodeBucket.count)
    /// How many nodes have an entry.
    public private(set) var count = 0

    /// Creates an empty table.
    public init() {}

    /// What is kept for a node; `nil` removes it.
    @inlinable
    public subscript(id: NodeID) -> Value? {
        get {
            let bucket = NodeBucket.of(id)
            let place = Self.place(of: id, in: self.buckets[bucket])
            guard place < self.buckets[bucket].count, self.buckets[bucket][place].id == id else {
                return nil
            }
            return self.buckets[bucket][place].value
        }
        set {
            let bucket = NodeBucket.of(id)
            let place = Self.place(of: id, in: self.buckets[bucket])
            let isThere =
                place < self.buckets[bucket].count && self.buckets[bucket][place].id == id
            switch (newValue, isThere) {
            case (let value?, true): self.buckets[bucket][place].value = value
            case (let value?, false):
                self.buckets[bucket].insert(Entry(id: id, value: value), at: place)
                self.note(added: 1)
            case (nil, true):
                self.buckets[bucket].remove(at: place)
                self.note(added: -1)
            case (nil, false): break
            }
        }
    }

    /// What is kept for the nodes of one bucket, by identity.
    @inlinable
    public func values(in bucket: Int) -> [Value] { self.buckets[bucket].map(\.value) }

    /// What is kept for every node, by identity.
    @inlinable
    public var values: [Value] {
        self.buckets.joined().sorted { $0.id < $1.id }.map(\.value)
    }

    @usableFromInline
    mutating func note(added: Int) { self.count += added }

    /// The first place in a sorted bucket whose identity is not below `id`.
    @inlinable
    static func place(of id: NodeID, in entries: [Entry]) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// The 256 parts into which nodes are divided by identity, alike everywhere.
public enum NodeBucket {
    /// How many there are.
    public static let count = 256

    /// The part of a node, below ``count``.
    @inlinable
    public static func of(_ id: NodeID) -> Int {
        Int(SeededGenerator.mix(id.high ^ id.low) >> 56)
    }
}
