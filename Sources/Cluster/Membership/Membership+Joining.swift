internal import MeshDissemination
public import MeshPrimitives

/// Coming, going and comparing everything by stream.
extension Membership {
    /// Remembers members from the last run; call before ``start(seeds:at:)``.
    ///
    /// They are believed as they were, but probed first, and given up soon when they do not answer:
    /// nobody has heard them in this run. The disk is trusted as far as the key: signatures are
    /// checked here as well. What is remembered of this node itself raises its incarnation above it.
    public mutating func restore(_ known: [MemberUpdate], at now: MonotonicInstant) {
        for update in known {
            switch update {
            case .record(let signed, let age): self.restore(signed, age: age, at: now)
            case .accusation(let accusation): self.restore(accusation, at: now)
            }
        }
    }

    /// Knows at once all that another node of the same mesh and region knows, as if it had run with it
    /// for long; call before ``start(seeds:at:)``.
    ///
    /// Shares memory with that one, so that thousands of nodes of one simulation do.
    public mutating func share(viewOf other: Membership) {
        precondition(
            self.phase == .idle && self.table.count == 0
                && other.local.profile.region == self.local.profile.region,
            "only a node that knows nobody takes over a view, and only of its region"
        )
        self.table = other.table
        self.probeOrder = other.probeOrder
        self.table.remove(self.local.id)
        self.table.proveAll()
        self.probeOrder.rotate(using: &self.generator)
    }

    private mutating func restore(
        _ signed: SignedRecord,
        age: UInt32,
        at now: MonotonicInstant
    ) {
        let record = signed.record
        guard record.isWithinLimits, signed.isGenuine(self.identity.verify) else { return }
        guard signed.id == self.local.id || record.mesh == self.mesh.id || !self.isFounded
        else { return }
        guard signed.id != self.local.id else {
            if record.incarnation >= self.local.incarnation {
                self.speak(incarnation: record.incarnation + 1)
            }
            return
        }
        let lifetime = self.configuration.tombstoneLifetime
        let member = Member(signed, age: age, within: lifetime, at: now)
        guard self.table.store(member) else { return }
        self.pending.append(.proved(member.id, record.start))
        guard member.state.isPresent else { return }
        self.probeOrder.insert(member.id, using: &self.generator)
        self.probeOrder.hasten(member.id)
    }

    private mutating func restore(_ accusation: Accusation, at now: MonotonicInstant) {
        let since = now.before(
            age: accusation.age,
            atMost: self.configuration.tombstoneLifetime
        )
        guard accusation.verdict != .forgotten else {
            return self.forgotten.insert(
                accusation.subject,
                incarnation: accusation.incarnation,
                since: since
            )
        }
        guard accusation.verdict != .suspect, var member = self.table[accusation.subject],
            member.incarnation == accusation.incarnation, !member.signed.record.hasLeft
        else { return }
        member.take(accusation, within: self.configuration.tombstoneLifetime, at: now)
        _ = self.table.store(member)
    }

    /// Starts probing and joins through `seeds` and the members restored.
    ///
    /// Restored members that are believed to be there are reported as joined, since nobody has told
    /// the observer of them in this run.
    public mutating func start(seeds: [Endpoint], at now: MonotonicInstant) -> [Effect] {
        guard self.phase == .idle else { return self.finish(at: now) }
        self.phase = .running
        self.local.since = now
        self.local.met = now
        // How many were there at once is not known any more: half of those that are gone, so that none of
        // them is dropped, and restarts add up to no more.
        let present = self.table.presentCount
        let gone = self.table.count - present
        self.mostPresent = max(self.mostPresent, present + 1, (gone + 1) / 2)
        let spread = self.generator.nextUnit()
        self.nextProbe = now.advanced(by: self.configuration.probeInterval * spread)
        self.nextGossip = now.advanced(by: self.configuration.gossipInterval * spread)
        self.nextSync = now.advanced(by: self.syncPause * (0.5 + spread / 2))
        self.announceSelf()
        if !self.table.areAllProven {
            for member in self.table.members where member.state.isPresent {
                self.pending.append(.event(.joined(member)))
            }
        }
        self.seeds = seeds
        self.aimReconnection(at: now)
        for member in self.table.pick(3, using: &self.generator) {
            self.pending.append(.stream(self.comparison(), to: member.profile.address))
        }
        self.reconnect(at: now)
        return self.finish(at: now)
    }

    /// Replaces the seeds, after their names were resolved again.
    public mutating func setSeeds(_ seeds: [Endpoint], at now: MonotonicInstant) -> [Effect] {
        self.seeds = seeds
        if self.phase == .running { self.aimReconnection(at: now) }
        return self.finish(at: now)
    }

    /// Takes in one message of a stream.
    ///
    /// - Parameters:
    ///   - message: decoded and authentic.
    ///   - peer: who the stream's envelope says is sending; a message of anybody else is dropped.
    ///   - now: the current moment.
    /// - Returns: `answer` goes back on the same stream.
    public mutating func receiveStream(
        _ message: MembershipMessage,
        from peer: NodeID?,
        at now: MonotonicInstant
    ) -> (answer: MembershipMessage?, effects: [Effect]) {
        self.forgiveOwnStall(at: now)
        guard self.phase == .running, message.sender != self.local.id,
            peer == nil || peer == message.sender
        else { return (nil, self.finish(at: now)) }
        var answer: MembershipMessage?
        guard self.relate(to: message, at: now) != .foreign else {
            // Whoever asks is told by whom it is not let in, and why.
            if message.kind.isQuestion {
                answer = self.message(.gossip, updates: [.record(self.local.signed)])
            }
            return (answer, self.finish(at: now))
        }
        defer { self.table.hear(message.sender, at: now) }
        switch message.kind {
        case .sync:
            answer = self.answer(to: message, at: now)
        case .syncAnswer:
            if let namesake = self.namesake(in: message) {
                self.refused(by: namesake)
            } else {
                self.isBeingTold = !self.wasTold
                self.mergeAll(message, at: now)
                self.isBeingTold = false
                self.wasTold = true
                self.joined(through: message)
            }
        case .compare(let digests):
            answer = self.compare(digests, with: message, at: now)
        case .comparison(let differing):
            self.mergeAll(message, at: now)
            self.wasTold = true
            self.joined(through: message)
            self.tellDifference(differing, to: message.sender, at: now)
        case .difference:
            self.mergeAll(message, at: now)
            answer = self.message(.syncAnswer, updates: self.forgottenAmong(message, at: now))
        case .refusal(let holder):
            self.refused(by: holder, in: message)
        case .ping(let sequence, let target) where target == self.local.id:
            self.mergeAll(message, at: now)
            let own = MemberUpdate.record(self.local.signed)
            let news = self.news(for: message, at: now).filter { $0 != own }
            answer = self.message(.ack(sequence: sequence), updates: [own] + news)
        case .ack, .gossip:
            self.mergeAll(message, at: now)
        case .ping, .nack, .pingRequest:
            break
        }
        self.noteDigest(of: message)
        return (answer, self.finish(at: now))
    }

    /// Says goodbye; ``MembershipEvent/leaveFinished`` tells when the node may stop.
    public mutating func leave(at now: MonotonicInstant) -> [Effect] {
        guard self.phase == .running else { return self.finish(at: now) }
        self.phase = .leaving(until: now.advanced(by: self.configuration.leavePropagation))
        self.local.state = .left
        self.local.since = now
        self.speak(incarnation: self.local.incarnation, hasLeft: true)
        let goodbye = MemberUpdate.record(self.local.signed)
        for peer in self.table.pick(16, using: &self.generator) {
            self.send(.gossip, first: [goodbye], to: peer.profile.address, at: now)
        }
        return self.finish(at: now)
    }

    /// Ends a goodbye: from here on the node is silent.
    mutating func finishLeaving() {
        self.phase = .gone
        self.pending.append(.event(.leaveFinished))
    }

    /// Exchanges everything with one random member from time to time.
    mutating func exchange(at now: MonotonicInstant) {
        guard now >= self.nextSync else { return }
        self.nextSync = now.advanced(by: self.syncPause)
        self.reap(at: now)
        for member in self.table.pick(1, using: &self.generator) {
            self.pending.append(.stream(self.comparison(), to: member.profile.address))
        }
    }

    /// Tries seeds and failed members that are due.
    mutating func reconnect(at now: MonotonicInstant) {
        let limit = self.configuration.reconnectMaximum
        let due = self.reconnection.due(
            pausingAtMost: self.table.presentCount == 0 ? limit / 4 : limit,
            using: &self.generator,
            at: now
        )
        for endpoint in due {
            // A seed may know nobody; a member that comes back knows nearly everything.
            let isSeed = self.seeds.contains(endpoint)
            let question = isSeed ? self.sync(.sync, at: now) : self.comparison()
            self.pending.append(.stream(question, to: endpoint))
            self.introduce(to: endpoint, at: now)
        }
    }

    /// Tells one's own word alone by datagram and asks for the other's, for where streams do not get
    /// through.
    mutating func introduce(to endpoint: Endpoint, at now: MonotonicInstant) {
        self.send(
            .sync,
            first: [.record(self.local.signed)],
            carriesNews: false,
            to: endpoint,
            at: now
        )
    }

    /// Answers one's own word by datagram with this node's, or with that of whoever has the newcomer's
    /// name, which is about as long.
    mutating func returnIntroduction(
        _ message: MembershipMessage,
        to source: Endpoint,
        at now: MonotonicInstant
    ) {
        guard self.phase == .running else { return }
        if let newcomer = message.newcomer, self.isNewUnderItsName(newcomer),
            let holder = self.holder(against: newcomer, at: now)
        {
            self.send(
                .refusal(nameHolder: holder.id),
                first: [.record(holder.signed)],
                carriesNews: false,
                to: source,
                at: now
            )
        } else {
            self.send(
                .syncAnswer,
                first: [.record(self.local.signed)],
                carriesNews: false,
                to: source,
                at: now
            )
        }
    }

    /// Points the reconnection at seeds that are no member and at members that failed.
    mutating func aimReconnection(at now: MonotonicInstant) {
        self.reconnectionIsStale = false
        let isLarge = self.table.count - self.table.presentCount > 32
        self.nextAim = isLarge ? now.advanced(by: self.configuration.reconnectMinimum) : now
        // Who has withdrawn, too: where many have, nobody else may know that it is back.
        let failed = self.table.failedAddresses
        let isWanted = { [own = self.local.profile.address, table] (endpoint: Endpoint) in
            endpoint != own && !table.isPresent(at: endpoint)
        }
        self.reconnection.aim(
            at: self.seeds.filter(isWanted),
            and: failed.filter(isWanted),
            among: self.table.presentCount,
            using: &self.generator,
            at: now
        )
    }

    /// Compares notes with a sender that this node does not count as present, or whose mesh is to
    /// become this node's, once per second.
    mutating func greetStranger(
        _ message: MembershipMessage,
        at source: Endpoint,
        _ now: MonotonicInstant
    ) {
        let known = self.table[message.sender]
        if let known, known.signed.record.isWithdrawn,
            known.incarnation >= message.senderIncarnation
        {
            return
        }
        let isStrange =
            !(known?.state.isPresent ?? false) || self.mesh.yields(to: message.mesh)
        guard self.phase == .running, isStrange, now >= self.nextStrangerSync else { return }
        self.nextStrangerSync = now.advanced(by: .seconds(1))
        // One that was here before knows nearly everything, and what differs is found by comparing.
        let isKnown = known != nil && message.mesh.id == self.mesh.id
        let question = isKnown ? self.comparison() : self.sync(.sync, at: now)
        self.pending.append(.stream(question, to: source))
        self.introduce(to: source, at: now)
    }

    mutating func answer(
        to message: MembershipMessage,
        at now: MonotonicInstant
    ) -> MembershipMessage {
        if let namesake = self.namesake(in: message) {
            self.refused(by: namesake)
            return self.message(.syncAnswer, updates: [.record(self.local.signed)])
        }
        if let newcomer = message.newcomer, self.isNewUnderItsName(newcomer),
            let holder = self.holder(against: newcomer, at: now)
        {
            self.counters.namesRefused += 1
            self.pending.append(
                .event(.nameConflict(holder: holder.profile, refused: newcomer))
            )
            return self.message(
                .refusal(nameHolder: holder.id),
                updates: [.record(holder.signed)]
            )
        }
        self.mergeAll(message, at: now)
        var answer = self.sync(.syncAnswer, at: now)
        answer.updates += self.forgottenAmong(message, at: now)
        return answer
    }

    /// What a peer that still remembers them should know of members that were forgotten.
    private func forgottenAmong(
        _ message: MembershipMessage,
        at now: MonotonicInstant
    ) -> [MemberUpdate] {
        message.updates.compactMap { update in
            guard self.table[update.subject] == nil else { return nil }
            return self.forgotten.accusation(of: update.subject, by: self.local.id, at: now)
                .map { .accusation($0) }
        }
    }

    /// Whether a node was not known by the name that it claims.
    private func isNewUnderItsName(_ newcomer: MemberProfile) -> Bool {
        guard let known = self.table[newcomer.id], known.state.isPresent else { return true }
        return known.profile.name != newcomer.name
    }

    /// All this node knows, itself first, as far as one stream frame and the bytes left hold it.
    ///
    /// What of others does not fit is another part each time; the rest comes when views are compared.
    mutating func sync(
        _ kind: MembershipMessage.Kind,
        at now: MonotonicInstant
    ) -> MembershipMessage {
        let members = self.rotated(self.table.members, at: now)
        return self.message(kind, updates: self.fitting([self.local] + members, at: now))
    }

    /// Members from one by chance on, when not all of them may fit: each answer tells others then.
    mutating func rotated(_ members: [Member], at now: MonotonicInstant) -> [Member] {
        guard !members.isEmpty,
            self.streamBudget.available(at: now) < self.configuration.streamByteLimit
        else { return members }
        let start = self.generator.next(below: members.count)
        return Array(members[start...] + members[..<start])
    }

    /// All that can be said of members, as far as one stream frame and the bytes left hold it.
    ///
    /// A few always are, so that a newcomer comes in however many others do.
    mutating func fitting(_ members: [Member], at now: MonotonicInstant) -> [MemberUpdate] {
        let limit =
            self.configuration.streamByteLimit - MembershipMessage.fixedByteCount
            - 5 * ViewDigest.bucketCount
        let left = max(Self.leastAnswerByteCount, self.streamBudget.available(at: now))
        var room = min(limit, left)
        let given = room
        var updates: [MemberUpdate] = []
        for member in members {
            let news = self.news(of: member, at: now)
            let byteCount = news.reduce(0) { $0 + $1.wireByteCount }
            guard byteCount <= room else {
                if given < limit { self.counters.answersCut += 1 }
                break
            }
            room -= byteCount
            updates += news
        }
        self.streamBudget.spend(given - room, at: now)
        return updates
    }

    /// What an answer by stream may always take: some twenty members.
    private static let leastAnswerByteCount = 4_096

    /// The pause between full exchanges, longer in larger clusters.
    ///
    /// Source: memberlist, push-pull scale: 1 up to 32 members, then `⌈log2 n - 5⌉ + 1`.
    private var syncPause: Duration {
        let count = self.table.presentCount + 1
        let doublings = count <= 32 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount - 5
        return self.configuration.syncInterval * (doublings + 1)
    }
}

extension MembershipMessage.Kind {
    /// Whether the sender of a stream's message waits for an answer to it.
    fileprivate var isQuestion: Bool {
        switch self {
        case .sync, .compare, .difference: true
        case .ping, .ack, .nack, .pingRequest, .gossip, .syncAnswer, .comparison, .refusal: false
        }
    }
}
