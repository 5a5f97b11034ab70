import MeshAdmin
import MeshMembership
import MeshPrimitives
import MeshReports
import MeshTransport

extension NodeAdmin {
    func dismiss(
        _ node: String,
        forgetting: Bool
    ) async throws(AdminError) -> DismissalReport {
        let named = await self.cluster.members().filter {
            $0.profile.name == node || $0.id.description == node
        }
        guard let known = named.first else { throw .unknownNode(node) }
        guard let member = named.first(where: { !$0.state.isPresent }) else {
            throw .refused(
                known.id == self.node
                    ? "\(node) is the node that was asked: stop it, and it leaves by itself"
                    : "\(node) is \(known.state): stop it, and it leaves by itself"
            )
        }
        await self.cluster.dismiss(member.id, forgetting ? .forgotten : .expelled)
        self.eventLog.add(
            .membership,
            forgetting ? .forget : .forceLeave,
            subject: member.profile.name,
            message: "an operator "
                + (forgetting
                    ? "took \(member.profile.name) off the list"
                    : "declared \(member.profile.name) gone"),
            details: ["id": "\(member.id)", "address": "\(member.profile.address)"]
        )
        return DismissalReport(
            node: member.profile.name,
            id: member.id.description,
            isForgotten: forgetting
        )
    }

    /// Why this node may not join its mesh; `nil` while it may.
    func exclusion() async -> String? {
        let own = self.nodeSettings.advertisedGossip
        switch await self.cluster.status().admission {
        case .admitted, .seeking: return nil
        case .refused(let holder):
            return "not let into the mesh: \(own) and \(holder.address) are both called "
                + "\(holder.name); give this node another node.name"
        case .silenced(let other):
            return "silent: \(other) runs with this node's identity, from a copy of its data_dir"
        }
    }
}

extension AccusationReport {
    /// A charge as reports show it.
    init(
        _ charge: Charge,
        names: [NodeID: String],
        now: MonotonicInstant,
        wallMilliseconds: UInt64
    ) {
        let accusation = charge.accusation
        let ago = UInt64(max(0, charge.heard.duration(to: now).milliseconds))
        let verdict =
            switch accusation.verdict {
            case .suspect: "suspect"
            case .failed: "failed"
            case .expelled: "expelled"
            case .forgotten: "forgotten"
            }
        self.init(
            verdict: verdict,
            accuser: names[accusation.accuser] ?? accusation.accuser.description,
            time: Timestamp.text(
                milliseconds: wallMilliseconds &- min(wallMilliseconds, ago)
            ),
            evidence: accusation.evidence.words
        )
    }
}

extension Accusation.Evidence {
    /// What a probe has shown, for people.
    fileprivate var words: String {
        guard !self.isByOperator else { return "an operator says so" }
        var words = ["UDP unanswered"]
        if self.triedStream { words.append("TCP unanswered") }
        if self.relaysAsked > 0 {
            words.append(
                "\(self.relaysDenied) of \(self.relaysAsked) relays did not reach it either"
                    + (self.relaysDenied < self.relaysAsked ? ", the others kept silent" : "")
            )
        }
        return words.joined(separator: "; ")
    }
}
