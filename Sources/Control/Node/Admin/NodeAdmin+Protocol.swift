import HashTreeCollections
import MeshAdmin
import MeshChangelog
import MeshMembership
import MeshReports
import MeshTransport
import MeshWire

extension NodeAdmin {
    func protocolVersions() async -> ProtocolReport {
        await self.protocolVersions(in: await self.cluster.latest())
    }

    func finalizeProtocol(author: String) async throws(AdminError) -> ProtocolReport {
        let latest = await self.cluster.latest()
        let report = await self.protocolVersions(in: latest)
        if report.isFinal { return report }
        guard report.obstacles.isEmpty else {
            throw .refused(
                "protocol \(report.newest) stays off: " + report.obstacles.joined(separator: "; ")
            )
        }
        var draft = FinalizedVersion.draft(UInt8(clamping: report.newest), author: author)
        let held = latest.state.entities[FinalizedVersion.key]
        draft.expecting = .entities([FinalizedVersion.key: held?.hash])
        _ = try await self.cluster.submit(draft)
        self.eventLog.add(.node, .upgradeFinalized, subject: "fleet", message: draft.message)
        return await self.protocolVersions()
    }

    private func protocolVersions(in latest: ClusterConfigurationState) async -> ProtocolReport {
        let members = await self.cluster.members().filter { $0.state != .left }
        let upgrade = latest.state.entities[KeptUpgrade.key].flatMap { KeptUpgrade.read($0.body) }
        return ProtocolReport(
            finalized: Int(latest.finalizedVersion),
            newest: Int(await self.cluster.status().versions.maximum),
            members: members.map { member in
                let versions = WireVersions(member.profile)
                return ProtocolReport.Member(
                    name: member.profile.name,
                    minimum: Int(versions.minimum),
                    maximum: Int(versions.maximum)
                )
            },
            openUpgrade: upgrade.flatMap { $0.isOpen ? $0.state.rawValue : nil }
        )
    }
}
