import MeshChangelog
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshWire
import NIOCore

extension ClusterLoop {
    /// Takes one step of the changelog and carries out its effects.
    func stepChangelog(_ step: (inout Changelog, MonotonicInstant) -> [ChangelogEffect]) {
        for effect in step(&self.changelog, LoopClock.now()) { self.perform(effect) }
    }

    /// Writes a changeset; the promise ends when it is durable where it has to be, or when that has
    /// taken too long, or fails.
    ///
    /// A node that may not join its mesh writes nothing.
    func write(_ draft: ChangelogDraft, promise: EventLoopPromise<ChangesetReceipt>) {
        guard !self.isWithoutStore else { return promise.fail(ClusterError.handingOver) }
        if let reason = self.exclusion {
            return promise.fail(ChangelogError.refused(reason: reason))
        }
        self.lastTicket += 1
        let ticket = self.lastTicket
        self.writes[ticket] = promise
        var draft = draft
        draft.wallMilliseconds = LoopClock.wallMilliseconds()
        do throws(ChangelogError) {
            let effects = try self.changelog.write(draft, ticket: ticket, at: LoopClock.now())
            for effect in effects { self.perform(effect) }
        } catch {
            self.writes[ticket] = nil
            promise.fail(error)
        }
    }

    /// Takes over what a backup holds; the promise ends when it is durable here, or fails.
    func restore(_ stored: StoredChangelog, promise: EventLoopPromise<ChangesetReceipt>) {
        guard !self.isWithoutStore else { return promise.fail(ClusterError.handingOver) }
        if let reason = self.exclusion {
            return promise.fail(ChangelogError.refused(reason: reason))
        }
        self.lastTicket += 1
        let ticket = self.lastTicket
        self.writes[ticket] = promise
        do throws(ChangelogError) {
            let effects = try self.changelog.restore(stored, ticket: ticket, at: LoopClock.now())
            for effect in effects { self.perform(effect) }
        } catch {
            self.writes[ticket] = nil
            promise.fail(error)
        }
    }

    /// Tells the changelog who is in the fleet; members that left are not, failed ones are.
    func changelogPeersChanged() {
        let peers = self.membership.members.filter { $0.id != self.node && $0.state != .left }
            .map { member in
                ChangelogPeer(
                    node: member.id,
                    region: member.profile.region,
                    isReachable: member.state.isPresent
                )
            }
        self.stepChangelog { changelog, _ in
            changelog.setPeers(peers)
            return []
        }
    }

    /// Why this node is not in its mesh and so writes nothing; `nil` while it is, or tries to be.
    private var exclusion: String? {
        switch self.membership.admission {
        case .admitted, .seeking: nil
        case .refused(let holder):
            "this node may not join: \(holder.address) is called \(holder.name) already"
        case .silenced(let other):
            "another process with this node's identity runs at \(other)"
        }
    }

    private func perform(_ effect: ChangelogEffect) {
        switch effect {
        case .send(let message, let node):
            guard !self.observations.lacksDatagrams(node) else {
                return self.stream(.changelog(message), to: node)
            }
            guard let member = self.membership.member(node) else { return }
            self.send(.changelog(message), to: member.profile.address)
        case .stream(let message, let node): self.stream(.changelog(message), to: node)
        case .persist(let batch, let token): self.save(batch, token)
        case .changed: self.changes.yield()
        case .acknowledged(let ticket, let receipt):
            self.end(ticket, ChangesetReceipt(receipt, isConfirmed: true))
        case .unconfirmed(let ticket, let receipt):
            self.end(ticket, ChangesetReceipt(receipt, isConfirmed: false))
        case .rejected(let ticket, let error):
            self.writes.removeValue(forKey: ticket)?.fail(error)
        case .notice(let notice): self.publish(.changelog(notice))
        case .wake(let instant): self.wakeChangelog(at: instant)
        }
    }

    private func end(_ ticket: UInt64, _ receipt: ChangesetReceipt) {
        self.writes.removeValue(forKey: ticket)?.succeed(receipt)
    }

    /// Saves off the loop; the loop never waits for it.
    private func save(_ batch: ChangelogBatch, _ token: UInt64) {
        let (save, rules) = (self.save, self.rules)
        let done = self.eventLoop.makePromise(of: PreparedBatch.self)
        done.completeWithTask {
            let prepared = batch.prepared(by: rules)
            try await save(prepared.batch)
            return prepared
        }
        done.futureResult.assumeIsolated().whenComplete { outcome in
            switch outcome {
            case .success(let batch): self.stepChangelog { $0.persisted(token, batch, at: $1) }
            case .failure(let error):
                self.counters.saveFailures += 1
                self.stepChangelog { $0.persistFailed(token, reason: "\(error)", at: $1) }
            }
        }
    }
}
