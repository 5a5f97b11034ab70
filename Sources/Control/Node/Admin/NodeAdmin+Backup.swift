import Foundation
import HashTreeCollections
import MeshAdmin
import MeshChangelog
import MeshPrimitives
import MeshReports
import MeshTransport
import MeshWire

extension NodeAdmin {
    func backup(withKeys: Bool) async throws(AdminError) -> BackupReport {
        guard let stored = await self.cluster.stored() else { throw .stopping }
        let members = await self.currentMembers().reports
        var backup = BackupReport(
            takenAt: Timestamp.text(milliseconds: NodeClock.wallMilliseconds),
            node: self.identity.name,
            cluster: self.nodeSettings.gossip.cluster,
            config: ConfigurationVersion(try self.log(of: stored).head),
            members: members.filter { $0.state != .left }.map {
                BackupReport.Member(
                    id: $0.id,
                    name: $0.name,
                    region: $0.region,
                    address: $0.address
                )
            }
        )
        backup.checkpoint = (stored.checkpoint?.bytes).map(Self.text) ?? ""
        backup.conflicts = (stored.checkpoint?.conflicts).map(Self.text) ?? ""
        backup.changesets = stored.changesets.map(Self.text)
        backup.displaced = stored.displaced.map(Self.text)
        if withKeys {
            guard let ring = await self.cluster.keyRing() else { throw .stopping }
            backup.keyRing = ring.text
        }
        backup.checksum = stored.checksum
        return backup
    }

    func restore(
        _ backup: BackupReport,
        replacing: Bool,
        _ restoration: Restoration
    ) async throws(AdminError) -> ApplyReport {
        let stored = try Self.stored(backup)
        let log = try self.log(of: stored)
        var report = ApplyReport(
            config: ConfigurationVersion(log.head),
            base: ConfigurationVersion(await self.cluster.status().configuration),
            changes: [],
            warnings: []
        )
        guard replacing else {
            let receipt = try await self.cluster.takeOver(stored)
            report.config = ConfigurationVersion(receipt.head)
            report.holders = await self.cluster.names(of: receipt.holders)
            self.tell(report, "backup of \(backup.takenAt) taken over")
            await self.configurations.settled()
            return report
        }
        guard let newest = await self.cluster.history()?.newest else { throw .stopping }
        var draft = ChangelogDraft(changes: [:], author: restoration.author)
        draft.message =
            restoration.message.isEmpty
            ? "restore the backup of \(backup.takenAt)" : restoration.message
        for key in log.state.differingKeys(from: newest) {
            draft.changes.updateValue(log.state.entities[key]?.body, forKey: key)
        }
        report = try await self.configurations.write(
            draft,
            expecting: newest.hash.description
        )
        self.tell(report, draft.message)
        return report
    }

    private func tell(_ report: ApplyReport, _ message: String) {
        self.eventLog.add(
            .config,
            .configRestored,
            subject: report.config.hash,
            message: message
        )
    }

    /// A log of what a store holds, to see what it adds up to.
    private func log(of stored: StoredChangelog) throws(AdminError) -> Changelog {
        do {
            return try Changelog(
                node: self.node,
                region: self.nodeSettings.node.region,
                stored: stored,
                rules: .gateway,
                seed: 1
            )
        } catch {
            throw .refused("the backup cannot be read: \(error)")
        }
    }

    private static func text(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

    private static func stored(_ backup: BackupReport) throws(AdminError) -> StoredChangelog {
        guard backup.format == BackupReport.currentFormat else {
            throw .refused(
                "the file is '\(backup.format.prefix(64))', this node reads "
                    + BackupReport.currentFormat
            )
        }
        let bytes = { (text: String) throws(AdminError) -> [UInt8] in
            guard let data = Data(base64Encoded: text) else {
                throw .refused("the backup is damaged: no base64")
            }
            return [UInt8](data)
        }
        var stored = StoredChangelog()
        if !backup.checkpoint.isEmpty {
            stored.checkpoint = StoredCheckpoint(
                bytes: try bytes(backup.checkpoint),
                conflicts: try bytes(backup.conflicts)
            )
        }
        for text in backup.changesets { stored.changesets.append(try bytes(text)) }
        for text in backup.displaced { stored.displaced.append(try bytes(text)) }
        guard stored.checksum == backup.checksum else {
            throw .refused("the backup is damaged: its checksum does not match")
        }
        return stored
    }
}

extension StoredChangelog {
    /// A hash over everything, each part with its length before it.
    fileprivate var checksum: String {
        var writer = ByteWriter(capacity: 1 << 16)
        writer.write(sized: self.checkpoint?.bytes ?? [])
        writer.write(sized: self.checkpoint?.conflicts ?? [])
        for part in [self.changesets, self.displaced] {
            writer.write(UInt32(clamping: part.count))
            for bytes in part { writer.write(sized: bytes) }
        }
        return contentHash(of: writer.bytes).description
    }
}
