import MeshChangelog
import MeshHealth
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshReports
import MeshTransport
import ServiceLifecycle
import Synchronization

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
    /// Called when an operator wants another mode of this node.
    let onDesiredMode: @Sendable (MemberReport.Mode) -> Void

    /// Those that the health machine was last told of.
    private final class Peers: Sendable {
        let ids = Mutex<Set<NodeID>>([])
    }

    private let known = Peers()

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
        var desired = await self.takeDesiredModes(after: nil)
        for await _ in self.cluster.changes {
            desired = await self.takeDesiredModes(after: desired)
            // A roll-out may let this node go on although nothing else has changed.
            self.configuration.recordsChanged()
            let newest = await self.cluster.latest().head
            guard newest.hash != head.hash else { continue }
            head = newest
            // What the changelog shows is on the disk.
            self.state.update { $0.durableGeneration = newest.generation }
            self.events.add(
                .config,
                .configReceived,
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

    /// Tells what operators want of the nodes now, and gives it; nobody is news at the start.
    private func takeDesiredModes(
        after last: [NodeID: MemberReport.Mode]?
    ) async -> [NodeID: MemberReport.Mode] {
        let latest = await self.cluster.latest()
        await self.cluster.finalize(at: latest.finalizedVersion)
        let desired = latest.desiredModes
        let own = desired[self.node] ?? .normal
        if own != last?[self.node] ?? .normal { self.onDesiredMode(own) }
        if let last { await self.tellModes(desired, after: last) }
        self.health.obey(latest.standingOrders)
        await self.membersChanged()
        return desired
    }

    private func tellModes(
        _ desired: [NodeID: MemberReport.Mode],
        after last: [NodeID: MemberReport.Mode]
    ) async {
        let members = await self.cluster.members()
        let names = Dictionary(uniqueKeysWithValues: members.map { ($0.id, $0.profile.name) })
        for node in Set(desired.keys).union(last.keys).sorted() {
            let mode = desired[node] ?? .normal
            // One that is not on the list any more was forgotten, not put back.
            guard mode != last[node] ?? .normal, let name = names[node] else { continue }
            self.events.add(
                .drain,
                mode.event,
                subject: name,
                message: "an operator \(mode.words) \(name)",
                details: ["id": "\(node)"]
            )
        }
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
                .keysChanged,
                subject: "\(self.node)",
                message: "holds the \(ring)"
            )
        case .troubled(let trouble):
            self.events.add(
                .node,
                trouble.path.event,
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
        let told = isAlone ? [] : peers
        self.health.setPeers(told.map { HealthPeer(id: $0.id, region: $0.profile.region) })
        // What one said before it was among them was not taken.
        let ids = Set(told.map(\.id))
        let arrivals = self.known.ids.withLock { known in
            defer { known = ids }
            return ids.subtracting(known)
        }
        for peer in arrivals.sorted() where peer != self.node {
            var votes: ObserverVotes?
            // What is new meanwhile may be handed over by now, and must stand.
            while case let newest = await self.cluster.votes(of: peer), newest != votes {
                self.health.receive(HealthReport(newest), from: peer)
                votes = newest
            }
        }
        self.regions.summariesChanged()
    }

    private func tell(_ event: MembershipEvent) {
        switch event {
        case .joined(let member):
            self.tell(.joined, member, "\(member.profile.name) joined (\(member.state))")
        case .changed(let member, _) where member.isExpelled:
            self.tell(.left, member, "an operator declared \(member.profile.name) gone")
        case .changed(let member, let before) where before != member.state:
            self.tell(member.state.event, member, "\(member.profile.name) is \(member.state)")
        case .changed: return
        case .removed(let id, let name):
            self.events.add(
                .membership,
                .removed,
                subject: name,
                message: "\(name) is forgotten",
                details: ["id": "\(id)"]
            )
        case .refuted(let incarnation):
            self.events.add(
                .membership,
                .refuted,
                subject: "\(self.node)",
                message: "refuted a suspicion with incarnation \(incarnation)"
            )
        case .nameConflict(let holder, let refused): self.tellConflict(holder, refused)
        case .meshFounded(let mesh):
            self.events.add(
                .membership,
                .meshFounded,
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
                .isolated,
                subject: "\(self.node)",
                message: "most probes of this node fail; it holds its suspicions back"
            )
        case .connected:
            self.health.setIsolated(false)
            self.events.add(
                .membership,
                .connected,
                subject: "\(self.node)",
                message: "probes of this node succeed again"
            )
        case .withdrew:
            self.events.add(
                .membership,
                .withdrew,
                subject: "\(self.node)",
                message: "this node is hard to reach, so it asks to be left out until it is well"
            )
        case .resumed:
            self.events.add(
                .membership,
                .resumed,
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
        self.events.add(
            .membership,
            .nameConflict,
            subject: holder.name,
            message: message,
            details: ["holder": "\(holder.id)", "refused": "\(refused.id)"]
        )
    }

    private func tellRestored(_ other: Endpoint, _ boot: UInt64) {
        let message =
            "peers knew start \(boot) of this node, at \(other), and its disk did not: "
            + "data_dir was put back to an older state, or a copy of it runs there"
        self.events.add(
            .membership,
            .storeRestored,
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
        self.events.add(
            .membership,
            .twin,
            subject: "\(self.node)",
            message: message,
            details: ["address": "\(other)", "yielded": "\(hasYielded)"]
        )
    }

    private func tell(_ type: EventType, _ member: Member, _ message: String) {
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

extension MemberState {
    /// The event of a member that has come to it.
    fileprivate var event: EventType {
        switch self {
        case .alive: .alive
        case .suspect: .suspect
        case .failed: .failed
        case .left: .left
        }
    }
}

extension PathTrouble.Path {
    /// The event of trouble with it.
    fileprivate var event: EventType {
        switch self {
        case .send: .gossipSend
        case .stream: .gossipStream
        case .datagrams: .gossipDatagrams
        case .socket: .gossipSocket
        case .name: .gossipName
        case .stranger: .gossipStranger
        case .version: .gossipVersion
        case .mesh: .gossipMesh
        case .twin: .gossipTwin
        }
    }
}

extension MemberReport.Mode {
    /// The event of a node of which an operator wants it now.
    fileprivate var event: EventType {
        switch self {
        case .normal: .nodeResumed
        case .draining, .maintenance: .nodeDrained
        }
    }

    /// What an operator did to a node.
    fileprivate var words: String {
        switch self {
        case .normal: "put back"
        case .draining, .maintenance: "drained"
        }
    }
}
