import Logging
import MeshHealth
import MeshMembership
import MeshPrimitives
import MeshReplication
import MeshReports
import MeshStorage
import MeshTransport
import ServiceLifecycle

/// Hands what the cluster learns to the parts of the node that it concerns.
///
/// This is where the two wings meet: records become health reports, configurations and modes.
struct MeshWatch: Service {
    let cluster: ClusterService
    let health: HealthService
    let configuration: ConfigurationService
    let regions: RegionService
    let events: EventLog
    let store: NodeStore
    let logger: Logger
    /// Called when an operator wants another mode of this node.
    let onWish: @Sendable (MemberReport.Mode) -> Void

    private var node: NodeID { self.store.node }

    /// Runs until the cluster's events end.
    func run() async throws {
        await self.takeUpStoredWish()
        await cancelWhenGracefulShutdown {
            for await event in self.cluster.events { await self.take(event) }
        }
    }

    /// A node that was drained stays so over a restart, until somebody resumes it.
    private func takeUpStoredWish() async {
        let key = RecordKey(kind: .nodeMode, name: self.node.description)
        guard let record = await self.cluster.record(key), let wish = NodeWish(record: record),
            wish.mode != .normal
        else { return }
        self.onWish(wish.mode)
    }

    private func take(_ event: ClusterEvent) async {
        switch event {
        case .member(let event):
            self.tell(event)
            await self.membersChanged()
        case .applied(let records): await self.take(records)
        case .expired(let records):
            if records.contains(where: { $0.key.kind == .regionSummary }) {
                self.regions.summariesChanged()
            }
        case .conflict(let winner, let loser):
            self.keep("conflict") {
                try self.store.records.log(
                    StoredConflict(
                        noticed: NodeClock.wallMilliseconds,
                        winner: winner,
                        loser: loser
                    )
                )
            }
            self.events.add(
                .config,
                "conflict",
                subject: winner.key.name,
                message: "\(winner.key.name) was changed at two nodes at once; the change of "
                    + "\(winner.version.writer) won, that of \(loser.version.writer) is in the "
                    + "conflict log",
                details: ["winner": "\(winner.version.writer)", "loser": "\(loser.version.writer)"]
            )
        case .clockRefused(let key, let version, let ahead):
            self.events.add(
                .node,
                "clock-refused",
                subject: key.name,
                message: "a record of \(version.writer) lies \(ahead) ms in the future; "
                    + "set the clock there or here"
            )
        case .collected(let records):
            self.keep("forgotten deletions") { try self.store.records.remove(records) }
        case .troubled(let trouble):
            self.events.add(
                .node,
                "gossip-\(trouble.path.rawValue)",
                subject: "\(trouble.endpoint)",
                message: "\(trouble.endpoint): \(trouble.cause)",
                details: ["count": "\(trouble.count)"]
            )
        case .saveFailed(let reason):
            self.logger.error("records not saved", metadata: ["reason": "\(reason)"])
            self.events.add(
                .node,
                "save-failed",
                subject: "store",
                message: "records are in use but not on disk: \(reason)"
            )
        }
    }

    /// Changes the store; a failure is told, since the next start sees what is there then.
    private func keep(_ what: String, _ change: () throws -> Void) {
        do {
            try change()
        } catch {
            self.logger.error(
                "store not changed",
                metadata: ["what": "\(what)", "reason": "\(error)"]
            )
        }
    }

    private func take(_ records: [Record]) async {
        var entities = 0
        for record in records {
            switch record.key.kind {
            case .entity: entities += 1
            case .health:
                guard let observer = record.key.owner, observer != self.node,
                    let report = try? HealthReport(decoding: record.body)
                else { continue }
                self.health.receive(report, from: observer)
            case .nodeMode where record.key.name == self.node.description:
                guard let wish = NodeWish(record: record) else { continue }
                self.onWish(wish.mode)
            case .nodeMode: await self.membersChanged()
            case .regionSummary: self.regions.summariesChanged()
            default: continue
            }
        }
        guard entities > 0 else { return }
        self.events.add(
            .config,
            "config-received",
            subject: "configuration",
            message: "\(entities) entities changed"
        )
        self.configuration.recordsChanged()
    }

    /// Shares out health checks among members that are alive and not being taken out.
    private func membersChanged() async {
        let away = Set(
            await self.cluster.records(of: .nodeMode)
                .filter { NodeWish(record: $0)?.mode != .normal }.map(\.key.name)
        )
        let members = await self.cluster.members()
        let peers = members.filter { member in
            (member.state == .alive || member.state == .suspect)
                && !away.contains(member.id.description)
        }
        self.health.setPeers(peers.map { HealthPeer(id: $0.id, region: $0.profile.region) })
        self.regions.summariesChanged()
    }

    private func tell(_ event: MembershipEvent) {
        switch event {
        case .joined(let member):
            self.tell("joined", member, "\(member.profile.name) joined (\(member.state))")
        case .changed(let member, let before) where before != member.state:
            self.tell("\(member.state)", member, "\(member.profile.name) is \(member.state)")
        case .changed: return
        case .removed(let id):
            self.events.add(.membership, "removed", subject: "\(id)", message: "\(id) is forgotten")
        case .refuted(let incarnation):
            self.events.add(
                .membership,
                "refuted",
                subject: "\(self.node)",
                message: "refuted a suspicion with incarnation \(incarnation)"
            )
        case .nameConflict(let name, let holder, let refused):
            self.logger.error(
                "two living members have one name",
                metadata: ["name": "\(name)", "holder": "\(holder)", "refused": "\(refused)"]
            )
            self.events.add(
                .membership,
                "name-conflict",
                subject: name,
                message: "\(refused) may not be called \(name): \(holder) is; rename one"
            )
        case .isolated:
            self.health.setIsolated(true)
            self.events.add(
                .membership,
                "isolated",
                subject: "\(self.node)",
                message: "most probes of this node fail; it holds its suspicions back"
            )
        case .connected:
            self.health.setIsolated(false)
            self.events.add(
                .membership,
                "connected",
                subject: "\(self.node)",
                message: "probes of this node succeed again"
            )
        case .leaveFinished: return
        }
    }

    private func tell(_ type: String, _ member: Member, _ message: String) {
        self.logger.info("\(message)")
        self.events.add(
            .membership,
            type,
            subject: member.profile.name,
            message: message,
            details: [
                "region": member.profile.region, "address": "\(member.profile.address)",
                "incarnation": "\(member.incarnation)",
            ]
        )
    }
}
