import MeshAdmin
import MeshMembership
import MeshPrimitives
import MeshReports
import MeshTransport
import MeshWire

extension NodeAdmin {
    func keys() async -> KeysReport {
        guard let ring = await self.cluster.keyRing() else { return KeysReport(keys: []) }
        let members = await self.cluster.members().filter { $0.state != .left }
        let inventory = ring.inventory
        let keys = inventory.keys.map { key in
            let lacking = members.filter { !$0.signed.record.ring.keys.contains(key) }
            let sealing = members.filter { $0.signed.record.ring.sealingEpoch == key.epoch }
            return KeyReport(
                epoch: Int(key.epoch),
                mark: String(key.mark, radix: 16),
                isSealing: key.epoch == inventory.sealingEpoch,
                holders: members.count - lacking.count,
                members: members.count,
                lacking: lacking.map(\.profile.name).sorted(),
                sealing: sealing.map(\.profile.name).sorted()
            )
        }
        return KeysReport(keys: keys)
    }

    func rotateKeys(_ step: KeyStep, isForced: Bool) async throws(AdminError) -> KeysReport {
        let rotation: KeyRotation.Step =
            switch step {
            case .stage: .stage
            case .activate(let epoch): .activate(UInt16(clamping: epoch))
            case .retire(let epoch): .retire(UInt16(clamping: epoch))
            }
        do {
            try await self.cluster.rotate(rotation, isForced: isForced)
        } catch let refusal as KeyRotation.Refusal {
            throw .refused(refusal.description)
        } catch {
            throw .failed("\(error)")
        }
        self.eventLog.add(
            .node,
            step.event,
            subject: self.identity.name,
            message: "an operator had a key \(step.word)d"
        )
        return await self.keys()
    }
}

extension KeyStep {
    /// The event of an operator who took it.
    fileprivate var event: EventType {
        switch self {
        case .stage: .keysStage
        case .activate: .keysActivate
        case .retire: .keysRetire
        }
    }
}
