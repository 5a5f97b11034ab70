import MeshPrimitives

/// What happens when, ordered by (instant, insertion number), so that a run never depends on chance.
struct EventQueue<Event> {
    private struct Entry {
        let at: MonotonicInstant
        let number: UInt64
        let event: Event

        func precedes(_ other: Entry) -> Bool {
            (self.at, self.number) < (other.at, other.number)
        }
    }

    private var heap: [Entry] = []
    private var number: UInt64 = 0

    /// Adds an event.
    mutating func push(_ event: Event, at instant: MonotonicInstant) {
        self.number += 1
        self.heap.append(Entry(at: instant, number: self.number, event: event))
        var child = self.heap.count - 1
        while child > 0, self.heap[child].precedes(self.heap[(child - 1) / 2]) {
            self.heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the next event, unless it lies after `limit`.
    mutating func pop(until limit: MonotonicInstant) -> (at: MonotonicInstant, event: Event)? {
        guard let first = self.heap.first, first.at <= limit else { return nil }
        let last = self.heap.removeLast()
        if !self.heap.isEmpty {
            self.heap[0] = last
            self.sink()
        }
        return (first.at, first.event)
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < self.heap.count {
                if self.heap[child].precedes(self.heap[least]) { least = child }
            }
            guard least != parent else { return }
            self.heap.swapAt(parent, least)
            parent = least
        }
    }
}
