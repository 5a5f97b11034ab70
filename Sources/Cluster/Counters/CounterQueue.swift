/// What waits for its turn, the oldest first.
struct CounterQueue<Element: Sendable>: Sendable {
    private var elements: [Element] = []
    private var head = 0

    /// How many wait.
    var count: Int { self.elements.count - self.head }

    /// The one whose turn is next.
    var first: Element? { self.head < self.elements.count ? self.elements[self.head] : nil }

    mutating func append(_ element: Element) { self.elements.append(element) }

    /// Takes out what waits in vain.
    mutating func keep(where isKept: (Element) -> Bool) {
        self.elements = self.elements[self.head...].filter(isKept)
        self.head = 0
    }

    mutating func popFirst() -> Element? {
        guard let first else { return nil }
        self.head += 1
        if self.head > 1_024, self.head * 2 > self.elements.count {
            self.elements.removeFirst(self.head)
            self.head = 0
        }
        return first
    }
}

/// Entries on their way, by whom they are for.
struct CounterOutbox<Node: Hashable & Comparable, Entry> {
    private var byNode: [Node: [Entry]] = [:]
    /// How many there are.
    private(set) var count = 0

    mutating func add(_ entry: Entry, to node: Node) {
        self.byNode[node, default: []].append(entry)
        self.count += 1
    }

    /// In the order of nodes, each of a bounded length.
    var messages: [(Node, [Entry])] {
        self.byNode.sorted { $0.key < $1.key }.flatMap { node, entries in
            stride(from: 0, to: entries.count, by: MeshCounters.messageLimit).map { start in
                (
                    node,
                    Array(entries[start..<min(start + MeshCounters.messageLimit, entries.count)])
                )
            }
        }
    }
}
