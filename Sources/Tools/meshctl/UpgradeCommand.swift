import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Upgrades the fleet, node after node.
struct UpgradeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Restart or upgrade all nodes, one per region at a time, and stop on harm.",
        discussion: """
            How far an upgrade is, is kept in the mesh: any terminal and any node shows it. A run \
            goes on when its terminal hangs up; one that is ended stops where it is, and resume takes \
            it up again, anywhere.

            Exit status: 0 done; 1 refused, or no upgrade; 2 paused or given up; 69 no node \
            answered; 75 a node is not back in time.
            """,
        subcommands: [
            UpgradePlanCommand.self, UpgradeRunCommand.self, UpgradeStatusCommand.self,
            UpgradePauseCommand.self, UpgradeResumeCommand.self, UpgradeAbortCommand.self,
            FinalizeCommand.self,
        ]
    )
}

/// Which nodes, and by what they are judged.
struct UpgradePlanOptions: ParsableArguments {
    @Argument(help: "Names of the nodes; all without any.", completion: Suggestions.nodes)
    var nodes: [String] = []

    @Option(help: "The version that every node shall run; without one it has to restart only.")
    var to = ""

    @Flag(help: "Do not drain: the hook restarts without a gap, as meshd run --takeover does.")
    var noDrain = false

    @Option(help: "The largest share of 5xx answers of a node, in percent.")
    var maxErrors = 0.5

    @Option(help: "The largest growth of the fleet's p99, in percent.")
    var maxLatency = 50.0

    @Option(help: "The p99 up to which no growth counts, in milliseconds.")
    var latencyFloor = 100.0

    @Option(help: "Seconds for which all gates must hold after each node.")
    var settle = 30.0

    func validate() throws {
        guard self.to.isEmpty || self.to.wholeMatch(of: /\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?/) != nil
        else {
            throw ValidationError("--to is '\(self.to)', but must be a version such as 0.2.0")
        }
        for (name, value, range) in [
            ("--max-errors", self.maxErrors, 0...100.0),
            ("--max-latency", self.maxLatency, 0...100_000.0),
            ("--latency-floor", self.latencyFloor, 0...600_000.0),
            ("--settle", self.settle, 0...86_400.0),
        ] where !range.contains(value) {
            throw ValidationError(
                "\(name) is \(value), but must be \(range.lowerBound) to \(range.upperBound)"
            )
        }
    }

    /// The upgrade that a plan begins.
    func upgrade(_ plan: UpgradePlan) -> UpgradeReport {
        var upgrade = UpgradeReport(nodes: plan.nodes)
        upgrade.target = self.to
        upgrade.drains = !self.noDrain
        upgrade.errorLimit = self.maxErrors
        upgrade.latencyLimit = self.maxLatency
        upgrade.latencyFloor = self.latencyFloor
        upgrade.settleSeconds = self.settle
        return upgrade
    }
}

/// How a node is restarted, and how long that may take.
struct UpgradeHookOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Command that restarts one node, run here by sh with MESHGATE_NODE, MESHGATE_REGION, \
            MESHGATE_ADDRESS (without port), MESHGATE_GOSSIP, MESHGATE_ADMIN and MESHGATE_TARGET \
            in its environment. Without one, somebody else restarts the nodes, and each is waited \
            for.
            """,
            valueName: "command"
        )
    )
    var hook: String?

    @Option(help: "Seconds that a node may take to be empty, and to be back.")
    var timeout = 120.0

    func validate() throws {
        guard (1...86_400).contains(self.timeout) else {
            throw ValidationError("--timeout is \(self.timeout), but must be 1 to 86400 s")
        }
    }
}

/// Prints order and obstacles.
struct UpgradePlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Print the waves, and what has to be mended first.",
        discussion: """
            Exit status: 0 it may begin; 2 something has to be mended first; 69 not reachable.

            Example: meshctl upgrade plan --to 0.2.0
            """
    )

    @OptionGroup var options: UpgradePlanOptions
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let members = try await self.node.client().members().members
        let plan = UpgradePlan(members: members, names: Set(self.options.nodes))
        let upgrade = self.options.upgrade(plan)
        Terminal.result(
            try self.output.text(upgrade, items: plan.nodes, names: plan.nodes.map(\.name)) { _ in
                UpgradeScreen.plan(upgrade, obstacles: plan.obstacles)
            }
        )
        guard plan.obstacles.isEmpty else { throw ExitCode.unclean }
    }
}

/// Begins an upgrade and carries it out.
struct UpgradeRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Begin an upgrade and carry it out.",
        discussion: """
            For each node: drain it, run the hook, wait until it is back, put it back into traffic, \
            and look at the gates: every node sees every other alive, all run one configuration, 5xx \
            and p99 are within bounds, no target is taken for failed by one node alone. A gate that \
            fails pauses the upgrade.

            Exit status: 0 all nodes done; 1 refused; 2 paused or given up; 69 no node answered; 75 \
            a node is not back in time.

            Example: meshctl upgrade run --to 0.2.0 --hook 'ssh $MESHGATE_ADDRESS systemctl restart meshgate'
            """
    )

    @OptionGroup var options: UpgradePlanOptions
    @OptionGroup var hook: UpgradeHookOptions
    @OptionGroup var node: NodeOptions

    @Flag(help: "Ask nothing; needed where there is no terminal.")
    var yes = false

    @Flag(help: "Print the plan, and do nothing.")
    var dryRun = false

    func run() async throws {
        let fleet = FleetClients(first: try self.node.client())
        let members = try await fleet.first.members().members
        let plan = UpgradePlan(members: members, names: Set(self.options.nodes))
        var upgrade = self.options.upgrade(plan)
        if self.dryRun {
            Terminal.result(UpgradeScreen.plan(upgrade, obstacles: plan.obstacles))
            return
        }
        guard plan.obstacles.isEmpty else {
            throw Failure(
                .failure,
                "the fleet is not whole: \(plan.obstacles.joined(separator: "; "))"
            )
        }
        let held = try await fleet.first.upgrade()
        if let held, held.isOpen {
            throw Failure(
                .failure,
                "an upgrade is \(held.state.rawValue); meshctl upgrade resume goes on with it, "
                    + "abort gives it up"
            )
        }
        if !self.yes, Terminal.isInteractive {
            Terminal.tell(UpgradeScreen.plan(upgrade, obstacles: []))
        }
        try Terminal.confirm("begin?", isAgreed: self.yes)
        upgrade.revision = held?.revision ?? 0
        var run = UpgradeRun(upgrade, fleet: fleet, hook: self.hook)
        try await run.carryOut()
    }
}

/// Goes on with an upgrade that is paused, or whose run was ended.
struct UpgradeResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Go on with the upgrade, here; who carried it out before stops.",
        discussion: """
            The hook has to be given again: what is run on an operator's machine is never taken \
            from the mesh. Exit status as of run.

            Example: meshctl upgrade resume --hook ./restart-one
            """
    )

    @OptionGroup var hook: UpgradeHookOptions
    @OptionGroup var node: NodeOptions

    func run() async throws {
        let fleet = FleetClients(first: try self.node.client())
        guard let upgrade = try await fleet.first.upgrade(), upgrade.isOpen else {
            throw Failure(.failure, "no upgrade is to be gone on with")
        }
        var run = UpgradeRun(upgrade, fleet: fleet, hook: self.hook)
        try await run.carryOut()
    }
}

/// Shows how far the upgrade is.
struct UpgradeStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how far the upgrade is.",
        discussion: """
            With -o json it is null as long as none was begun.

            Exit status: 0 none, or finished; 2 it is running, paused or given up; 69 not reachable.

            Example: meshctl upgrade status
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let client = try self.node.client()
        // A node of an older release does not tell.
        let versions = (try? await client.protocolVersions()).map(ProtocolScreen.text) ?? ""
        let upgrade = try await client.upgrade()
        let nodes = upgrade?.nodes ?? []
        Terminal.result(
            try self.output.text(upgrade, items: nodes, names: nodes.map(\.name)) { _ in
                (upgrade.map(UpgradeScreen.status) ?? "no upgrade was begun\n") + versions
            }
        )
        guard upgrade.map({ $0.state == .finished }) ?? true else { throw ExitCode.unclean }
    }
}

/// Stops the upgrade before the next node.
struct UpgradePauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Stop the upgrade before the next node.",
        discussion: "Exit status: 0 paused; 1 nothing runs; 69 not reachable."
    )

    @OptionGroup var node: NodeOptions

    func run() async throws {
        try await UpgradeChange(state: .paused, reason: "an operator paused it")
            .write(through: try self.node.client())
    }
}

/// Gives the upgrade up.
struct UpgradeAbortCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abort",
        abstract: "Give the upgrade up; nodes that are done stay as they are.",
        discussion: """
            To go back, run another upgrade of the nodes that are done, with a hook that installs \
            the old version. Exit status: 0 given up; 1 nothing runs; 69 not reachable.
            """
    )

    @OptionGroup var node: NodeOptions

    func run() async throws {
        let client = try self.node.client()
        let upgrade = try await UpgradeChange(state: .aborted, reason: "an operator gave it up")
            .write(through: client)
        for node in upgrade.nodes where node.step == .working && upgrade.drains {
            _ = try await client.resume(node.name)
            Terminal.note("\(node.name) takes traffic again")
        }
    }
}

/// A change of an open upgrade by somebody who does not carry it out.
struct UpgradeChange {
    let state: UpgradeReport.State
    let reason: String

    /// Writes the change; tries again when it met another one.
    ///
    /// - Returns: the upgrade as it stands then.
    @discardableResult
    func write(through client: AdminClient) async throws -> UpgradeReport {
        for _ in 0..<10 {
            if let changed = try await self.attempt(client) {
                Terminal.result(UpgradeScreen.status(changed))
                return changed
            }
        }
        throw Failure(.timedOut, "the upgrade changes all the time; try again")
    }

    /// Writes the change once; `nil` when it met another one.
    private func attempt(_ client: AdminClient) async throws -> UpgradeReport? {
        guard let held = try await client.upgrade(), held.isOpen else {
            throw Failure(.failure, "no upgrade is running")
        }
        let changed = self.applied(to: held)
        do throws(AdminClientError) {
            try await client.setUpgrade(changed)
            return changed
        } catch {
            guard case .refused(409, _) = error else { throw error }
            return nil
        }
    }

    private func applied(to held: UpgradeReport) -> UpgradeReport {
        var changed = held
        changed.revision += 1
        changed.state = self.state
        changed.reason = self.reason
        return changed
    }
}
