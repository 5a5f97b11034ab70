import MeshPrimitives

/// One thing that goes wrong, or right again.
enum Fault: Equatable {
    case crash(Int)
    case restart(Int)
    /// Restarts a crashed node with an empty disk and a new identity, under its old name.
    case reinstall(Int)
    case leave(Int)
    case pause(Int, Duration)
    /// Lets a disk take nothing for a while.
    case fillDisk(Int, Duration)
    /// Lets a disk take up to 2 s for each save, for a while.
    case slowDisk(Int, Duration)
    /// Cuts what members of `group` send to the others, and the other direction too unless one-way.
    case split(group: Set<Int>, isOneWay: Bool)
    case heal
    /// Copies a disk, for ``DiskHarm/rollBack``.
    case backUp(Int)
    /// Restarts a crashed node with another disk than it left.
    case harmDisk(Int, DiskHarm)
    /// Lets a node's clock leap ahead.
    case leap(Int, Duration)
    /// Lets a member say what is not so, again and again.
    case lie(Int)
    /// Restarts a node that was away for so long that the others have forgotten it.
    case late(Int)

    /// What a disk has become while its node did not run.
    enum DiskHarm: Equatable {
        /// The changelog is gone.
        case lose
        /// The newest changesets are gone.
        case cut(Int)
        /// It is as it was at the last copy.
        case rollBack
        /// It has the changelog of another node.
        case copy(of: Int)
    }

    /// What is counted when it has happened.
    var happening: Happening {
        switch self {
        case .crash: .crash
        case .restart: .restart
        case .reinstall: .reinstall
        case .leave: .leave
        case .pause: .pause
        case .fillDisk: .fullDisk
        case .slowDisk: .slowDisk
        case .split: .split
        case .heal: .heal
        case .backUp: .backUp
        case .harmDisk(_, .lose): .lostDisk
        case .harmDisk(_, .cut): .cutDisk
        case .harmDisk(_, .rollBack): .rolledBackDisk
        case .harmDisk(_, .copy): .copiedDisk
        case .leap: .leap
        case .lie: .lie
        case .late: .late
        }
    }
}

/// When each fault of a run happens, drawn before the run starts.
struct FaultSchedule {
    /// Faults start after the nodes have had time to join: 8 s.
    static let bootSeconds = 8.0

    private(set) var faults: [(at: MonotonicInstant, fault: Fault)] = []
    private let profile: FaultProfile
    private var generator: SeededGenerator

    /// Draws the schedule of a run.
    init(profile: FaultProfile, generator: SeededGenerator) {
        self.profile = profile
        self.generator = generator
        self.addSplits()
        self.addCrashes()
        for _ in 0..<profile.pauses {
            let range = profile.pauseMilliseconds
            let length =
                range.lowerBound
                + (range.upperBound - range.lowerBound) * self.generator.nextUnit()
            self.add(
                .pause(self.node(), .microseconds(Int(length * 1_000))),
                at: self.moment(before: profile.faultSeconds - length / 1_000)
            )
        }
        for _ in 0..<profile.machinePauses {
            let at = self.moment(before: profile.faultSeconds - 1)
            for index in 0..<profile.nodeCount {
                let length = 400 + self.generator.next(below: 100)
                self.add(.pause(index, .milliseconds(length)), at: at)
            }
        }
        for number in 0..<(profile.fullDisks + profile.slowDisks) {
            let (index, length) = (self.node(), 1 + 9 * self.generator.nextUnit())
            let pause = Duration.milliseconds(Int64(length * 1_000))
            self.add(
                number < profile.fullDisks ? .fillDisk(index, pause) : .slowDisk(index, pause),
                at: self.moment(before: profile.faultSeconds - length)
            )
        }
        self.addDisasters()
        for _ in 0..<profile.leaps {
            let length = 1 + self.generator.next(below: 600)
            self.add(
                .leap(self.node(), .seconds(Int64(length))),
                at: self.moment(before: profile.faultSeconds)
            )
        }
        if profile.hasLiar { self.add(.lie(self.node()), at: Self.bootSeconds) }
        for _ in 0..<profile.leaves {
            self.add(.leave(self.node()), at: self.moment(before: profile.faultSeconds))
        }
    }

    /// What finds its node running each time, since another fault has brought it back or too many were
    /// down to let it crash, and so need not happen.
    var senseless: Set<Happening> {
        var running = Set(0..<self.profile.nodeCount)
        var planned: Set<Happening> = []
        var sensible: Set<Happening> = []
        for (_, fault) in self.faults.sorted(by: { $0.at < $1.at }) {
            switch fault {
            case .crash(let index):
                guard Self.leavesEnough(running.count, of: self.profile.nodeCount) else { continue }
                running.remove(index)
            case .restart(let index), .reinstall(let index):
                planned.insert(fault.happening)
                if running.insert(index).inserted { sensible.insert(fault.happening) }
            case .harmDisk(let index, _), .late(let index): running.insert(index)
            case .leave, .pause, .fillDisk, .slowDisk, .split, .heal, .backUp, .leap, .lie: break
            }
        }
        return planned.subtracting(sensible)
    }

    /// Whether one more of the running nodes may crash: more than half have to stay.
    static func leavesEnough(_ running: Int, of count: Int) -> Bool { running * 2 > count + 1 }

    private mutating func addCrashes() {
        for _ in 0..<self.profile.crashes {
            let index = self.node()
            let at = self.moment(before: self.profile.faultSeconds - 5)
            self.add(.crash(index), at: at)
            if self.profile.restarts {
                let isWiped = self.generator.nextUnit() < self.profile.wipedShare
                let fault = isWiped ? Fault.reinstall(index) : .restart(index)
                self.add(fault, at: at + 1 + 14 * self.generator.nextUnit())
            }
        }
    }

    /// One disk after the other is harmed: a write is on three of them.
    private mutating func addDisasters() {
        let harms = self.profile.disasters
        let window = (self.profile.faultSeconds - Self.bootSeconds) / Double(max(1, harms.count))
        for (number, harm) in harms.enumerated() {
            let start = Self.bootSeconds + window * Double(number)
            let index = self.node()
            let other = (index + 1 + self.generator.next(below: self.profile.nodeCount - 1))
            let crash = start + window * (0.3 + 0.2 * self.generator.nextUnit())
            switch harm {
            case .lost:
                // What nobody else has then is not safe, and nobody may have been told that it is.
                self.add(.split(group: [index], isOneWay: false), at: crash - 2)
                self.add(.heal, at: crash + 0.5)
                self.add(.harmDisk(index, .lose), at: crash + 1)
            case .cut:
                let count = 1 + self.generator.next(below: 6)
                self.add(.harmDisk(index, .cut(count)), at: crash + 1)
            case .rolledBack:
                self.add(.backUp(index), at: start)
                // A start of which the copy knows nothing.
                self.add(.crash(index), at: start + 0.5)
                self.add(.restart(index), at: start + 1)
                self.add(.harmDisk(index, .rollBack), at: crash + 1)
            case .copied:
                let copy = Fault.DiskHarm.copy(of: other % self.profile.nodeCount)
                // Cut off at first, so that both write under one name.
                self.add(.split(group: [index], isOneWay: false), at: crash + 0.9)
                self.add(.harmDisk(index, copy), at: crash + 1)
                self.add(.heal, at: crash + 7)
            case .away:
                self.add(.split(group: [index], isOneWay: false), at: start)
                self.add(.crash(index), at: start + 4)
                self.add(.heal, at: start + 4.5)
                self.add(.late(index), at: start + window - 2)
                continue
            }
            self.add(.crash(index), at: crash)
        }
    }

    private mutating func addSplits() {
        let window =
            (self.profile.faultSeconds - Self.bootSeconds)
            / Double(max(1, self.profile.partitions))
        for number in 0..<self.profile.partitions {
            let start = Self.bootSeconds + window * Double(number)
            let size = 1 + self.generator.next(below: self.profile.nodeCount - 1)
            let order = self.generator.shuffle(Array(0..<self.profile.nodeCount))
            self.add(
                .split(
                    group: Set(order.prefix(size)),
                    isOneWay: self.profile.partitionsAreOneWay
                ),
                at: start
            )
            self.add(.heal, at: start + 1 + (window - 1) * self.generator.nextUnit())
        }
    }

    private mutating func node() -> Int { self.generator.next(below: self.profile.nodeCount) }

    private mutating func moment(before end: Double) -> Double {
        Self.bootSeconds + (end - Self.bootSeconds) * self.generator.nextUnit()
    }

    private mutating func add(_ fault: Fault, at second: Double) {
        let at = MonotonicInstant(nanoseconds: Int64(second * 1e9))
        self.faults.append((at, fault))
    }
}
