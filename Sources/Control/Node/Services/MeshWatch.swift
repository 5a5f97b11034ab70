import Logging
import MeshChangelog
import MeshHealth
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshReports
import MeshTransport
import ServiceLifecycle

/// Hands what the cluster learns to the parts of the node that it concerns.
///
/// This is where the two wings meet: votes become health reports, changesets configurations and
/// modes.
struct MeshWatch: Service {
    let cluster: ClusterService
    let health: HealthService
    let configuration: ConfigurationService
    let regions: RegionService
    let state: StateService
    let events: EventLog
    let tickets: TicketKeyService
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
                group.addTask { await self.watchObservations() }
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
        self.state.update { [head] in $0.durableGeneration = head.generation }
        var desired = await self.takeDesiredMode(after: .normal)
        for await _ in self.cluster.changes {
            desired = await self.takeDesiredMode(after: desired)
            // A roll-out may let this node go on although nothing else has changed.
            self.configuration.recordsChanged()
            let newest = await self.cluster.latest().head
            guard newest.hash != head.hash else { continue }
            head = newest
            // What the changelog shows is on the disk.
            self.state.update { $0.durableGeneration = newest.generation }
            self.events.add(
                .config,
                "config-received",
                subject: head.hash.description,
                message: "holds configuration \(head)"
            )
        }
    }

    /// Takes what others observe, whenever it has changed.
    private func watchObservations() async {
        for await _ in self.cluster.observed {
            let changes = await self.cluster.takeObservationChanges()
            for (owner, aspects) in changes.sorted(by: { $0.key < $1.key }) {
                // Who has a state and no votes says that all is up.
                if !aspects.isDisjoint(with: [.votes, .state]), owner != self.node {
                    let report = HealthReport(await self.cluster.votes(of: owner))
                    self.health.receive(report, from: owner)
                }
                guard aspects.contains(.regions) else { continue }
                self.regions.summariesChanged()
                if owner != self.node {
                    self.health.receive(await self.cluster.returns(of: owner), from: owner)
                }
            }
        }
    }

    /// Tells what operators want of the nodes now; gives what they want of this one.
    private func takeDesiredMode(after last: MemberReport.Mode) async -> MemberReport.Mode {
        let latest = await self.cluster.latest()
        await self.cluster.finalize(at: latest.finalizedVersion)
        let desired = latest.desiredModes[self.node] ?? .normal
        if desired != last { self.onDesiredMode(desired) }
        self.health.obey(latest.standingOrders)
        await self.membersChanged()
        return desired
    }

    private func take(_ event: ClusterEvent) async {
        switch event {
        case .member(let event):
            self.tell(event)
            await self.membersChanged()
        case .changelog(let notice): self.events.add(notice)
        case .keys(let ring):
            self.tickets.replace(ring)
            self.events.add(
                .node,
                "keys-changed",
                subject: "\(self.node)",
                message: "holds the \(ring)"
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

    /// Shares out health checks among members that are alive and not being taken out.
    private func membersChanged() async {
        let desiredModes = await self.cluster.latest().desiredModes
        let members = await self.cluster.members()
        let peers = members.filter { member in
            (member.state == .alive || member.state == .suspect)
                && desiredModes[member.id] ?? .normal == .normal
        }
        // Others do not talk to a node that has withdrawn: it checks all targets itself.
        let isAlone = await self.cluster.status().isWithdrawn
        self.health.setPeers(
            isAlone ? [] : peers.map { HealthPeer(id: $0.id, region: $0.profile.region) }
        )
        self.regions.summariesChanged()
    }

    private func tell(_ event: MembershipEvent) {
        switch event {
        case .joined(let member):
            self.tell("joined", member, "\(member.profile.name) joined (\(member.state))")
        case .changed(let member, _) where member.isExpelled:
            self.tell("left", member, "an operator declared \(member.profile.name) gone")
        case .changed(let member, let before) where before != member.state:
            self.tell("\(member.state)", member, "\(member.profile.name) is \(member.state)")
        case .changed: return
        case .removed(let id, let name):
            self.events.add(
                .membership,
                "removed",
                subject: name,
                message: "\(name) is forgotten",
                details: ["id": "\(id)"]
            )
        case .refuted(let incarnation):
            self.events.add(
                .membership,
                "refuted",
                subject: "\(self.node)",
                message: "refuted a suspicion with incarnation \(incarnation)"
            )
        case .nameConflict(let holder, let refused): self.tellConflict(holder, refused)
        case .meshFounded(let mesh):
            self.events.add(
                .membership,
                "mesh-founded",
                subject: "\(mesh)",
                message: "this node belongs to mesh \(mesh)"
            )
        // Told with its address, where it is and what to do, as a trouble of gossip.
        case .foreignMesh: return
        case .outlived(let other, let boot): self.tellRestored(other, boot)
        case .twin(let other, let hasYielded): self.tellTwin(other, hasYielded)
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
        case .withdrew:
            self.events.add(
                .membership,
                "withdrew",
                subject: "\(self.node)",
                message: "this node is hard to reach, so it asks to be left out until it is well"
            )
        case .resumed:
            self.events.add(
                .membership,
                "resumed",
                subject: "\(self.node)",
                message: "this node is well reached again and asks to be taken back"
            )
        case .leaveFinished: return
        }
    }

    private func tellConflict(_ holder: MemberProfile, _ refused: MemberProfile) {
        let message =
            "\(refused.address) may not join as \(holder.name): \(holder.address) is called so; "
            + "give \(refused.id == self.node ? "this node" : "it") another node.name"
        self.logger.error("\(message)")
        self.events.add(
            .membership,
            "name-conflict",
            subject: holder.name,
            message: message,
            details: ["holder": "\(holder.id)", "refused": "\(refused.id)"]
        )
    }

    private func tellRestored(_ other: Endpoint, _ boot: UInt64) {
        let message =
            "peers knew start \(boot) of this node, at \(other), and its disk did not: "
            + "data_dir was put back to an older state, or a copy of it runs there"
        self.logger.warning("\(message)")
        self.events.add(
            .membership,
            "store-restored",
            subject: "\(self.node)",
            message: message,
            details: ["address": "\(other)", "boot": "\(boot)"]
        )
    }

    private func tellTwin(_ other: Endpoint, _ hasYielded: Bool) {
        let message =
            "a second process with this node's identity runs at \(other), from a copy of its "
            + "data_dir; "
            + (hasYielded
                ? "this one is the younger and is silent: stop it, remove its data_dir, start it"
                : "stop that one, remove its data_dir, start it")
        self.logger.error("\(message)")
        self.events.add(
            .membership,
            "twin",
            subject: "\(self.node)",
            message: message,
            details: ["address": "\(other)", "yielded": "\(hasYielded)"]
        )
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
