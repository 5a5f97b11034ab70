import Logging
import MeshMembership
import MeshPrimitives
import MeshReplication
import MeshWire
import NIOCore

extension ClusterLoop {
    /// Time between two tries to save what could not be saved.
    private static let retryInterval: Duration = .seconds(5)

    /// The store as readers may see it: without a local write that is not saved yet.
    var visibleReplication: Replication { self.heldFor?.before ?? self.replication }

    /// Takes in a message of a peer's store.
    func receive(_ message: ReplicationMessage, from sender: NodeID) {
        guard self.hasRoomForSteps else { return }
        self.stepReplication {
            $0.replication.receive(
                message,
                from: sender,
                wallMilliseconds: LoopClock.wallMilliseconds(),
                at: $1
            )
        }
    }

    /// Takes in a peer's root digest, unless the disk is too far behind.
    func compare(_ digest: ContentHash, of node: NodeID) {
        guard self.hasRoomForSteps else { return }
        self.stepReplication { $0.replication.peerDigest(node, digest, at: $1) }
    }

    /// Whether news from peers may wait for the disk; what does not, anti-entropy brings again.
    private var hasRoomForSteps: Bool {
        guard self.deferred.count + self.saves.count < Self.deferralLimit else {
            self.counters.deferredDropped += 1
            return false
        }
        return true
    }

    /// Takes one step of the store, or keeps it until a local write is saved.
    func stepReplication(
        _ step: @escaping (ClusterLoop, MonotonicInstant) -> [Replication.Effect]
    ) {
        guard self.heldFor == nil else {
            self.deferred.append { self.stepReplication(step) }
            return
        }
        let effects = step(self, LoopClock.now())
        self.carryOut(SaveQueue.Entry(effects: effects[...]))
    }

    /// Writes a changeset of this node; the promise ends when it is durable, or fails unchanged.
    func write(
        _ changes: [RecordChange],
        urgency: RecordUrgency,
        promise: EventLoopPromise<[Record]>
    ) {
        guard self.deferred.count + self.saves.count < Self.deferralLimit else {
            return promise.fail(ClusterError.tooManyWrites(limit: Self.deferralLimit))
        }
        guard self.heldFor == nil else {
            self.deferred.append { self.write(changes, urgency: urgency, promise: promise) }
            return
        }
        self.takeWrite(changes, urgency: urgency, promise: promise)
    }

    private func takeWrite(
        _ changes: [RecordChange],
        urgency: RecordUrgency,
        promise: EventLoopPromise<[Record]>
    ) {
        let before = self.replication
        do throws(ReplicationError) {
            let effects = try self.replication.write(
                changes,
                urgency: urgency,
                wallMilliseconds: LoopClock.wallMilliseconds(),
                at: LoopClock.now()
            )
            let records = effects.writtenRecords
            if effects.contains(where: \.isSave) {
                let write = LocalWrite(before: before, records: records, promise: promise)
                self.heldFor = write
                self.carryOut(SaveQueue.Entry(effects: effects[...], write: write))
            } else {
                self.carryOut(SaveQueue.Entry(effects: effects[...]))
                promise.succeed(records)
            }
        } catch {
            promise.fail(error)
        }
    }

    private func carryOut(_ entry: SaveQueue.Entry) {
        for effect in self.saves.add(entry) { self.perform(effect) }
        self.pump()
    }

    private func pump() {
        while let turn = self.saves.next() {
            switch turn {
            case .perform(let effect): self.perform(effect)
            case .save(let records): self.startSave(records)
            case .finished(let write):
                self.heldFor = nil
                write.promise.succeed(write.records)
                self.resume()
            }
        }
    }

    private func perform(_ effect: Replication.Effect) {
        switch effect {
        case .send(let message, let node):
            guard let member = self.membership.member(node) else { return }
            self.send(.replication(message), to: member.profile.address)
        case .stream(let message, let node):
            self.stream(message, to: node)
        case .applied(let records): self.publish(.applied(records))
        case .expired(let records): self.publish(.expired(records))
        case .conflict(let winner, let loser):
            self.publish(.conflict(winner: winner, loser: loser))
        case .clockRefused(let key, let version, let ahead):
            self.publish(.clockRefused(key, version, aheadMilliseconds: ahead))
        case .collected(let records): self.publish(.collected(records))
        case .wake(let instant): self.wakeReplication(at: instant)
        case .persist: preconditionFailure("the save queue turns saves into their own turn")
        }
    }

    /// Saves off the loop; the one task of the service, and the loop never waits for it.
    private func startSave(_ records: [Record]) {
        let batch =
            records
            + self.unsaved.values.filter { old in
                !records.contains { $0.key == old.key }
            }
        let save = self.save
        let done = self.eventLoop.makePromise(of: Void.self)
        done.completeWithTask { try await save(batch) }
        done.futureResult.assumeIsolated()
            .whenComplete { outcome in self.saved(batch, outcome) }
    }

    private func saved(_ batch: [Record], _ outcome: Result<Void, any Error>) {
        switch outcome {
        case .success: self.unsaved = [:]
        case .failure(let error): self.saveFailed(batch, reason: "\(error)")
        }
        if let undone = self.saves.saved(outcome) {
            self.replication = undone.before
            self.heldFor = nil
            for record in undone.records { self.unsaved[record.key] = nil }
            let reason = self.failureReason(of: outcome)
            undone.promise.fail(ClusterError.saveFailed(reason: reason))
            self.resume()
        }
        self.pump()
    }

    private func failureReason(of outcome: Result<Void, any Error>) -> String {
        switch outcome {
        case .success: ""
        case .failure(let error): "\(error)"
        }
    }

    /// Keeps what could not be saved for the next try; peers still hold it meanwhile.
    private func saveFailed(_ batch: [Record], reason: String) {
        self.counters.saveFailures += 1
        for record in batch { self.unsaved[record.key] = record }
        self.logger.error("records not saved", metadata: ["reason": "\(reason)"])
        self.publish(.saveFailed(reason: reason))
        guard !self.isRetryScheduled else { return }
        self.isRetryScheduled = true
        self.after(Self.retryInterval) { $0.retrySave() }
    }

    private func retrySave() {
        self.isRetryScheduled = false
        guard !self.unsaved.isEmpty else { return }
        self.carryOut(SaveQueue.Entry(effects: [.persist([])]))
    }

    /// Goes on with steps that waited, until one of them holds the store again.
    private func resume() {
        while self.heldFor == nil, !self.deferred.isEmpty {
            self.deferred.removeFirst()()
        }
    }
}

extension [Replication.Effect] {
    /// The records that a local write made.
    fileprivate var writtenRecords: [Record] {
        for case .persist(let records) in self { return records }
        for case .applied(let records) in self { return records }
        return []
    }
}
