internal import MeshDissemination
internal import MeshPrimitives

/// How news leaves this node.
extension ObservationTable {
    /// Bytes of a round kept for the digest: five owners.
    private static let digestByteCount = 110
    /// Most bytes of one owner that a round repeats.
    private static let ownerByteLimit = 192
    /// Up to this many peers all hear what concerns the whole mesh at once, and rounds tell one after the
    /// other: a second each, and a word is old after 15.
    private static let turnLimit = 16
    /// How often news is told again that everybody was told at once; digests repair the rest.
    private static let repeats = 2
    /// Nodes of each other region that hear a relay's sums at once; the second passes on what the first
    /// has not.
    private static let heraldCount = 2

    /// How often each node sends one piece of news.
    private var sendLimit: Int {
        SendLimit.times(self.configuration.retransmissionFactor, among: self.nodeCount)
    }

    /// Takes note that others tell what waits here to be told of an owner.
    ///
    /// In a large fleet that halves what news costs, and still misses one node of 3,000.
    mutating func hearAgain(_ owner: NodeID) {
        guard self.nodeCount >= 100 else { return }
        self.regionNews.discount(owner, by: 1, sendLimit: self.sendLimit)
        self.meshNews.discount(owner, by: 1, sendLimit: self.sendLimit)
    }

    /// Whether what is told directly goes to everybody whom it concerns.
    func tellsAll(isMesh: Bool) -> Bool {
        let limit = self.configuration.directPeerLimit
        return isMesh
            ? self.sampler.count <= min(limit, Self.turnLimit) : self.sampler.regionalCount <= limit
    }

    /// Lets what waits here to be told of an owner in the region be told only a few times more.
    mutating func repeatLess(_ owner: NodeID) {
        let times = max(0, self.sendLimit - Self.repeats)
        self.regionNews.discount(owner, by: times, sendLimit: self.sendLimit)
    }

    /// Room for runs in one datagram.
    private var datagramRoom: Int {
        self.configuration.datagramByteCount - ObservationMessage.headByteCount
    }

    /// Puts what an owner said after `base` on its way, together with what is on its way already.
    mutating func queue(
        _ owner: NodeID,
        after base: UInt64,
        votes isRegional: Bool,
        _ urgency: BroadcastUrgency
    ) {
        guard let log = owner == self.node ? self.own : self.rows[owner]?.log else { return }
        let waiting = isRegional ? self.regionNews.items(of: owner) : self.meshNews.items(of: owner)
        var base = ObservationVersion(boot: log.boot, sequence: base)
        var urgency = urgency
        if let item = waiting.first {
            base = min(base, item.base)
            urgency = max(urgency, item.urgency)
        }
        guard
            let delta = log.delta(
                after: base,
                fitting: self.datagramRoom,
                of: owner,
                in: .region
            )
        else { return }
        let news = ObservationNews(
            subject: owner,
            base: base,
            urgency: urgency,
            wireByteCount: delta.wireByteCount
        )
        if isRegional {
            self.regionNews.insert(news, urgency: urgency)
        } else {
            self.meshNews.insert(news, urgency: urgency)
        }
    }

    /// Tells directly what an owner said after `base`: to all where they are few, else to some who
    /// pass it on.
    mutating func spread(
        _ owner: NodeID,
        after base: ObservationVersion,
        isMesh: Bool,
        except sender: NodeID?,
        isRelayed: Bool = false,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard let log = owner == self.node ? self.own : self.rows[owner]?.log else { return [] }
        let (targets, isAll) = self.directTargets(isMesh: isMesh, except: sender)
        return targets.compactMap { target -> Effect? in
            guard let peer = self.sampler[target], target != owner,
                let scope = self.scope(of: owner, towards: peer),
                let delta = log.delta(
                    after: base,
                    fitting: self.datagramRoom,
                    of: owner,
                    in: scope
                )
            else { return nil }
            var message = ObservationMessage()
            if !isAll, !isRelayed { message.flags.insert(.relay) }
            message.deltas = [delta]
            return self.send(message, to: target, leaving: self.roundReserve, at: now)
        }
    }

    /// Bytes that are left to rounds and to asking, whatever is told directly.
    private var roundReserve: Int { self.configuration.datagramRate }

    /// Tells some of each other region what this node has summed up of its own, who pass it on in theirs.
    ///
    /// With them goes what was told last, since other nodes heard that.
    mutating func spreadAcross(
        after before: ObservationVersion,
        at now: MonotonicInstant
    ) -> [Effect] {
        let base = min(self.acrossBase ?? before, before)
        self.acrossBase = before
        var told: [String: Int] = [:]
        let targets = self.generator.shuffle(self.sampler.remote).filter { target in
            guard let region = self.sampler[target]?.region else { return false }
            told[region, default: 0] += 1
            return told[region, default: 0] <= Self.heraldCount
        }
        return self.tell(targets, after: base, .relay, at: now)
    }

    /// Tells some directly what this node has said after `base`.
    mutating func tell(
        _ targets: [NodeID],
        after base: ObservationVersion,
        _ flags: ObservationMessage.Flags = [],
        at now: MonotonicInstant
    ) -> [Effect] {
        targets.compactMap { target -> Effect? in
            guard let peer = self.sampler[target],
                let scope = self.scope(of: self.node, towards: peer),
                let delta = self.own.delta(
                    after: base,
                    fitting: self.datagramRoom,
                    of: self.node,
                    in: scope
                )
            else { return nil }
            var message = ObservationMessage()
            message.flags = flags
            message.deltas = [delta]
            return self.send(message, to: target, leaving: self.roundReserve, at: now)
        }
    }

    private mutating func directTargets(
        isMesh: Bool,
        except sender: NodeID?
    ) -> (targets: [NodeID], isAll: Bool) {
        let excluded = sender.map { [$0] } ?? []
        if self.tellsAll(isMesh: isMesh) {
            let all = isMesh ? self.sampler.ids : self.sampler.regional
            // From another one on each time: where the bytes end, not always the same are left out.
            let start = all.isEmpty ? 0 : self.generator.next(below: all.count)
            let turned = Array(all[start...] + all[..<start])
            return (turned.filter { $0 != sender }, true)
        }
        let fanout = self.configuration.urgentFanout
        let picked = self.sampler.pick(fanout, excluding: excluded, using: &self.generator)
        return (picked, false)
    }

    /// Sends urgent news to some, as long as there is any.
    mutating func tick(at now: MonotonicInstant) -> [Effect] {
        guard let due = self.nextTick, due <= now else { return [] }
        self.nextTick = nil
        var effects: [Effect] = []
        let peers = self.sampler.pick(self.configuration.fanout, using: &self.generator)
        for id in peers {
            guard let peer = self.sampler[id] else { continue }
            var message = ObservationMessage()
            self.pack(into: &message, for: peer, fitting: self.datagramRoom, atLeast: .urgent)
            guard !message.isEmpty else { continue }
            if let effect = self.send(message, to: id, at: now) { effects.append(effect) }
        }
        return effects
    }

    /// Sends this round's datagram to one peer.
    mutating func round(at now: MonotonicInstant) -> [Effect] {
        guard let due = self.nextRound, due <= now else { return [] }
        self.nextRound = due.advanced(by: self.configuration.roundInterval)
        if self.nextRound ?? now <= now {
            self.nextRound = now.advanced(by: self.configuration.roundInterval)
        }
        var effects = self.sumUp(at: now)
        guard let id = self.roundPartner(), let peer = self.sampler[id] else { return effects }
        var message = ObservationMessage()
        let limit = self.configuration.roundByteCount
        self.addOwnWord(to: &message, for: peer, fitting: limit)
        self.pack(
            into: &message,
            for: peer,
            fitting: limit - Self.digestByteCount - message.wireByteCount,
            atLeast: .normal
        )
        self.fill(&message, for: peer, upTo: limit - Self.digestByteCount)
        self.addDigest(to: &message, for: peer, upTo: limit)
        if let effect = self.send(message, to: id, at: now) { effects.append(effect) }
        return effects
    }

    /// Whom this round tells: one after the other where they are few, so that each hears this node
    /// itself before its word is too old; else one picked.
    private mutating func roundPartner() -> NodeID? {
        guard self.turns.count <= Self.turnLimit, !self.turns.isEmpty else {
            return self.sampler.pick(1, using: &self.generator).first
        }
        self.roundTurn = (self.roundTurn + 1) % self.turns.count
        return self.turns[self.roundTurn]
    }

    /// Sends a message, unless the bytes are used up, or a datagram those that must be left.
    mutating func send(
        _ message: ObservationMessage,
        to peer: NodeID,
        by path: Path = .datagram,
        leaving reserve: Int = 0,
        at now: MonotonicInstant
    ) -> Effect? {
        let path = self.withoutDatagrams.contains(peer) ? .stream : path
        let size = message.wireByteCount
        let available =
            path == .stream
            ? self.streamBudget.available(at: now)
            : self.datagramBudget.available(at: now) - reserve
        guard available > 0 else {
            self.counters.overBudget += 1
            return nil
        }
        switch path {
        case .datagram:
            self.datagramBudget.spend(size, at: now)
            self.counters.datagramBytes += UInt64(size)
        case .stream:
            self.streamBudget.spend(size, at: now)
            self.counters.streamBytes += UInt64(size)
        }
        return .send(message, to: peer, by: path)
    }

    private func addOwnWord(
        to message: inout ObservationMessage,
        for peer: Peer,
        fitting limit: Int
    ) {
        guard let scope = self.scope(of: self.node, towards: peer) else { return }
        let room = min(limit - message.wireByteCount, Self.ownerByteLimit)
        if let delta = self.own.tail(fitting: room, of: self.node, in: scope) {
            message.deltas.append(delta)
        }
    }

    /// Adds waiting news, votes and the rest each by its share.
    private mutating func pack(
        into message: inout ObservationMessage,
        for peer: Peer,
        fitting room: Int,
        atLeast least: BroadcastUrgency
    ) {
        let isNear = peer.region == self.sampler.region
        let isWaiting = [isNear && !self.regionNews.isEmpty, !self.meshNews.isEmpty]
        var packer = self.packer
        var told: [Set<NodeID>] = [[], []]
        _ = packer.fill(
            byteCount: room,
            isWaiting: { isWaiting[$0] },
            take: { lane, room in
                let news = self.news(lane, fitting: room, atLeast: least, skipping: told[lane])
                told[lane].formUnion(news.map(\.subject))
                return self.add(news, to: &message, for: peer)
            }
        )
        self.packer = packer
    }

    /// Takes news of a lane: 0 votes, 1 the rest.
    private mutating func news(
        _ lane: Int,
        fitting room: Int,
        atLeast least: BroadcastUrgency,
        skipping told: Set<NodeID>
    ) -> [ObservationNews] {
        let limit = self.sendLimit
        guard lane == 0 else {
            return self.meshNews.take(
                fitting: room,
                sendLimit: limit,
                atLeast: least,
                skipping: told
            )
        }
        return self.regionNews.take(
            fitting: room,
            sendLimit: limit,
            atLeast: least,
            skipping: told
        )
    }

    /// Adds the runs that news stands for; returns their bytes.
    private func add(
        _ news: [ObservationNews],
        to message: inout ObservationMessage,
        for peer: Peer
    ) -> Int {
        var used = 0
        for item in news {
            let owner = item.subject
            guard owner != peer.id, let log = self.log(of: owner),
                let scope = self.scope(of: owner, towards: peer),
                let delta = log.delta(
                    after: item.base,
                    fitting: item.wireByteCount,
                    of: owner,
                    in: scope
                )
            else { continue }
            used += delta.wireByteCount
            message.deltas.append(delta)
        }
        return used
    }

    /// Fills a round with what owners in turn said last.
    private mutating func fill(
        _ message: inout ObservationMessage,
        for peer: Peer,
        upTo limit: Int
    ) {
        var told = Set(message.deltas.map(\.owner))
        var used = message.wireByteCount
        for _ in 0..<min(self.turns.count, 32) {
            let owner = self.turns[self.newsTurn % self.turns.count]
            guard !told.contains(owner), owner != peer.id,
                let scope = self.scope(of: owner, towards: peer),
                let row = self.rows[owner], !row.isStale
            else {
                self.newsTurn = (self.newsTurn + 1) % self.turns.count
                continue
            }
            let room = min(limit - used, Self.ownerByteLimit)
            guard let delta = row.log.tail(fitting: room, of: owner, in: scope) else { break }
            guard !delta.entries.isEmpty else { break }
            self.newsTurn = (self.newsTurn + 1) % self.turns.count
            told.insert(owner)
            used += delta.wireByteCount
            message.deltas.append(delta)
        }
    }

    /// Adds a digest of owners in turn, this node among them.
    private mutating func addDigest(
        to message: inout ObservationMessage,
        for peer: Peer,
        upTo limit: Int
    ) {
        var room = limit - message.wireByteCount
        let places = self.turns.count + 1
        for _ in 0..<min(places, 16) {
            let place = self.digestTurn % places
            let owner = place == self.turns.count ? self.node : self.turns[place]
            let isPeer = owner == peer.id
            let digest = (isPeer ? .mesh : self.scope(of: owner, towards: peer)).flatMap { scope in
                self.log(of: owner).map { log in
                    // The owner itself, near or far, hears how far it is known, also by what it did
                    // not say.
                    let version = isPeer ? log.version : log.content(in: scope)
                    return ObservationDigest(owner: owner, version: version)
                }
            }
            if let digest {
                guard digest.wireByteCount <= room else { break }
                room -= digest.wireByteCount
                message.digest.append(digest)
            }
            self.digestTurn = (place + 1) % places
        }
    }

    /// Makes itself known to newcomers, and learns all when it is one.
    mutating func greet(
        _ arrivals: [NodeID],
        among known: Int,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard !arrivals.isEmpty else { return [] }
        var effects: [Effect] = []
        for id in arrivals.prefix(self.configuration.directPeerLimit) {
            guard let peer = self.sampler[id] else { continue }
            var message = ObservationMessage()
            self.addOwnWord(to: &message, for: peer, fitting: self.datagramRoom)
            guard !message.isEmpty else { continue }
            if let effect = self.send(message, to: id, at: now) { effects.append(effect) }
        }
        // Alone before, or after a split: compare everything with somebody, best of the own region.
        guard known == 0 || arrivals.count * 4 > self.nodeCount else { return effects }
        let near = arrivals.filter { self.sampler[$0]?.region == self.sampler.region }
        let hosts = self.generator.shuffle(near.isEmpty ? arrivals : near).prefix(2)
        for host in hosts {
            var message = ObservationMessage()
            message.flags.insert(.greeting)
            if let effect = self.send(message, to: host, by: .stream, at: now) {
                effects.append(effect)
            }
        }
        return effects
    }
}
