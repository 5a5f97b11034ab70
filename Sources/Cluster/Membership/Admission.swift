public import MeshPrimitives

/// Whether a node is in its mesh.
public enum Admission: Equatable, Sendable {
    /// It knows members, or was told of none to join.
    case admitted
    /// It is new, and none of the members it was told of has answered yet.
    case seeking
    /// It may not join: this living member, or one that failed just now, has its name.
    case refused(by: MemberProfile)
    /// It is silent: an older process of the same identity runs there.
    case silenced(by: Endpoint)
}

extension Membership {
    /// Whether this node is in its mesh.
    public var admission: Admission {
        if let twin = self.silencer { return .silenced(by: twin) }
        if let holder = self.nameHolder { return .refused(by: holder) }
        let isNew = self.table.count == 0 && !self.hasJoined
        return isNew && !self.seeds.isEmpty ? .seeking : .admitted
    }

    /// Who keeps a newcomer from its name: a living member at another address, or one that failed
    /// there so lately that it may be back.
    ///
    /// A name is given back at once to the same identity and to whoever comes from the same address.
    func holder(against newcomer: MemberProfile, at now: MonotonicInstant) -> Member? {
        let reclaim = self.configuration.nameReclaimTime
        return self.namesakes(of: newcomer).first { member in
            guard member.profile.address != newcomer.address else { return false }
            switch member.state {
            case .alive, .suspect: return true
            case .failed: return member.since.duration(to: now) < reclaim
            case .left: return false
            }
        }
    }

    /// Takes in that a member, whose record goes with the message, keeps this node from its name.
    mutating func refused(by holder: NodeID, in message: MembershipMessage) {
        for case .record(let signed, _) in message.updates where signed.id == holder {
            self.refused(by: signed)
        }
    }

    /// Takes in that a member with this record keeps this node from its name.
    mutating func refused(by signed: SignedRecord) {
        let holder = signed.record.profile
        guard holder.id != self.local.id, holder.name == self.local.profile.name,
            !signed.record.hasLeft, signed.isGenuine(self.identity.verify)
        else { return }
        self.nameHolder = holder
        self.pending.append(
            .event(.nameConflict(holder: holder, refused: self.local.profile))
        )
    }

    /// Takes in that a member has told all it knows; one of another mesh, which gives that up for this
    /// node's, will come by itself.
    mutating func joined(through message: MembershipMessage) {
        guard message.mesh.id == self.mesh.id else { return }
        self.hasJoined = true
        self.nameHolder = nil
    }

    /// Whoever lives under this node's name, as a member that this node would join tells it.
    func namesake(in message: MembershipMessage) -> SignedRecord? {
        guard !self.hasJoined, self.table.count == 0 else { return nil }
        var gone: Set<NodeID> = []
        for case .accusation(let accusation) in message.updates where accusation.verdict > .suspect
        {
            gone.insert(accusation.subject)
        }
        for case .record(let signed, _) in message.updates {
            let profile = signed.record.profile
            guard profile.name == self.local.profile.name, signed.id != self.local.id,
                profile.address != self.local.profile.address, !signed.record.hasLeft,
                !gone.contains(signed.id)
            else { continue }
            return signed
        }
        return nil
    }
}
