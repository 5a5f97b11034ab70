import Logging
import MeshActivation
import MeshAdmin
import MeshChangelog
import MeshDataPlane
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshReports
import MeshTransport
import ServiceLifecycle
import Synchronization

/// Watches what a roll-out does to this node, and carries it on when it is this node's turn.
final class RollOutService: Service {
    /// Time between two looks: 1 s.
    private static let period = Duration.seconds(1)
    /// Looks between two countings while no roll-out is open: 5.
    private static let quietPeriods = 5

    private let cluster: ClusterService
    private let dataPlane: DataPlane
    private let configuration: ConfigurationService
    private let state: StateService
    private let events: EventLog
    private let node: NodeID
    private let logger: Logger
    /// What the last look saw.
    private let lastView = Mutex(RollOutMachine.View(nodes: [], newest: "", harm: nil))

    init(
        cluster: ClusterService,
        dataPlane: DataPlane,
        configuration: ConfigurationService,
        state: StateService,
        events: EventLog,
        node: NodeID,
        logger: Logger
    ) {
        self.cluster = cluster
        self.dataPlane = dataPlane
        self.configuration = configuration
        self.state = state
        self.events = events
        self.node = node
        self.logger = logger
    }

    /// Runs until the node shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            var machine = RollOutMachine(node: self.node)
            var comparison = TrafficComparison()
            var told = await self.cluster.latest().rollOut
            var looks = 0
            while !Task.isCancelled {
                let latest = await self.cluster.latest()
                let rollOut = latest.rollOut
                let isOpen = rollOut?.isOpen ?? false
                if isOpen || looks.isMultiple(of: Self.quietPeriods) {
                    comparison.count(TrafficFigures(self.dataPlane.counters()), at: NodeClock.now)
                }
                looks += 1
                if isOpen, await self.isActive(latest), rollOut?.isReleased(self.node) == true {
                    comparison.begin()
                } else {
                    comparison.end()
                }
                self.tell(rollOut, after: &told)
                if isOpen, let rollOut {
                    var view = await self.view(latest)
                    view.harm = comparison.harm(rollOut.limits)
                    if let decision = machine.step(rollOut, view, at: NodeClock.now) {
                        await self.perform(decision, rollOut, latest)
                    }
                } else {
                    _ = machine.step(nil, self.lastView.withLock { $0 }, at: NodeClock.now)
                }
                try? await Task.sleep(for: Self.period)
            }
        }
    }

    /// The roll-out that there is, or was last, for people.
    func report() async -> RollOutReport? {
        let latest = await self.cluster.latest()
        guard let rollOut = latest.rollOut else { return nil }
        let view = await self.view(latest)
        let isOpen = rollOut.isOpen
        let named = Set(rollOut.waves.joined())
        let others = view.nodes.map(\.id.description).filter { !named.contains($0) }
        let waves = (rollOut.waves + [others]).map { ids in
            let nodes = view.nodes.filter { ids.contains($0.id.description) }
            return RollOutReport.Wave(
                nodes: nodes.map(\.name).sorted(),
                active: nodes.filter { $0.isAlive && $0.hash == view.newest }.map(\.name).sorted()
            )
        }
        let missing = RollOutMachine.missing(rollOut, view)
        let waiting =
            missing.isEmpty
            ? "wave \(rollOut.wave) to hold for \(rollOut.limits.holdSeconds) s"
            : missing.joined(separator: ", ")
        return RollOutReport(
            id: rollOut.id,
            phase: rollOut.phase,
            reason: rollOut.reason,
            wave: rollOut.wave,
            guarding: rollOut.limits.guarding,
            holdSeconds: rollOut.limits.holdSeconds,
            waves: waves,
            waitsFor: isOpen ? waiting : ""
        )
    }

    /// Does what an operator asks for.
    ///
    /// - Throws: ``MeshAdmin/AdminError``; nothing has changed then.
    func perform(_ action: RollOutAction, author: String) async throws(AdminError) {
        let latest = await self.cluster.latest()
        guard var rollOut = latest.rollOut, rollOut.isOpen else {
            throw .refused("no roll-out is open; see meshctl config roll-out")
        }
        let who = author.isEmpty ? "an operator" : author
        switch action {
        case .pause:
            rollOut.phase = .paused
            rollOut.reason = "by \(who)"
        case .resume:
            rollOut.phase = .running
            rollOut.reason = ""
        case .abort:
            return try await self.cluster.takeBack(
                rollOut,
                upon: latest,
                reason: "by \(who)",
                author: author
            )
        }
        try await self.cluster.write(rollOut, upon: latest, author: author)
    }

    private func isActive(_ latest: ClusterConfigurationState) async -> Bool {
        await self.configuration.running.standing.active?.hash == latest.head.hash
    }

    private func view(_ latest: ClusterConfigurationState) async -> RollOutMachine.View {
        var states = await self.cluster.observedNodes().mapValues(\.state)
        states[self.node] = self.state.current
        let members = await self.cluster.members().filter { $0.state != .left }
        let view = RollOutMachine.View(
            nodes: members.map { member in
                let told = states[member.id]
                return RollOutMachine.Standing(
                    id: member.id,
                    name: member.profile.name,
                    isAlive: member.state == .alive,
                    isFailed: member.state == .failed,
                    hash: told?.configurationHash.description ?? "",
                    refusal: told?.rejection ?? ""
                )
            },
            newest: latest.head.hash.description,
            harm: nil
        )
        self.lastView.withLock { $0 = view }
        return view
    }

    private func perform(
        _ decision: RollOutMachine.Decision,
        _ rollOut: RollOut,
        _ latest: ClusterConfigurationState
    ) async {
        do throws(AdminError) {
            switch decision {
            case .advance:
                try await self.cluster.write(rollOut.advanced, upon: latest, author: "roll-out")
            case .abort(let reason):
                try await self.cluster.takeBack(
                    rollOut,
                    upon: latest,
                    reason: reason,
                    author: "roll-out"
                )
            }
        } catch {
            // Somebody else was faster, or the disk is in the way: the next look decides anew.
            self.logger.tell(
                .rollOutWaits,
                "roll-out \(rollOut.id) was not carried on: \(error)"
            )
        }
    }

    private func tell(_ rollOut: RollOut?, after told: inout RollOut?) {
        guard let rollOut, rollOut != told else { return }
        told = rollOut
        let because = rollOut.reason.isEmpty ? "" : ": \(rollOut.reason)"
        let message =
            rollOut.phase == .running
            ? "roll-out \(rollOut.id): wave \(rollOut.wave) of \(rollOut.waveCount)"
            : "roll-out \(rollOut.id) is \(rollOut.phase.rawValue)\(because)"
        self.events.add(
            .config,
            rollOut.phase.event,
            subject: rollOut.id,
            message: message
        )
    }
}

extension RollOutReport.Phase {
    /// The event of a roll-out that has come to it.
    fileprivate var event: EventType {
        switch self {
        case .running: .rollOutRunning
        case .paused: .rollOutPaused
        case .finished: .rollOutFinished
        case .aborted: .rollOutAborted
        }
    }
}
