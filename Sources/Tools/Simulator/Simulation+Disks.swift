import MeshChangelog
import MeshPrimitives

/// Does harm to disks and clocks.
extension Simulation {
    /// Remembers what is on a disk now, as a backup does.
    mutating func backUp(_ index: Int) {
        self.backups[index] = self.nodes[index].disk
        self.count(.backUp)
    }

    /// Lets a node that does not run start with less on its disk than it had; says whether it did.
    mutating func harmDisk(_ index: Int, _ harm: Fault.DiskHarm) -> Bool {
        guard !self.nodes[index].isRunning else { return false }
        switch harm {
        case .lose: self.nodes[index].disk.loseChangelog()
        case .cut(let count):
            guard self.nodes[index].disk.cutChangelog(count) else { return false }
        case .rollBack:
            guard let backup = self.backups[index] else { return false }
            let before = self.nodes[index].disk.changelog
            guard backup.changelog != before else { return false }
            self.nodes[index].disk = backup
        case .copy(let other):
            guard self.nodes[other].disk.changelog.writer != nil else { return false }
            self.nodes[index].disk.copyChangelog(of: self.nodes[other].disk)
        }
        self.stores.forget(self.nodes[index].id)
        self.note("the disk of node \(index): \(harm)")
        self.start(index)
        return true
    }

    /// The moment by a node's own clock.
    func time(at index: Int) -> MonotonicInstant { self.nodes[index].clock.time(at: self.now) }

    /// When a node's own clock shows `instant`; not before now.
    func moment(_ instant: MonotonicInstant, at index: Int) -> MonotonicInstant {
        max(self.now, self.nodes[index].clock.moment(of: instant))
    }

    /// Lets a node's clock leap ahead, as after a machine was asleep.
    mutating func leap(_ index: Int, by length: Duration) -> Bool {
        guard self.nodes[index].isRunning else { return false }
        self.note("the clock of node \(index) leaps by \(length)")
        self.nodes[index].clock.offset += length
        self.disturb(index, until: self.now)
        self.accuracy.excuseAll(at: self.now)
        self.wakeAll(index)
        return true
    }

    /// Wakes all machines of a node: its timers may be due.
    private mutating func wakeAll(_ index: Int) {
        self.nodes[index].membershipWake += 1
        self.nodes[index].changelogWake += 1
        self.nodes[index].observationWake += 1
        self.nodes[index].machineWake += 1
        self.nodes[index].healthWake += 1
        self.nodes[index].regionWake += 1
        let node = self.nodes[index]
        self.queue.push(.wakeMembership(index, number: node.membershipWake), at: self.now)
        self.queue.push(.wakeChangelog(index, number: node.changelogWake), at: self.now)
        self.queue.push(.wakeObservations(index, number: node.observationWake), at: self.now)
        self.queue.push(.wakeMachine(index, number: node.machineWake), at: self.now)
        self.queue.push(.wakeHealth(index, number: node.healthWake), at: self.now)
        self.queue.push(.wakeRegions(index, number: node.regionWake), at: self.now)
    }
}

/// A node's own clock: begins anywhere, and runs a little too fast or too slow.
struct SimulatedClock {
    var offset: Duration = .zero
    var rate = 1.0

    /// What it shows at a moment.
    func time(at moment: MonotonicInstant) -> MonotonicInstant {
        guard self.rate != 1 || self.offset != .zero else { return moment }
        let nanoseconds = Int64(Double(moment.nanoseconds) * self.rate)
        return MonotonicInstant(nanoseconds: nanoseconds).advanced(by: self.offset)
    }

    /// The first moment at which it shows an instant.
    func moment(of instant: MonotonicInstant) -> MonotonicInstant {
        guard self.rate != 1 || self.offset != .zero else { return instant }
        let shown = instant.advanced(by: .zero - self.offset)
        let nanoseconds = Int64((Double(shown.nanoseconds) / self.rate).rounded(.up))
        return MonotonicInstant(nanoseconds: nanoseconds).advanced(by: .microseconds(2))
    }
}
