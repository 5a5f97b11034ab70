internal import MeshPrimitives

/// In which order one balancer asks its groups, on flat memory.
///
/// Groups with a share of the traffic come first; a draw in proportion to the shares says with which
/// of them a request begins. Groups without come after them.
struct BalancerOrder {
    /// The whole, in thousandths.
    static let whole = 1_000

    private let groupCount: Int
    /// Places of groups, those with a share first.
    private let places: UnsafeMutablePointer<Int32>
    /// Sums of the shares up to and with each of those.
    private let sums: UnsafeMutablePointer<Int32>
    /// How many have a share, at least 1 when there are groups.
    private(set) var activeCount = 0
    /// Whether nothing is chosen at all.
    var isClosed = false
    /// Whether targets may be full.
    var isLimited = false
    /// Which groups take what the others have no room for, by place.
    private let isOpen: UnsafeMutablePointer<Bool>

    /// The first group gets all.
    init(groupCount: Int) {
        self.groupCount = groupCount
        self.places = .allocate(capacity: max(1, groupCount))
        self.sums = .allocate(capacity: max(1, groupCount))
        self.isOpen = .allocate(capacity: max(1, groupCount))
        self.isOpen.initialize(repeating: false, count: max(1, groupCount))
        self.set { $0 == 0 ? 1 : 0 }
    }

    func deallocate() {
        self.places.deallocate()
        self.sums.deallocate()
        self.isOpen.deallocate()
    }

    /// Sets the share of each place; linear in their number.
    mutating func set(_ share: (Int) -> Int) {
        var count = 0
        var sum = 0
        for place in 0..<self.groupCount {
            let part = max(0, min(share(place), Self.whole))
            guard part > 0 else { continue }
            sum += part
            (self.places + count).initialize(to: Int32(place))
            (self.sums + count).initialize(to: Int32(sum))
            count += 1
        }
        if count == 0, self.groupCount > 0 {
            self.places.initialize(to: 0)
            self.sums.initialize(to: 1)
            count = 1
        }
        self.activeCount = count
        guard self.groupCount > 0 else { return }
        let first = Int(self.places[0])
        for step in 0..<self.groupCount {
            let place = (first + step) % self.groupCount
            let isActive = (0..<self.activeCount).contains { Int(self.places[$0]) == place }
            guard !isActive else { continue }
            (self.places + count).initialize(to: Int32(place))
            count += 1
        }
    }

    /// Sets which places take what the others have no room for.
    func open(_ isOpen: (Int) -> Bool) {
        for place in 0..<self.groupCount { self.isOpen[place] = isOpen(place) }
    }

    /// Whether a place takes what the others have no room for.
    @inline(__always)
    func isOpen(_ place: Int) -> Bool { self.isOpen[place] }

    /// Whether requests that find no room elsewhere may go to the group asked as number `step`.
    @inline(__always)
    func takesOverflow(_ step: Int, from start: Int) -> Bool {
        step < self.activeCount || self.isOpen[self.place(step, from: start)]
    }

    /// With which of the groups that have a share a request begins, from a number of any size.
    @inline(__always)
    func start(_ number: UInt64) -> Int {
        guard self.activeCount > 1 else { return 0 }
        let point = Int32(number % UInt64(self.sums[self.activeCount - 1]))
        var index = 0
        while self.sums[index] <= point { index += 1 }
        return index
    }

    /// The place of the group that is asked as number `step`.
    @inline(__always)
    func place(_ step: Int, from start: Int) -> Int {
        guard step < self.activeCount else { return Int(self.places[step]) }
        let index = start + step
        return Int(self.places[index < self.activeCount ? index : index - self.activeCount])
    }
}
