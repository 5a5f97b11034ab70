internal import Synchronization

/// A histogram of latencies by ``LatencyScale``: one writer, any number of readers, no locks.
///
/// Memory comes with the samples: one page of 512 bytes per factor of two.
struct LatencyCells: ~Copyable {
    /// Address of the words, or 0: the sum of the samples, then the pages' addresses.
    private let address = Atomic<UInt>(0)

    deinit {
        guard let words = self.words else { return }
        for page in 0..<LatencyScale.pageCount {
            let address = words[1 + page].load(ordering: .acquiring)
            UnsafeMutablePointer<UInt64>(bitPattern: address)?.deallocate()
        }
        words.deallocate()
    }

    private var words: UnsafeMutablePointer<Atomic<UInt>>? {
        UnsafeMutablePointer(bitPattern: self.address.load(ordering: .acquiring))
    }

    /// Adds one sample; writer only.
    @inline(__always)
    func add(microseconds: UInt64) {
        let (page, cell) = LatencyScale.place(of: microseconds)
        let words = self.words ?? self.makeWords()
        let sum = words[0].load(ordering: .relaxed)
        words[0].store(sum &+ UInt(microseconds), ordering: .relaxed)
        let known = UnsafeMutablePointer<UInt64>(
            bitPattern: words[1 + page].load(ordering: .relaxed)
        )
        CounterBlock(base: known ?? Self.makePage(words + 1 + page)).add(cell)
    }

    /// Adds all samples to a distribution.
    func read(into distribution: inout LatencyDistribution) {
        guard let words = self.words else { return }
        var cells: [LatencyDistribution.Cell] = []
        for page in 0..<LatencyScale.pageCount {
            let address = words[1 + page].load(ordering: .acquiring)
            guard let base = UnsafeMutablePointer<UInt64>(bitPattern: address) else { continue }
            let block = CounterBlock(base: base)
            for cell in 0..<LatencyScale.cellCount {
                let count = block.read(cell)
                guard count > 0 else { continue }
                let place = page * LatencyScale.cellCount + cell
                cells.append(LatencyDistribution.Cell(place: place, count: count))
            }
        }
        let sum = UInt64(words[0].load(ordering: .relaxed))
        distribution.merge(LatencyDistribution(cells: cells, sumMicroseconds: sum))
    }

    private func makeWords() -> UnsafeMutablePointer<Atomic<UInt>> {
        let words = UnsafeMutablePointer<Atomic<UInt>>
            .allocate(capacity: 1 + LatencyScale.pageCount)
        for word in 0...LatencyScale.pageCount { (words + word).initialize(to: Atomic(0)) }
        self.address.store(UInt(bitPattern: words), ordering: .releasing)
        return words
    }

    private static func makePage(
        _ place: UnsafeMutablePointer<Atomic<UInt>>
    ) -> UnsafeMutablePointer<UInt64> {
        let page = CounterBlock.allocate(LatencyScale.cellCount).base
        place.pointee.store(UInt(bitPattern: page), ordering: .releasing)
        return page
    }
}
