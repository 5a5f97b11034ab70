/// The cells of a latency histogram: microseconds below 64, then 64 cells per factor of two.
///
/// The middle of a cell is within 0.8 % (1/128) of every sample in it, so two digits are sure.
///
/// Source: the log-linear buckets of HdrHistogram (Tene).
enum LatencyScale {
    static let cellCount = 64
    /// The last page ends at 67 s; longer samples count in its last cell.
    static let pageCount = 21

    @inline(__always)
    static func place(of microseconds: UInt64) -> (page: Int, cell: Int) {
        guard microseconds >= 64 else { return (0, Int(microseconds)) }
        let shift = 57 - microseconds.leadingZeroBitCount
        guard shift < Self.pageCount - 1 else { return (Self.pageCount - 1, Self.cellCount - 1) }
        return (shift + 1, Int(microseconds >> UInt64(shift)) - 64)
    }

    /// The first microsecond of a cell, and how many it spans; cells counted over all pages.
    static func range(ofCell place: Int) -> (first: UInt64, count: UInt64) {
        guard place >= Self.cellCount else { return (UInt64(max(0, place)), 1) }
        let shift = UInt64(place / Self.cellCount - 1)
        return (UInt64(64 + place % Self.cellCount) << shift, 1 << shift)
    }
}

/// How long something took, many times: counts per cell of a fixed scale, so that those of workers,
/// routes and nodes can be added up.
///
/// From 1 µs to 60 s every sample is known to within 0.8 %.
public struct LatencyDistribution: Equatable, Sendable {
    /// A cell that has samples.
    struct Cell: Equatable, Sendable {
        let place: Int
        var count: UInt64
    }

    /// Rising.
    private var cells: [Cell]
    /// Sum of the samples in microseconds.
    public private(set) var sumMicroseconds: UInt64

    /// Creates an empty distribution.
    public init() { self.init(cells: [], sumMicroseconds: 0) }

    init(cells: [Cell], sumMicroseconds: UInt64) {
        self.cells = cells
        self.sumMicroseconds = sumMicroseconds
    }

    /// How many samples there are.
    public var count: UInt64 { self.cells.reduce(0) { $0 &+ $1.count } }

    /// The microseconds that the given part of the samples does not exceed, 0 to 1; 0 when there
    /// are none.
    public func quantile(_ part: Double) -> UInt64 {
        let count = self.count
        guard count > 0 else { return 0 }
        let rank = UInt64((Double(count) * min(max(part, 0), 1)).rounded(.up))
        var seen: UInt64 = 0
        for cell in self.cells {
            seen &+= cell.count
            guard seen >= max(1, rank) else { continue }
            let (first, width) = LatencyScale.range(ofCell: cell.place)
            return first + width / 2
        }
        return 0
    }

    /// How many samples took at most so long, to within 0.8 % of the time.
    public func count(upToMicroseconds limit: UInt64) -> UInt64 {
        var count: UInt64 = 0
        for cell in self.cells {
            let (first, width) = LatencyScale.range(ofCell: cell.place)
            guard first + width / 2 <= limit else { break }
            count &+= cell.count
        }
        return count
    }

    /// Adds all samples of another one.
    public mutating func merge(_ other: LatencyDistribution) {
        self.sumMicroseconds &+= other.sumMicroseconds
        guard !self.cells.isEmpty else {
            self.cells = other.cells
            return
        }
        var merged: [Cell] = []
        merged.reserveCapacity(max(self.cells.count, other.cells.count))
        var mine = self.cells[...]
        var theirs = other.cells[...]
        while let first = mine.first, let second = theirs.first {
            if first.place < second.place {
                merged.append(mine.removeFirst())
            } else if first.place > second.place {
                merged.append(theirs.removeFirst())
            } else {
                merged.append(Cell(place: first.place, count: first.count &+ second.count))
                mine.removeFirst()
                theirs.removeFirst()
            }
        }
        self.cells = merged + mine + theirs
    }
}

extension LatencyDistribution {
    /// The samples that came on top of an earlier state of the same counters.
    public func subtracting(_ earlier: LatencyDistribution) -> LatencyDistribution {
        var rest = earlier.cells[...]
        let cells = self.cells.compactMap { cell -> Cell? in
            while let first = rest.first, first.place < cell.place { rest.removeFirst() }
            let before = rest.first.flatMap { $0.place == cell.place ? $0.count : nil } ?? 0
            return cell.count > before
                ? Cell(place: cell.place, count: cell.count - before) : nil
        }
        let sum = self.sumMicroseconds - min(self.sumMicroseconds, earlier.sumMicroseconds)
        return LatencyDistribution(cells: cells, sumMicroseconds: sum)
    }
}
