import MeshAdmin
import MeshReports
import Synchronization

/// A past of two changesets and one conflict.
extension FakeNode {
    static let changeset = ChangesetReport(
        id: "1f00ab34:7",
        config: ConfigurationVersion(generation: 41, hash: "7c1e"),
        node: "eu-1",
        at: "2026-11-20T22:41:07.000Z",
        author: "alice",
        message: "lower timeout",
        summary: ChangeSummary(of: [])
    )

    static let conflict = ConflictReport(
        id: "5f3a09c1",
        open: true,
        change: [],
        kind: "services",
        entity: FakeNode.service,
        name: "web",
        winner: ConflictReport.Side(changeset: "1f00ab34:7", deletes: false),
        loser: ConflictReport.Side(changeset: "2b00ab34:1", deletes: true)
    )

    private static let view = ViewReport(node: "eu-1", ageSeconds: 0.3, members: 2)

    func history(last count: Int) async -> HistoryReport {
        HistoryReport(
            config: Self.changeset.config,
            changesets: Array([Self.changeset, Self.changeset].prefix(count)),
            checkpoint: .none,
            view: Self.view
        )
    }

    func changeset(_ name: String) async throws(AdminError) -> ChangesetDetailReport {
        guard name == Self.changeset.id else { throw .unknownChangeset(name) }
        return ChangesetDetailReport(
            changeset: Self.changeset,
            changes: [],
            conflicts: [Self.conflict]
        )
    }

    func difference(
        from old: String,
        to new: String
    ) async throws(AdminError) -> DifferenceReport {
        guard old != "g1" else { throw .refused("g1 is one of two") }
        var report = DifferenceReport(
            base: ConfigurationVersion(version: old, hash: "0"),
            changes: [],
            warnings: []
        )
        report.target = ConfigurationVersion(version: new, hash: "1")
        return report
    }

    func rollBack(
        to place: String,
        _ restoration: Restoration
    ) async throws(AdminError) -> ApplyReport {
        if let base = restoration.expectedHash, base != "7c1e" {
            throw .stale(held: Self.changeset.config)
        }
        return self.restored("to \(place)", restoration)
    }

    func rollOut() async -> RollOutReport? {
        RollOutReport(
            id: "ab12cd34",
            phase: .running,
            reason: "",
            wave: 1,
            guarding: "errors<1%",
            holdSeconds: 60,
            waves: [.init(nodes: ["eu-1"], active: [])],
            waitsFor: "eu-1"
        )
    }

    func perform(_ action: RollOutAction, author: String) async throws(AdminError) {
        guard action != .abort else { throw .refused("no roll-out is open") }
    }

    func conflicts() async -> ConflictsReport {
        ConflictsReport(conflicts: [Self.conflict], view: Self.view)
    }

    func applyLoser(
        of conflict: String,
        _ restoration: Restoration
    ) async throws(AdminError) -> ApplyReport {
        guard conflict == Self.conflict.id else { throw .unknownChangeset(conflict) }
        return self.restored("loser of \(conflict)", restoration)
    }

    func backup(withKeys: Bool) async throws(AdminError) -> BackupReport {
        var backup = BackupReport(
            takenAt: Self.changeset.at,
            node: "eu-1",
            cluster: "test",
            config: Self.changeset.config,
            members: []
        )
        if withKeys { backup.keyRing = "secret" }
        return backup
    }

    func restore(
        _ backup: BackupReport,
        replacing: Bool,
        _ restoration: Restoration
    ) async throws(AdminError) -> ApplyReport {
        guard replacing else { throw .refused("there is a configuration already") }
        return self.restored("backup of \(backup.node)", restoration)
    }

    private func restored(_ what: String, _ restoration: Restoration) -> ApplyReport {
        self.told.withLock {
            $0.messages.append("\(restoration.author): \(what): \(restoration.message)")
        }
        var report = ApplyReport(
            config: Self.changeset.config,
            base: Self.changeset.config,
            changes: [],
            warnings: []
        )
        report.changeset = Self.changeset.id
        report.holders = ["eu-1"]
        report.confirmed = restoration.message != "alone"
        return report
    }
}
