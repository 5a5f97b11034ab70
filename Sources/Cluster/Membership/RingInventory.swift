/// Which keys of the ring a member holds, without the keys.
public struct RingInventory: Hashable, Sendable {
    /// One key.
    public struct Key: Hashable, Sendable {
        /// Its number in the ring.
        public let epoch: UInt16
        /// The start of its hash: two keys of one number differ here.
        public let mark: UInt32

        /// Creates an entry.
        public init(epoch: UInt16, mark: UInt32) {
            self.epoch = epoch
            self.mark = mark
        }
    }

    /// Most keys of a ring: 16.
    public static let keyLimit = 16
    /// Of a node that has told nothing.
    public static let none = RingInventory(version: 0, sealingEpoch: 0, keys: [])

    /// Counts the changes of the ring in the running mesh; 0 for one that comes from a file.
    public let version: UInt32
    /// The key that the member seals with.
    public let sealingEpoch: UInt16
    /// The keys that it opens with, by rising epoch.
    public let keys: [Key]

    /// Creates an inventory; further keys than ``keyLimit`` are left out.
    public init(version: UInt32, sealingEpoch: UInt16, keys: [Key]) {
        self.version = version
        self.sealingEpoch = sealingEpoch
        self.keys = Array(keys.prefix(Self.keyLimit))
    }
}
