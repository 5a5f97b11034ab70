import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// How a change is taken up in waves.
struct WaveOptions: ParsableArguments {
    @Option(
        name: .customLong("guard"),
        help: "Roll out in waves while this holds: errors<1%, p99<+20%, or both with a comma."
    )
    var guarding: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("How long each wave has to hold: 60s, 5m.", valueName: "time")
    )
    var hold: TimeSpan?

    /// Within which limits; `nil`: all nodes at once.
    var limits: RollOutLimits? {
        guard self.guarding != nil || self.hold != nil else { return nil }
        return try? RollOutLimits(
            guarding: self.guarding ?? "",
            holdSeconds: self.hold?.seconds ?? RollOutLimits.usualHold
        )
    }

    func validate() throws {
        do throws(RollOutLimits.GuardError) {
            _ = try RollOutLimits(
                guarding: self.guarding ?? "",
                holdSeconds: self.hold?.seconds ?? RollOutLimits.usualHold
            )
        } catch {
            throw ValidationError(error.description)
        }
    }
}

/// Shows and steers a roll-out.
struct ConfigRollOutCommand: AsyncParsableCommand {
    /// What to do.
    enum Action: String, ExpressibleByArgument, CaseIterable {
        /// Show how it stands.
        case status
        /// Follow it to its end.
        case watch
        /// No further wave goes.
        case pause
        /// Waves go on.
        case resume
        /// The change is taken back.
        case abort
    }

    static let configuration = CommandConfiguration(
        commandName: "roll-out",
        abstract: "Show, follow, pause, resume or abort the roll-out of a change.",
        discussion: """
            A roll-out begins with meshctl config apply --guard. Any node may be asked: its state \
            is part of what the nodes share, and when the node dies that it began at, another \
            carries it on. abort takes the change back on every node.

            Exit status: 0 done, or the roll-out is over well; 1 it was taken back (watch), or \
            there is none; 69 the node did not answer.

            Example: meshctl config roll-out watch
            """
    )

    @Argument(help: "What to do.")
    var action = Action.status

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let client = try self.node.client(timeout: .seconds(15))
        switch self.action {
        case .status: try self.show(try await client.rollOut())
        case .watch: try await RollOutWatch(client: client, output: self.output).follow()
        case .pause, .resume, .abort:
            try self.show(try await client.perform(self.action.rawValue))
        }
    }

    private func show(_ report: RollOutReport) throws {
        Terminal.result(
            try self.output.text(report, items: report.waves, names: [report.id]) {
                RollOutTable(report).text($0)
            }
        )
    }
}

/// Follows a roll-out to its end.
struct RollOutWatch {
    private static let interval = Duration.milliseconds(500)
    /// How long the node may stay away.
    private static let patience = Duration.seconds(30)

    let client: AdminClient
    let output: OutputOptions

    /// Shows progress, prints how it ended, and fails when the change was taken back.
    func follow() async throws {
        var progress = Progress()
        var heard = ContinuousClock.now
        while true {
            do {
                let report = try await self.client.rollOut()
                heard = ContinuousClock.now
                if report.phase == .finished || report.phase == .aborted {
                    progress.end()
                    return try self.end(report)
                }
                let active = report.waves.reduce(0) { $0 + $1.active.count }
                let paused = report.phase == .paused ? "paused \(report.reason)" : report.waitsFor
                progress.show(
                    "roll-out \(report.id) wave \(report.wave) of \(report.waves.count)",
                    done: active,
                    of: report.waves.reduce(0) { $0 + $1.nodes.count },
                    waitingFor: paused
                )
            } catch let error as AdminClientError {
                guard error.leavesDoubt, heard.duration(to: .now) < Self.patience else {
                    progress.end()
                    throw error
                }
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func end(_ report: RollOutReport) throws {
        Terminal.result(
            try self.output.text(report, items: report.waves, names: [report.id]) {
                RollOutTable(report).text($0)
            }
        )
        guard report.phase == .finished else {
            throw Failure(.failure, "the change was taken back: \(report.reason)")
        }
    }
}
