/// Shares the bytes of datagrams among lanes, so that no lane starves another.
///
/// Every datagram earns each lane that has something to say its share of the bytes. A lane spends what
/// it has earned, the richest first; what nobody claims goes to the lanes in their order and is free.
/// An item larger than a lane's share is sent once the lane has saved for it: after at most
/// `byteCount / share` datagrams the lane is the richest and the datagram is its own.
///
/// Source: deficit round robin, Shreedhar and Varghese 1995.
public struct DatagramPacker: Sendable {
    private let weights: [Int]
    private var savings: [Int]

    /// Creates a packer.
    ///
    /// - Parameter weights: the share of each lane, in the order of their importance; above 0.
    public init(weights: [Int]) {
        precondition(weights.allSatisfy { $0 > 0 }, "a lane without a share would starve")
        self.weights = weights
        self.savings = Array(repeating: 0, count: weights.count)
    }

    /// Fills one datagram.
    ///
    /// - Parameters:
    ///   - byteCount: room for all lanes together.
    ///   - isWaiting: whether a lane has something to say; one that has not saves nothing.
    ///   - take: takes items of a lane that fit the room given; returns their bytes, 0 when nothing
    ///     waits or fits.
    /// - Returns: bytes used.
    public mutating func fill(
        byteCount: Int,
        isWaiting: (Int) -> Bool,
        take: (Int, Int) -> Int
    ) -> Int {
        let total = self.weights.reduce(0, +)
        guard total > 0, byteCount > 0 else { return 0 }
        var room = byteCount
        var waiting: [Int] = []
        for lane in self.weights.indices {
            guard isWaiting(lane) else {
                self.savings[lane] = 0
                continue
            }
            waiting.append(lane)
            let earned = self.savings[lane] + byteCount * self.weights[lane] / total
            self.savings[lane] = min(byteCount, earned)
        }
        let richest = waiting.sorted { left, right in
            (self.savings[right], left) < (self.savings[left], right)
        }
        for lane in richest {
            let used = min(room, max(0, take(lane, min(room, self.savings[lane]))))
            self.savings[lane] -= min(used, self.savings[lane])
            room -= used
        }
        for lane in waiting where room > 0 { room -= min(room, max(0, take(lane, room))) }
        return byteCount - room
    }
}
