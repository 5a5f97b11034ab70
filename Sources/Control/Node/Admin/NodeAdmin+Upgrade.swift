import Foundation
import HashTreeCollections
import MeshAdmin
import MeshChangelog
import MeshPrimitives
import MeshReports
import MeshTransport

/// How an upgrade of the fleet is kept in the changelog, beside the configuration.
enum KeptUpgrade {
    /// What its key begins with.
    static let kind = "upgrades"
    /// The key of the newest one; there is one at a time.
    static let key = "\(Self.kind)/current"

    /// Reads what is kept; `nil` when it is from a version that keeps other things.
    static func read(_ body: [UInt8]) -> UpgradeReport? {
        try? ReportJSON.decode(UpgradeReport.self, from: Data(body))
    }
}

extension NodeAdmin {
    func upgrade() async -> UpgradeReport? {
        await self.cluster.latest().state.entities[KeptUpgrade.key].flatMap {
            KeptUpgrade.read($0.body)
        }
    }

    func setUpgrade(_ upgrade: UpgradeReport) async throws(AdminError) {
        let held = await self.cluster.latest().state.entities[KeptUpgrade.key]
        let before = held.flatMap { KeptUpgrade.read($0.body) }
        guard upgrade.revision == (before?.revision ?? 0) + 1 else {
            throw .refused(Self.staleUpgrade)
        }
        guard let body = try? ReportJSON.encode(upgrade) else {
            throw .refused("the upgrade holds what JSON cannot")
        }
        let done = upgrade.nodes.count { $0.step == .done }
        var draft = ChangelogDraft(
            changes: [KeptUpgrade.key: Array(body)],
            author: upgrade.driver,
            message: "upgrade \(upgrade.state.rawValue), \(done) of \(upgrade.nodes.count) nodes"
        )
        draft.expecting = .entities([KeptUpgrade.key: held?.hash])
        do throws(AdminError) {
            _ = try await self.cluster.submit(draft)
        } catch {
            if case .stale = error { throw .refused(Self.staleUpgrade) }
            throw error
        }
        guard before?.state != upgrade.state else { return }
        self.eventLog.add(
            .node,
            upgrade.state.event,
            subject: "fleet",
            message: draft.message + (upgrade.reason.isEmpty ? "" : ": \(upgrade.reason)")
        )
    }

    private static let staleUpgrade =
        "somebody else has changed the upgrade meanwhile; look: meshctl upgrade status"
}

extension UpgradeReport.State {
    /// The event of an upgrade that has come to it.
    fileprivate var event: EventType {
        switch self {
        case .running: .upgradeRunning
        case .paused: .upgradePaused
        case .aborted: .upgradeAborted
        case .finished: .upgradeFinished
        }
    }
}
