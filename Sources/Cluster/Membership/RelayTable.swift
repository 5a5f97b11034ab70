import MeshPrimitives

/// Pings this node sends for others, until answered or timed out.
struct RelayTable: Sendable {
    /// How many at most; further requests are not served, which costs the asker one relay.
    static let limit = 256

    /// One ping sent for somebody.
    struct Errand: Equatable, Sendable {
        let sequence: UInt32
        let target: NodeID
        let asker: Endpoint
        let askerSequence: UInt32
        var deadline: MonotonicInstant
    }

    private var errands: [Errand] = []

    /// The earliest deadline.
    var deadline: MonotonicInstant? { self.errands.map(\.deadline).min() }

    /// Takes an errand on.
    ///
    /// - Returns: whether there was room.
    mutating func insert(_ errand: Errand) -> Bool {
        guard self.errands.count < Self.limit else { return false }
        self.errands.append(errand)
        return true
    }

    /// Takes out the errand that `target`'s ack of `sequence` completes.
    mutating func complete(sequence: UInt32, from target: NodeID) -> Errand? {
        let place = self.errands.firstIndex { $0.sequence == sequence && $0.target == target }
        return place.map { self.errands.remove(at: $0) }
    }

    /// Takes out the errands whose target did not answer in time.
    mutating func expire(at now: MonotonicInstant) -> [Errand] {
        let due = self.errands.filter { $0.deadline <= now }
        self.errands.removeAll { $0.deadline <= now }
        return due
    }
}
