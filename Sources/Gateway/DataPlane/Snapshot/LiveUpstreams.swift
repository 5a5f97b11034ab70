/// One worker's upstreams by their numbers, and those that only requests on old views still use.
///
/// An unchanged upstream costs a new view one comparison and one copied pointer; the object is not
/// touched. A replaced one was in use from the view it was made for to the last view before its
/// successor, and is given back when none of these views is left.
struct LiveUpstreams {
    private struct Slot {
        /// Identity of the shape, which ``upstream`` keeps alive.
        var shape: UnsafeRawPointer?
        var upstream: LiveUpstream?
        /// The newest view that has it.
        var seenBy = 0
    }

    private struct Retired {
        let upstream: LiveUpstream
        let lastView: Int
    }

    private var slots: ContiguousArray<Slot> = []
    private var retired: ContiguousArray<Retired> = []
    /// Numbers of the views in use, rising.
    private var views: ContiguousArray<Int> = []
    private var viewNumber = 0

    /// How many upstreams only old views use.
    var retiredCount: Int { self.retired.count }

    /// The upstream that has a number now.
    subscript(number: Int) -> LiveUpstream? { self.slots[number].upstream }

    /// The upstreams of the newest view.
    var current: some Sequence<LiveUpstream> { self.slots.lazy.compactMap(\.upstream) }

    /// Begins a view: fills in the upstreams that are as they were.
    ///
    /// - Returns: the view's number, and the places that ``replace(_:with:)`` has to follow for.
    mutating func beginView(
        _ installation: Installation,
        into live: UnsafeMutablePointer<Unmanaged<LiveUpstream>>
    ) -> (number: Int, changed: [Int]) {
        while self.slots.count < installation.numberCount { self.slots.append(Slot()) }
        self.viewNumber += 1
        self.views.append(self.viewNumber)
        let number = self.viewNumber
        var changed: [Int] = []
        self.slots.withUnsafeMutableBufferPointer { slots in
            for place in 0..<installation.shapes.count {
                let slot = installation.slots[place]
                slots[slot.number].seenBy = number
                if slots[slot.number].shape == slot.shape,
                    let upstream = slots[slot.number].upstream
                {
                    (live + place).initialize(to: Unmanaged.passUnretained(upstream))
                } else {
                    changed.append(place)
                }
            }
        }
        return (number, changed)
    }

    /// Gives a number to a new upstream; the one before is for older views only.
    ///
    /// - Returns: the one before.
    mutating func replace(_ number: Int, with upstream: LiveUpstream) -> LiveUpstream? {
        let old = self.slots[number].upstream
        if let old { self.retired.append(Retired(upstream: old, lastView: self.viewNumber - 1)) }
        self.slots[number].shape = UnsafeRawPointer(
            Unmanaged.passUnretained(upstream.shape).toOpaque()
        )
        self.slots[number].upstream = upstream
        upstream.firstView = self.viewNumber
        return old
    }

    /// Takes out the upstreams that the newest view lacks, and returns them.
    mutating func retireUnseen() -> [LiveUpstream] {
        var gone: [LiveUpstream] = []
        for number in self.slots.indices where self.slots[number].seenBy != self.viewNumber {
            guard let upstream = self.slots[number].upstream else { continue }
            self.slots[number] = Slot()
            self.retired.append(Retired(upstream: upstream, lastView: self.viewNumber - 1))
            gone.append(upstream)
        }
        return gone
    }

    /// Ends a view, and returns the upstreams that nobody uses any more.
    mutating func endView(_ number: Int) -> [LiveUpstream] {
        let place = self.firstView(from: number)
        if place < self.views.count, self.views[place] == number { self.views.remove(at: place) }
        guard !self.retired.isEmpty else { return [] }
        var used: ContiguousArray<Retired> = []
        var free: [LiveUpstream] = []
        for retired in self.retired {
            let place = self.firstView(from: retired.upstream.firstView)
            if place < self.views.count, self.views[place] <= retired.lastView {
                used.append(retired)
            } else {
                free.append(retired.upstream)
            }
        }
        self.retired = used
        return free
    }

    /// Takes out everything, at the end of the worker and of all its views.
    mutating func removeAll() -> [LiveUpstream] {
        let all = self.slots.compactMap(\.upstream) + self.retired.map(\.upstream)
        self = LiveUpstreams()
        return all
    }

    /// Place of the first view in use whose number is not below.
    private func firstView(from number: Int) -> Int {
        var low = 0
        var high = self.views.count
        while low < high {
            let middle = (low + high) / 2
            if self.views[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
