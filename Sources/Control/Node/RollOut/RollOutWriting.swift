import HashTreeCollections
import MeshAdmin
import MeshChangelog
import MeshMembership
import MeshPrimitives
import MeshReports
import MeshTransport

extension ClusterService {
    /// A roll-out of a change upon a configuration: first this node, then the others of its region,
    /// then all.
    func rollOut(
        of node: NodeID,
        upon held: ClusterConfigurationState,
        _ limits: RollOutLimits
    ) async -> RollOut {
        let members = await self.members().filter { $0.state == .alive }
        let region = members.first { $0.id == node }?.profile.region
        let neighbours = members.filter { $0.id != node && $0.profile.region == region }
            .map(\.id.description).sorted()
        return RollOut(
            id: String(UInt32.random(in: 0x1000_0000...UInt32.max), radix: 16),
            base: held.head.hash.description,
            waves: [[node.description], neighbours].filter { !$0.isEmpty },
            limits: limits
        )
    }

    /// Writes how a roll-out goes on, unless somebody else did since `latest`.
    func write(
        _ rollOut: RollOut,
        upon latest: ClusterConfigurationState,
        author: String,
        taking back: [String: [UInt8]?] = [:]
    ) async throws(AdminError) {
        var draft = ChangelogDraft(changes: back, author: author)
        draft.changes[RollOut.key] = rollOut.body
        draft.message =
            switch rollOut.phase {
            case .running: "roll-out \(rollOut.id): wave \(rollOut.wave) of \(rollOut.waveCount)"
            case .paused, .aborted, .finished: "roll-out \(rollOut.id) is \(rollOut.phase.rawValue)"
            }
        if !rollOut.reason.isEmpty { draft.message += ": \(rollOut.reason)" }
        var expected: [String: ContentHash?] = [:]
        for key in draft.changes.keys {
            expected.updateValue(latest.state.entities[key]?.hash, forKey: key)
        }
        draft.expecting = .entities(expected)
        _ = try await self.submit(draft, ofRollOut: true)
    }

    /// Takes the change of a roll-out back; what somebody else changed since stays as it is.
    ///
    /// When what stood before is not remembered any more, the roll-out is paused instead.
    func takeBack(
        _ rollOut: RollOut,
        upon latest: ClusterConfigurationState,
        reason: String,
        author: String
    ) async throws(AdminError) {
        var ended = rollOut
        guard let step = await self.history()?.beginning(of: rollOut) else {
            ended.phase = .paused
            ended.reason = "\(reason); what stood before is folded, take it back by hand"
            return try await self.write(ended, upon: latest, author: author)
        }
        ended.phase = .aborted
        ended.reason = reason
        var back: [String: [UInt8]?] = [:]
        for change in step.entry.changeset.changes where change.key != RollOut.key {
            let held = latest.state.entities[change.key]
            guard held?.changeset == step.entry.id || (held == nil && change.body == nil) else {
                continue
            }
            back.updateValue(step.before.entities[change.key]?.body, forKey: change.key)
        }
        try await self.write(ended, upon: latest, author: author, taking: back)
    }
}
