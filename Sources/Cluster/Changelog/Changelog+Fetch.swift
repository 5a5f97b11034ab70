internal import MeshPrimitives

extension Changelog {
    mutating func receivePush(
        _ parts: [ChangesetPart],
        from peer: NodeID,
        wantsAnswer: Bool,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        guard self.peers[peer] != nil, self.mayStage(at: now) else { return [] }
        var effects: [ChangelogEffect] = []
        var known: [ChangesetID: ContentHash] = [:]
        for part in parts where part.offset == 0 && part.total == UInt64(part.bytes.count) {
            switch self.admit(part.bytes, from: peer, &effects) {
            case .staged: if wantsAnswer { self.askers.insert(peer) }
            case .known:
                if self.log.hash(of: part.id) == part.hash {
                    known[part.id] = part.hash
                } else if wantsAnswer {
                    self.askers.insert(peer)
                }
            case .gap: self.candidates.insert(peer)
            case .refused: break
            }
        }
        if wantsAnswer, !known.isEmpty { effects.append(.send(.held(known), to: peer)) }
        return effects + self.startFlight(at: now) + self.startSession(at: now)
    }

    mutating func receiveAnnounce(
        _ root: ContentHash,
        from peer: NodeID,
        wantsAnswer: Bool,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        guard self.peers[peer] != nil else { return [] }
        guard root != self.root else {
            let answer = ChangelogMessage.announce(
                root: self.root,
                generation: self.log.generation,
                wantsAnswer: false
            )
            return self.peerRoot(peer, root, at: now)
                + (wantsAnswer ? [.send(answer, to: peer)] : [])
        }
        if wantsAnswer { self.askers.insert(peer) }
        self.pauses[peer] = nil
        return self.peerRoot(peer, root, at: now)
    }

    /// Asks one peer whose root differs for what it holds; one at a time.
    mutating func startSession(at now: MonotonicInstant) -> [ChangelogEffect] {
        guard self.session == nil, self.mayStage(at: now), self.adoption == nil else { return [] }
        let ready = self.candidates.filter { peer in
            self.peers[peer]?.isReachable == true && now >= self.pauses[peer]?.until ?? now
        }
        guard !ready.isEmpty else { return [] }
        let peer = ready.sorted()[self.generator.next(below: ready.count)]
        self.candidates.remove(peer)
        self.session = FetchSession(peer: peer, deadline: now)
        return self.askOn(at: now)
    }

    /// Asks a peer by datagram again, or gives up a session that is not answered any more.
    ///
    /// It may be the path that fails, not the peer: the next session with it takes the other one.
    mutating func repeatSession(at now: MonotonicInstant) -> [ChangelogEffect] {
        guard let session = self.session, now >= session.deadline else { return [] }
        let isByDatagram = self.withoutStreams.contains(session.peer)
        if isByDatagram, session.repeats < self.configuration.datagramRepeats {
            self.session?.repeats += 1
            return self.askOn(at: now)
        }
        if isByDatagram {
            self.withoutStreams.remove(session.peer)
        } else if self.peers[session.peer] != nil, self.rules.flaw != .knowsStreamsOnly {
            self.withoutStreams.insert(session.peer)
        }
        self.endSession(at: now)
        return []
    }

    mutating func receiveSummary(
        _ summary: ChangelogSummary,
        from peer: NodeID,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        guard self.peers[peer] != nil else { return [] }
        var effects = self.learn(summary, from: peer)
        guard let session = self.session, session.peer == peer, case .inquiring = session.stage
        else { return effects }
        if self.isTooFar(summary.horizon) { effects.append(self.tooFar(summary.horizon, peer)) }
        if self.mustAdopt(summary) {
            self.session?.stage = .checkpoint(summary.checkpoint)
            return effects + self.askOn(at: now)
        }
        let contested = self.contested(by: summary.vector)
        self.session?.contested = contested
        guard
            !contested.isEmpty
                || !self.staging.vector.covers(summary.vector)
        else {
            self.endSession(at: now)
            return effects + self.startSession(at: now)
        }
        self.session?.stage = .changesets
        return effects + self.askOn(at: now)
    }

    mutating func receiveParts(
        _ parts: [ChangesetPart],
        isLast: Bool,
        from peer: NodeID,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        guard let session = self.session, session.peer == peer, case .changesets = session.stage
        else { return [] }
        var effects: [ChangelogEffect] = []
        var isProgress = false
        for part in parts {
            let limit = self.configuration.changesetByteLimit
            let whole = self.partial.add(
                part.hash,
                total: part.total,
                offset: part.offset,
                bytes: part.bytes,
                limit: limit
            )
            guard let whole else {
                isProgress = isProgress || self.partial.progress?.hash == part.hash
                self.session?.isUseful = isProgress
                continue
            }
            guard self.admit(whole, from: peer, &effects) == .staged else { continue }
            isProgress = true
            self.session?.isUseful = true
            self.askers.insert(peer)
        }
        let isContested = self.session?.contested.isEmpty == false
        if isLast, isContested, self.session?.hasContested == false {
            // Another content under a name held here came to light: all of its writer is wanted.
            self.session?.isHeld = true
        } else if isLast || !isProgress {
            self.endSession(at: now)
        } else {
            self.session?.isHeld = true
        }
        effects += self.startFlight(at: now)
        return effects + self.goOn(at: now)
    }

    mutating func receiveCheckpoint(
        _ hash: ContentHash,
        _ total: UInt64,
        _ offset: UInt64,
        _ bytes: [UInt8],
        from peer: NodeID,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        guard let session = self.session, session.peer == peer,
            case .checkpoint(let wanted) = session.stage, wanted == hash
        else { return [] }
        let limit = self.configuration.checkpointByteLimit
        let whole = self.partial.add(
            hash,
            total: total,
            offset: offset,
            bytes: bytes,
            limit: limit
        )
        guard let whole else {
            guard !bytes.isEmpty, self.partial.progress != nil else {
                self.endSession(at: now)
                return []
            }
            self.session?.isUseful = true
            return self.askOn(at: now)
        }
        self.endSession(at: now)
        guard self.rules.hash(whole) == hash,
            let checkpoint = try? Checkpoint(decoding: whole, rules: self.rules)
        else { return [.notice(.malformed(peer, reason: "a checkpoint that is none"))] }
        // The peer may have said otherwise of it.
        guard !self.isTooFar(checkpoint.horizon) else {
            return [self.tooFar(checkpoint.horizon, peer)]
        }
        self.pauses[peer] = nil
        self.candidates.insert(peer)
        self.adoption = Adoption(checkpoint: checkpoint, bytes: whole)
        return self.startFlight(at: now)
    }

    private func tooFar(_ horizon: ChangesetPosition, _ peer: NodeID) -> ChangelogEffect {
        let reason =
            "a checkpoint of generation \(horizon.generation) at \(self.log.generation): refused"
        return .notice(.malformed(peer, reason: reason))
    }

    /// Goes on with a fetch that waited for the disk, or begins the next one.
    mutating func goOn(at now: MonotonicInstant) -> [ChangelogEffect] {
        guard self.session?.isHeld == true else { return self.startSession(at: now) }
        guard self.staging.byteCount < self.configuration.stagedByteLimit else { return [] }
        return self.askOn(at: now)
    }

    /// Ends the session; a peer that had nothing of use is left alone for a while.
    mutating func endSession(at now: MonotonicInstant) {
        guard let session = self.session else { return }
        self.session = nil
        guard !session.isUseful else {
            self.pauses[session.peer] = nil
            return
        }
        let last = self.pauses[session.peer]?.length ?? self.configuration.sessionPause / 2
        let length = min(last * 2, self.configuration.sessionPauseLimit)
        self.pauses[session.peer] = FetchPause(until: now.advanced(by: length), length: length)
    }

    private mutating func askOn(at now: MonotonicInstant) -> [ChangelogEffect] {
        guard let session = self.session else { return [] }
        let isByDatagram = self.withoutStreams.contains(session.peer)
        let patience = self.configuration.sessionTimeout
        self.session?.deadline = now.advanced(by: isByDatagram ? patience / 4 : patience)
        self.session?.isHeld = false
        switch session.stage {
        case .inquiring: return [self.ask(.inquiry(self.summary), session.peer)]
        case .changesets:
            var vector = self.staging.vector
            if !session.contested.isEmpty, self.staging.isEmpty, self.isDiskIdle {
                self.session?.hasContested = true
                for writer in session.contested {
                    vector[writer] = self.log.checkpoint.vector[writer]
                }
            }
            return [self.ask(.want(vector, progress: self.partial.progress), session.peer)]
        case .checkpoint(let hash):
            let progress = self.partial.progress
            let offset = progress?.hash == hash ? progress?.offset ?? 0 : 0
            return [self.ask(.wantCheckpoint(hash, offset: offset), session.peer)]
        }
    }

    private func ask(_ message: ChangelogMessage, _ peer: NodeID) -> ChangelogEffect {
        self.withoutStreams.contains(peer) ? .send(message, to: peer) : .stream(message, to: peer)
    }

    private func mayStage(at now: MonotonicInstant) -> Bool {
        now >= self.fetchAfter ?? now
            && self.staging.byteCount < self.configuration.stagedByteLimit
    }

    /// Writers of whom a peer holds another content than this node under the same name.
    private func contested(by vector: VersionVector) -> Set<WriterID> {
        Set(
            vector.writers.filter { writer in
                guard let theirs = vector[writer],
                    let held = self.log.hash(
                        of: ChangesetID(writer: writer, sequence: theirs.sequence)
                    )
                else { return false }
                return held != theirs.head
            }
        )
    }
}
