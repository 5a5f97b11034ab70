import Logging
import MeshChangelog
import MeshHealth
import MeshMembership
import MeshPrimitives
import MeshReplication
import MeshReports
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
    let onDesiredMode: @Sendable (MemberReport.Mode) -> Void

    private var node: NodeID { self.store.node }

    /// Runs until the cluster's events end.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.watchChangelog() }
                for await event in self.cluster.events { await self.take(event) }
                group.cancelAll()
            }
        }
    }

    /// Takes what the changelog holds, at first and whenever it has changed.
    ///
    /// A node that was drained stays so over a restart, until somebody resumes it.
    private func watchChangelog() async {
        var head = await self.cluster.latest().head
        var desired = await self.takeDesiredMode(after: .normal)
        for await _ in self.cluster.changes {
            desired = await self.takeDesiredMode(after: desired)
            let newest = await self.cluster.latest().head
            guard newest.hash != head.hash else { continue }
            head = newest
            self.events.add(
                .config,
                "config-received",
                subject: head.hash.description,
                message: "holds configuration \(head)"
            )
            self.configuration.recordsChanged()
        }
    }

    /// Tells what operators want of the nodes now; gives what they want of this one.
    private func takeDesiredMode(after last: MemberReport.Mode) async -> MemberReport.Mode {
        let desired = await self.cluster.latest().desiredModes[self.node] ?? .normal
        if desired != last { self.onDesiredMode(desired) }
        await self.membersChanged()
        return desired
    }

    private func take(_ event: ClusterEvent) async {
        switch event {
        case .member(let event):
            self.tell(event)
            await self.membersChanged()
        case .applied(let records): self.take(records)
        case .expired(let records):
            if records.contains(where: { $0.key.kind == .regionSummary }) {
                self.regions.summariesChanged()
            }
        case .changelog(let notice): self.events.add(notice)
        case .clockRefused(let key, let version, let ahead):
            self.events.add(
                .node,
                "clock-refused",
                subject: key.name,
                message: "a record of \(version.writer) lies \(ahead) ms in the future; "
                    + "set the clock there or here"
            )
        case .troubled(let trouble):
            self.events.add(
                .node,
                "gossip-\(trouble.path.rawValue)",
                subject: "\(trouble.endpoint)",
                message: "\(trouble.endpoint): \(trouble.cause)",
                details: ["count": "\(trouble.count)"]
            )
        }
    }

    private func take(_ records: [Record]) {
        for record in records {
            switch record.key.kind {
            case .health:
                guard let observer = record.key.owner, observer != self.node,
                    let report = try? HealthReport(decoding: record.body)
                else { continue }
                self.health.send(.report(report, from: observer))
            case .regionSummary: self.regions.summariesChanged()
            default: continue
            }
        }
    }

    /// Shares out health checks among members that are alive and not being taken out.
    private func membersChanged() async {
        let desiredModes = await self.cluster.latest().desiredModes
        let members = await self.cluster.members()
        let peers = members.filter { member in
            (member.state == .alive || member.state == .suspect)
                && desiredModes[member.id] ?? .normal == .normal
        }
        self.health.send(.peers(peers.map { HealthPeer(id: $0.id, region: $0.profile.region) }))
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
            self.events.add(
                .membership,
                "isolated",
                subject: "\(self.node)",
                message: "most probes of this node fail; it holds its suspicions back"
            )
        case .connected:
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
