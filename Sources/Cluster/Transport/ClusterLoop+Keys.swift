import MeshMembership
import MeshPrimitives
import MeshWire

extension ClusterLoop {
    /// Members that are sent the ring at one time.
    private static let ringFanout = 8
    /// Time between two tries with one member.
    private static let ringPause = Duration.seconds(2)

    /// Takes one step of a change of keys; others get the ring from here.
    ///
    /// - Throws: ``KeyRotation/Refusal``; nothing has changed then.
    func rotate(
        _ step: KeyRotation.Step,
        isForced: Bool
    ) throws(KeyRotation.Refusal) -> RingInventory {
        self.adopt(
            try KeyRotation.ring(
                after: step,
                of: self.ring,
                members: self.membership.members,
                isForced: isForced
            )
        )
        self.spreadRing()
        return self.ring.inventory
    }

    /// Takes in a ring that a member sent.
    func received(_ ring: KeyRing, from peer: NodeID) {
        guard self.membership.member(peer)?.state.isPresent == true,
            ring.supersedes(self.ring)
        else { return }
        self.adopt(ring)
    }

    /// Sends the ring to members that hold an older one.
    func spreadRing() {
        guard self.ring.version > 0, self.isRunning else { return }
        let now = LoopClock.now()
        let own = self.ring.inventory
        let waiting = self.membership.members.filter { member in
            guard member.id != self.node, member.state.isPresent else { return false }
            let held = member.signed.record.ring
            return held.version < own.version || (held.version == own.version && held != own)
        }
        guard !waiting.isEmpty else {
            self.ringPauses = [:]
            return
        }
        let due = waiting.filter { self.ringPauses[$0.id].map { $0 <= now } ?? true }
        for member in due.prefix(Self.ringFanout) {
            self.ringPauses[member.id] = now.advanced(by: Self.ringPause)
            self.stream(.keyRing(self.ring), to: member.id)
        }
    }

    private func adopt(_ ring: KeyRing) {
        self.ring = ring
        self.keys = ClusterKeys(ring: ring, clusterName: self.configuration.clusterName)
        self.sealer.replace(self.keys)
        self.opener.replace(self.keys)
        self.ringPauses = [:]
        self.scheduleSweep()
        self.saveRing(ring)
        self.publish(.keys(ring))
        self.stepMembership { $0.setRing(ring.inventory, at: $1) }
    }
}
