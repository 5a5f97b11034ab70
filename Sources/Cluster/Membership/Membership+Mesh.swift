import MeshPrimitives

/// Which mesh this node belongs to.
extension Membership {
    /// How long a mesh that has just been born may turn out to be the same as another one: 15 s.
    ///
    /// Nodes that are started together meet within the first pauses of ``Reconnection``, in less.
    public static let meshYouth = Duration.seconds(15)

    /// How what a peer says of its mesh relates to this node's.
    enum Kinship: Equatable {
        /// The same mesh, now if not before.
        case same
        /// Another one, which the peer gives up as soon as it hears of this node's.
        case yielding
        /// Another one for good, or as long as this node is refused.
        case foreign
    }

    /// Which mesh this node belongs to.
    public var mesh: MeshClaim {
        let hasSomething = self.table.count > 0 || self.localDigest != .zero
        return MeshClaim(
            id: self.local.signed.record.mesh,
            standing: self.isFounded ? .founded : (hasSomething ? .forming : .alone)
        )
    }

    /// Judges the mesh that a peer shows.
    ///
    /// Where this node's claim is the weaker one it takes the peer's over, if the peer compares all it
    /// knows or introduces itself, and does not refuse it; by other messages it is only asked to.
    mutating func relate(to message: MembershipMessage, at now: MonotonicInstant) -> Kinship {
        let own = self.mesh
        guard message.mesh.id != own.id else {
            // The others have been together for longer.
            if message.mesh.standing == .founded, !self.isFounded { self.found(at: now) }
            return .same
        }
        if own.isForeign(to: message.mesh) {
            self.tellForeign(message)
            self.leaveToForeign(message.sender, at: now)
            return .foreign
        }
        guard own.yields(to: message.mesh), self.isLetIn(by: message) else { return .yielding }
        self.adopt(message.mesh, at: now)
        if let address = message.newcomer?.address ?? self.table[message.sender]?.profile.address {
            self.pending.append(.stream(self.sync(.sync, at: now), to: address))
            self.introduce(to: address, at: now)
        }
        return .same
    }

    /// Founds the mesh once it is old enough; a node that still looks for its mesh founds none.
    mutating func foundMesh(at now: MonotonicInstant) {
        guard !self.isFounded, self.mesh.standing == .forming, self.admission == .admitted else {
            self.foundingAt = nil
            return
        }
        guard let due = self.foundingAt else {
            self.foundingAt = now.advanced(by: Self.meshYouth)
            return
        }
        if now >= due { self.found(at: now) }
    }

    private mutating func found(at now: MonotonicInstant) {
        self.isFounded = true
        let id = self.mesh.id
        // Whoever went before it could say that it is of this mesh would be told of for nothing.
        for member in self.table.members
        where member.signed.record.mesh != id && !member.state.isPresent {
            self.drop(member, at: now)
        }
        self.pending.append(.persistMesh(self.mesh))
        self.pending.append(.event(.meshFounded(id)))
    }

    private mutating func adopt(_ claim: MeshClaim, at now: MonotonicInstant) {
        self.foundingAt = nil
        self.speak(incarnation: self.local.incarnation + 1, mesh: claim.id)
        self.isFounded = claim.standing == .founded
        self.pending.append(.persistMesh(self.mesh))
        if self.isFounded { self.pending.append(.event(.meshFounded(claim.id))) }
    }

    /// Whether a message shows that its sender would have this node as a member.
    private func isLetIn(by message: MembershipMessage) -> Bool {
        switch message.kind {
        case .syncAnswer: self.namesake(in: message) == nil
        case .sync, .compare, .comparison, .difference: self.nameHolder == nil
        case .refusal, .ping, .ack, .nack, .pingRequest, .gossip: false
        }
    }

    private mutating func tellForeign(_ message: MembershipMessage) {
        self.counters.foreignMessages += 1
        guard let profile = message.newcomer ?? self.table[message.sender]?.profile else { return }
        self.pending.append(.event(.foreignMesh(message.mesh.id, profile)))
    }

    /// A member that was moved to another mesh is none of this one any more.
    private mutating func leaveToForeign(_ id: NodeID, at now: MonotonicInstant) {
        guard let member = self.table[id] else { return }
        self.drop(member, at: now)
    }
}

extension MembershipMessage {
    /// What the sender says of itself, when it says so.
    var newcomer: MemberProfile? {
        for case .record(let signed, _) in self.updates where signed.id == self.sender {
            return signed.record.isWithinLimits ? signed.record.profile : nil
        }
        return nil
    }
}
