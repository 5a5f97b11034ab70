import MeshPrimitives

/// What happens when, ordered by (instant, insertion number), so that a run never depends on chance.
///
/// The heap holds places only; the events themselves, which may be large, stay where they are.
struct EventQueue<Event> {
    private struct Entry {
        let at: MonotonicInstant
        let number: UInt64
        let place: Int

        func precedes(_ other: Entry) -> Bool {
            self.at == other.at ? self.number < other.number : self.at < other.at
        }
    }

    private var heap: [Entry] = []
    private var events: [Event?] = []
    private var free: [Int] = []
    private var number: UInt64 = 0

    /// Adds an event.
    mutating func push(_ event: Event, at instant: MonotonicInstant) {
        self.number += 1
        let place = self.free.popLast() ?? self.events.count
        if place == self.events.count {
            self.events.append(event)
        } else {
            self.events[place] = event
        }
        let entry = Entry(at: instant, number: self.number, place: place)
        self.heap.append(entry)
        var child = self.heap.count - 1
        while child > 0, entry.precedes(self.heap[(child - 1) / 2]) {
            self.heap[child] = self.heap[(child - 1) / 2]
            child = (child - 1) / 2
        }
        self.heap[child] = entry
    }

    /// Takes the next event, unless it lies after `limit`.
    mutating func pop(until limit: MonotonicInstant) -> (at: MonotonicInstant, event: Event)? {
        guard let first = self.heap.first, first.at <= limit,
            let event = self.events[first.place].take()
        else { return nil }
        self.free.append(first.place)
        let last = self.heap.removeLast()
        if !self.heap.isEmpty { self.sink(last) }
        return (first.at, event)
    }

    /// Puts an entry in place of the first and lets it sink to where it belongs.
    private mutating func sink(_ entry: Entry) {
        var parent = 0
        let count = self.heap.count
        while 2 * parent + 1 < count {
            var child = 2 * parent + 1
            if child + 1 < count, self.heap[child + 1].precedes(self.heap[child]) { child += 1 }
            guard self.heap[child].precedes(entry) else { break }
            self.heap[parent] = self.heap[child]
            parent = child
        }
        self.heap[parent] = entry
    }
}

/// A run in which time passes only from event to event.
protocol TimedRun {
    /// What happens.
    associatedtype Event
    /// The moment of the run.
    var now: MonotonicInstant { get set }
    /// What is still to happen.
    var events: EventQueue<Event> { get set }
    /// Lets one event happen.
    mutating func take(_ event: Event)
}

extension TimedRun {
    /// Lets time pass.
    mutating func run(for pause: Duration) {
        let end = self.now.advanced(by: pause)
        while let (at, event) = self.events.pop(until: end) {
            self.now = at
            self.take(event)
        }
        self.now = end
    }
}
