import MeshMembership
import MeshPrimitives
import MeshReplication
import MeshWire
import NIOCore

extension ClusterLoop {
    /// Takes in a message of a peer's observations.
    func receive(_ message: ReplicationMessage, from sender: NodeID) {
        self.stepReplication {
            $0.replication.receive(
                message,
                from: sender,
                wallMilliseconds: LoopClock.wallMilliseconds(),
                at: $1
            )
        }
    }

    /// Takes one step of the observations and carries out its effects; no disk has a part in it.
    func stepReplication(
        _ step: (ClusterLoop, MonotonicInstant) -> [Replication.Effect]
    ) {
        for effect in step(self, LoopClock.now()) { self.perform(effect) }
    }

    /// Tells the cluster what this node observes.
    ///
    /// - Throws: ``MeshReplication/ReplicationError``; nothing is changed then.
    func spread(
        _ changes: [RecordChange],
        urgency: RecordUrgency
    ) throws(ReplicationError) -> [Record] {
        let effects = try self.replication.write(
            changes,
            urgency: urgency,
            wallMilliseconds: LoopClock.wallMilliseconds(),
            at: LoopClock.now()
        )
        for effect in effects { self.perform(effect) }
        return effects.flatMap { effect -> [Record] in
            if case .applied(let records) = effect { records } else { [] }
        }
    }

    private func perform(_ effect: Replication.Effect) {
        switch effect {
        case .send(let message, let node):
            guard let member = self.membership.member(node) else { return }
            self.send(.replication(message), to: member.profile.address)
        case .stream(let message, let node):
            self.stream(.replication(message), to: node)
        case .applied(let records): self.publish(.applied(records))
        case .expired(let records): self.publish(.expired(records))
        case .clockRefused(let key, let version, let ahead):
            self.publish(.clockRefused(key, version, aheadMilliseconds: ahead))
        case .wake(let instant): self.wakeReplication(at: instant)
        // What is durable is in the changelog.
        case .persist, .conflict, .collected: break
        }
    }
}
