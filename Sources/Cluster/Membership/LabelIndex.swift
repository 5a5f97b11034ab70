import MeshPrimitives

/// Which members have a name or an address, by a hash of it.
///
/// Two texts may have one hash, so whoever asks looks at the members themselves. Kept in buckets, so
/// that copies share what is equal.
struct LabelIndex: Sendable {
    private struct Entry: Comparable {
        let label: UInt64
        let id: NodeID

        static func < (left: Entry, right: Entry) -> Bool {
            (left.label, left.id) < (right.label, right.id)
        }
    }

    private static let bucketCount: UInt64 = 256
    private var buckets = [[Entry]](repeating: [], count: Int(Self.bucketCount))

    /// Creates an empty index.
    init() {}

    /// The hash of a name.
    static func label(_ name: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return SeededGenerator.mix(hash)
    }

    /// The hash of an address.
    static func label(_ endpoint: Endpoint) -> UInt64 {
        let port = UInt64(endpoint.port)
        switch endpoint.address {
        case .v4(let address):
            return SeededGenerator.mix(UInt64(address) << 16 | port)
        case .v6(let high, let low):
            return SeededGenerator.mix(SeededGenerator.mix(high ^ port) ^ low)
        }
    }

    /// The members under a label, by identity.
    func ids(of label: UInt64) -> [NodeID] {
        self.buckets[Int(label % Self.bucketCount)].filter { $0.label == label }.map(\.id)
    }

    /// Puts a member under a label or takes it out.
    mutating func set(_ id: NodeID, under label: UInt64, isListed: Bool) {
        let bucket = Int(label % Self.bucketCount)
        let entry = Entry(label: label, id: id)
        let entries = self.buckets[bucket]
        let place = entries.firstIndex { $0 >= entry } ?? entries.endIndex
        let wasListed = place < entries.endIndex && entries[place] == entry
        if isListed, !wasListed {
            self.buckets[bucket].insert(entry, at: place)
        } else if !isListed, wasListed {
            self.buckets[bucket].remove(at: place)
        }
    }
}
