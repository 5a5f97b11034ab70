import MeshPrimitives

/// When each slot is due next: one moment a slot, the earliest first.
///
/// A binary heap that knows where each slot stands, so that a slot that is due at another time is
/// moved, never added twice.
struct DueQueue: Sendable {
    private var heap: [Int32] = []
    /// Place in ``heap`` by slot; -1 for none.
    private var places: [Int32] = []
    private var moments: [MonotonicInstant] = []

    var count: Int { self.heap.count }

    /// The earliest moment.
    var first: (slot: Int, at: MonotonicInstant)? {
        guard let slot = self.heap.first else { return nil }
        return (Int(slot), self.moments[Int(slot)])
    }

    /// Sets when a slot is due, in O(log n); `nil` takes it out.
    mutating func set(_ slot: Int, to moment: MonotonicInstant?) {
        while self.places.count <= slot {
            self.places.append(-1)
            self.moments.append(MonotonicInstant(nanoseconds: .max))
        }
        let place = Int(self.places[slot])
        guard let moment else { return self.remove(at: place) }
        let before = self.moments[slot]
        self.moments[slot] = moment
        if place < 0 {
            self.heap.append(Int32(slot))
            self.places[slot] = Int32(self.heap.count - 1)
            self.rise(self.heap.count - 1)
        } else if moment < before {
            self.rise(place)
        } else if before < moment {
            self.sink(place)
        }
    }

    private mutating func remove(at place: Int) {
        guard place >= 0 else { return }
        self.places[Int(self.heap[place])] = -1
        let last = self.heap.removeLast()
        guard place < self.heap.count else { return }
        self.heap[place] = last
        self.places[Int(last)] = Int32(place)
        self.rise(place)
        self.sink(Int(self.places[Int(last)]))
    }

    private func moment(at place: Int) -> MonotonicInstant { self.moments[Int(self.heap[place])] }

    private mutating func rise(_ start: Int) {
        var place = start
        while place > 0, self.moment(at: place) < self.moment(at: (place - 1) / 2) {
            self.swap(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    private mutating func sink(_ start: Int) {
        var place = start
        while true {
            var least = place
            for child in (2 * place + 1)...(2 * place + 2)
            where child < self.heap.count && self.moment(at: child) < self.moment(at: least) {
                least = child
            }
            guard least != place else { return }
            self.swap(place, least)
            place = least
        }
    }

    private mutating func swap(_ one: Int, _ other: Int) {
        self.heap.swapAt(one, other)
        self.places[Int(self.heap[one])] = Int32(one)
        self.places[Int(self.heap[other])] = Int32(other)
    }
}
