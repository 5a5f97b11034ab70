import MeshMembership
import MeshPrimitives
import MeshReplication

/// Carries out what the replication cores decide, and writes configuration.
extension Simulation {
    /// How many different records are written: 12.
    static let keyCount = 12

    /// Gives one input to a node's replication and carries out the effects.
    mutating func stepReplication(
        _ index: Int,
        _ input: (inout Replication, UInt64, MonotonicInstant) -> [Replication.Effect]
    ) {
        guard var replication = self.nodes[index].replication else { return }
        self.inputCount += 1
        let wall = self.nodes[index].wallMilliseconds(at: self.now)
        let effects = input(&replication, wall, self.now)
        self.nodes[index].replication = replication
        for effect in effects { self.perform(effect, at: index) }
    }

    /// Writes one record at a random running node, one time in five a deletion.
    mutating func write() {
        let pause = 1 / self.profile.writesPerSecond
        let next = self.now.advanced(by: .seconds(pause))
        if next < Self.instant(self.profile.faultSeconds) { self.queue.push(.write, at: next) }
        let index = self.load.next(below: self.nodes.count)
        let number = self.load.next(below: Self.keyCount)
        let body = self.load.next(below: 5) == 0 ? nil : [UInt8]("\(self.load.next())".utf8)
        guard self.nodes[index].isRunning, !self.nodes[index].isLeaving,
            self.nodes[index].pausedUntil <= self.now
        else { return }
        let key = RecordKey(kind: .entity, name: "services/\(number)")
        let isHasty = self.bug == .hastyAcknowledgement && number == 0
        let before = self.nodes[index].replication
        self.stepReplication(index) { replication, wall, now in
            let change = RecordChange(key: key, body: body)
            let effects = try? replication.write(
                [change],
                urgency: .urgent,
                wallMilliseconds: wall,
                at: now
            )
            return isHasty ? [] : effects ?? []
        }
        guard let record = self.nodes[index].replication?.record(key),
            record.version.writer == self.nodes[index].id
        else { return }
        self.stores.acknowledge(record, at: index)
        if isHasty { self.nodes[index].replication = before }
    }

    private mutating func perform(_ effect: Replication.Effect, at index: Int) {
        switch effect {
        case .send(let message, let peer):
            guard let receiver = self.nodes.first(where: { $0.id == peer }) else { return }
            self.datagram(.replication(message), from: index, to: receiver.profile.address)
        case .stream(let message, let peer):
            guard self.bug != .noRepair,
                let receiver = self.nodes.first(where: { $0.id == peer })
            else { return }
            self.stream(.replication(message), from: index, to: receiver.index)
        case .persist(let records):
            for record in records { self.nodes[index].disk.records[record.key] = record }
        case .applied(let records):
            for record in records {
                self.report(self.stores.check(record, at: index, self.now))
            }
        case .collected(let records):
            for record in records { self.nodes[index].disk.records[record.key] = nil }
        case .wake(let instant):
            self.nodes[index].replicationWake += 1
            let number = self.nodes[index].replicationWake
            self.queue.push(.wakeReplication(index, number: number), at: max(instant, self.now))
        case .clockRefused(let key, _, let ahead):
            self.note("node \(index): refused \(key), \(ahead) ms ahead")
        case .expired, .conflict:
            break
        }
    }
}
