internal import MeshBalancing

/// All workers' counters of what waited at an upstream with limits, freed with the last snapshot that
/// has it.
final class WaitingRows: Sendable {
    /// Places of one worker's counters.
    enum Place {
        /// Requests that wait now.
        static let waiting = 0
        /// Requests that had to wait.
        static let entered = 1
        /// Microseconds that those who were served have waited.
        static let microseconds = 2
        /// One place per refusal and urgency: requests that were shed.
        static let shed = 8
        static let count = Self.shed + WaitingLine.Refusal.allCases.count * WaitingLine.rankCount

        static func shed(_ refusal: WaitingLine.Refusal, _ urgency: Int) -> Int {
            Self.shed + refusal.rawValue * WaitingLine.rankCount + urgency
        }
    }

    private let workers: Int
    private let counts: CounterBlock

    init(workers: Int) {
        self.workers = max(1, workers)
        self.counts = .allocate(self.workers * Place.count)
    }

    deinit { self.counts.base.deallocate() }

    /// One worker's.
    func row(worker: Int) -> CounterBlock {
        CounterBlock(base: self.counts.base + worker * Place.count)
    }

    /// The sum over all workers.
    func sum(upstream: String) -> DataPlaneCounters.WaitingCounters {
        let sum = { (place: Int) in
            (0..<self.workers).reduce(UInt64(0)) { $0 &+ self.row(worker: $1).read(place) }
        }
        var result = DataPlaneCounters.WaitingCounters(upstream: upstream)
        result.waiting = sum(Place.waiting)
        result.entered = sum(Place.entered)
        result.waitedMicroseconds = sum(Place.microseconds)
        for refusal in WaitingLine.Refusal.allCases {
            for urgency in 0..<WaitingLine.rankCount {
                let count = sum(Place.shed(refusal, urgency))
                guard count > 0 else { continue }
                result.shed.append(
                    .init(urgency: urgency, reason: refusal.name, count: count)
                )
            }
        }
        return result
    }
}

extension WaitingLine.Refusal {
    /// As metrics spell it.
    fileprivate var name: String {
        switch self {
        case .full: "full"
        case .late: "deadline"
        case .overdue: "waited"
        }
    }
}

/// Where one worker's requests for an upstream wait until a target has room; outlives snapshots as
/// long as the upstream has limits.
final class WaitingRoom {
    @exclusivity(unchecked)
    var line: WaitingLine
    /// Whether the one that was looked at last found all targets full.
    @exclusivity(unchecked)
    var isStuck = false
    /// Whether it is among the rooms that the worker looks at.
    var isListed = false
    let row: CounterBlock
    private let rows: WaitingRows

    init(_ limits: WaitingLine.Limits, _ rows: WaitingRows, worker: Int) {
        self.line = WaitingLine(limits)
        self.rows = rows
        self.row = rows.row(worker: worker)
    }

    /// Whether these are its counters.
    func counts(in rows: WaitingRows) -> Bool { self.rows === rows }
}
