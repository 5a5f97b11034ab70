import MeshChangelog
import MeshMembership
import MeshObservations
import MeshPrimitives

/// Carries out what the changelogs decide, and writes configuration.
extension Simulation {
    /// How many different entities are written: 12, each with a twin.
    static let keyCount = 12

    /// Gives one input to a node's changelog and carries out the effects.
    mutating func stepChangelog(
        _ index: Int,
        _ input: (inout Changelog, MonotonicInstant) -> [ChangelogEffect]
    ) {
        guard var changelog = self.nodes[index].changelog else { return }
        self.inputCount += 1
        // So that the changelog is nowhere else, and changes in place.
        self.nodes[index].changelog = nil
        let effects = input(&changelog, self.time(at: index))
        self.nodes[index].changelog = changelog
        for effect in effects { self.perform(effect, at: index) }
    }

    /// Tells a node's changelog whom its membership knows.
    mutating func setPeers(of index: Int) {
        guard let membership = self.nodes[index].membership else { return }
        let own = self.nodes[index].id
        let peers = membership.members.filter { $0.id != own && $0.state != .left }.map { member in
            ChangelogPeer(
                node: member.id,
                region: member.profile.region,
                isReachable: member.state.isPresent
            )
        }
        self.stepChangelog(index) { changelog, _ in
            changelog.setPeers(peers)
            return []
        }
    }

    /// Writes an entity and its twin at a random running node, one time in five a deletion.
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
        let key = "services/\(number)"
        var draft = ChangelogDraft(changes: [key: body, StoreChecker.twin(of: key): body])
        // Clocks may say what they like.
        draft.wallMilliseconds = self.load.next()
        self.ticket += 1
        let ticket = self.ticket
        guard self.bug != .hastyAcknowledgement || number > 0 else {
            self.acknowledgeHastily(draft, at: index)
            return
        }
        self.stepChangelog(index) { changelog, now in
            (try? changelog.write(draft, ticket: ticket, at: now)) ?? []
        }
    }

    /// Writes at a running node what breaks no rule, when all is well.
    mutating func writeLast(_ index: Int) {
        guard self.nodes[index].isRunning, !self.nodes[index].isLeaving else { return }
        let body = [UInt8]("\(self.load.next())".utf8)
        self.ticket += 1
        let ticket = self.ticket
        self.lastWrites.insert(ticket)
        self.stepChangelog(index) { changelog, now in
            let draft = ChangelogDraft(changes: ["services/last-\(index)": body])
            return (try? changelog.write(draft, ticket: ticket, at: now)) ?? []
        }
    }

    /// Acknowledges what a node would have written, without doing it.
    private mutating func acknowledgeHastily(_ draft: ChangelogDraft, at index: Int) {
        guard var copy = self.nodes[index].changelog,
            let effects = try? copy.write(draft, ticket: 0, at: self.now)
        else { return }
        for case .persist(let batch, _) in effects {
            for entry in batch.added { self.stores.acknowledge(entry) }
        }
    }

    /// Ends a save that was under way, unless the node has crashed meanwhile.
    mutating func saved(_ index: Int, _ batch: ChangelogBatch, token: UInt64, boot: UInt64) {
        guard self.nodes[index].isRunning, self.nodes[index].disk.bootCount == boot else { return }
        guard self.nodes[index].diskFullUntil <= self.now else {
            if self.activity.nextUnit() < self.profile.storedAfterAll {
                self.count(.storedAfterAll)
                self.nodes[index].disk.save(batch.prepared(by: .simulated).batch)
            }
            return self.stepChangelog(index) { changelog, now in
                changelog.persistFailed(token, reason: "no space left", at: now)
            }
        }
        var (configuration, rules) = (self.profile.changelog, StructuralRules.simulated)
        self.bug?.spoil(&configuration, &rules, at: index)
        self.mutant?.spoil(&rules)
        self.stores.note(batch)
        let prepared = batch.prepared(by: rules)
        self.nodes[index].disk.save(prepared.batch)
        self.stores.noteSaved(prepared.batch, by: self.nodes[index].id)
        if prepared.batch.checkpoint != nil { self.checkpointCount += 1 }
        self.stepChangelog(index) { changelog, now in
            changelog.persisted(token, prepared, at: now)
        }
    }

    private mutating func perform(_ effect: ChangelogEffect, at index: Int) {
        switch effect {
        case .send(let message, let peer):
            guard self.bug != .noRepair || message.isNews,
                let receiver = self.nodes.first(where: { $0.id == peer })
            else { return }
            guard self.nodes[index].observations?.lacksDatagrams(peer) != true else {
                return self.stream(.changelog(message, .stream), from: index, to: receiver.index)
            }
            self.datagram(
                .changelog(message, .datagram),
                from: index,
                to: receiver.profile.address
            )
        case .stream(let message, let peer):
            guard self.bug != .noRepair,
                let receiver = self.nodes.first(where: { $0.id == peer })
            else { return }
            self.stream(.changelog(message, .stream), from: index, to: receiver.index)
        case .persist(let batch, let token):
            let boot = self.nodes[index].disk.bootCount
            let isSlow = self.nodes[index].diskSlowUntil > self.now
            let most = isSlow ? 2_000 : 20
            let delay = Duration.milliseconds(Int64(1 + self.load.next(below: most)))
            self.queue.push(
                .saved(index, batch, token: token, boot: boot),
                at: self.now.advanced(by: delay)
            )
        case .changed:
            guard let changelog = self.nodes[index].changelog else { return }
            self.report(self.stores.check(changelog, at: index, self.now))
            self.showState(at: index)
        case .acknowledged(_, let receipt):
            guard let id = receipt.changeset, let changelog = self.nodes[index].changelog,
                let entry = changelog.history.changesets.last(where: { $0.id == id })
            else { return }
            self.count(.acknowledgement)
            self.stores.acknowledge(entry)
        case .wake(let instant):
            self.nodes[index].changelogWake += 1
            let number = self.nodes[index].changelogWake
            self.queue.push(
                .wakeChangelog(index, number: number),
                at: self.moment(instant, at: index)
            )
        case .rejected(let ticket, let error):
            self.note("node \(index): \(error)")
            guard self.lastWrites.contains(ticket) else { return }
            let text = "node \(index) refuses a write that breaks no rule: \(error)"
            self.report(Violation(promise: .writable, at: self.now, text: text))
        case .notice(.conflict): self.count(.conflict)
        case .notice(.refused(let id, let reason)):
            self.stores.noteRefusal(of: id)
            self.note("node \(index): \(id) is refused: \(reason)")
        case .notice(let notice): self.note("node \(index): \(notice)")
        case .unconfirmed: break
        }
    }
}

extension ChangelogMessage {
    /// Whether it tells what is new, and repairs nothing.
    fileprivate var isNews: Bool {
        switch self {
        case .push, .announce, .held: true
        case .inquiry, .summary, .want, .parts, .wantCheckpoint, .checkpointPart: false
        }
    }
}
