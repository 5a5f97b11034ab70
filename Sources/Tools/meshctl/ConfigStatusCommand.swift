import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Prints which configuration every node runs.
struct ConfigStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show which configuration is live on which node.",
        discussion: """
            Exit status: 0 every alive node runs the same; 2 not so; 75 still not so when --wait \
            ended; 69 the node did not answer.

            Example: meshctl config status --wait
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Wait until every alive node runs the same.")
    var wait = false

    @Option(help: "Give up waiting after this many seconds.")
    var timeout = 30.0

    func validate() throws {
        guard (0...86_400).contains(self.timeout) else {
            throw ValidationError("--timeout is \(self.timeout), but must be 0 to 86400 s")
        }
    }

    func run() async throws {
        let limit = self.wait ? min(5, max(0.1, self.timeout)) : 5
        let client = try self.node.client(timeout: .seconds(limit))
        var report = try await client.configurationStatus()
        if self.wait {
            let agreement = Agreement(client: client, timeout: .seconds(self.timeout))
            report = try await agreement.reached(on: report.config.hash, from: report)
        }
        Terminal.result(
            try self.output.text(report, items: report.nodes, names: report.nodes.map(\.name)) {
                ConfigurationTable(report).text($0)
            }
        )
        guard report.agreed else {
            throw self.wait ? ExitCode(Failure.Status.timedOut.rawValue) : .unclean
        }
    }
}

/// Waits until every alive node runs one configuration.
struct Agreement {
    private static let interval = Duration.milliseconds(100)

    let client: AdminClient
    let timeout: Duration

    /// Polls until the nodes agree or the time is over, with progress on standard error.
    ///
    /// - Returns: the last answer; its `agreed` says whether the nodes do.
    func reached(
        on hash: String,
        from first: ConfigurationStatusReport
    ) async throws -> ConfigurationStatusReport {
        let deadline = ContinuousClock.now.advanced(by: self.timeout)
        var progress = Progress()
        var report = first
        while true {
            let alive = report.nodes.filter { $0.member == .alive }
            let waiting = alive.filter {
                $0.state != .running || $0.config.hash != report.config.hash
            }
            let names = waiting.map { node in
                node.state == .rejected ? "\(node.name) (rejected: \(node.reason))" : node.name
            }
            progress.show(
                "config \(hash.prefix(8))",
                done: alive.count - waiting.count,
                of: alive.count,
                waitingFor: names.joined(separator: ", ")
            )
            let isRejected = !waiting.isEmpty && waiting.allSatisfy { $0.state == .rejected }
            if report.agreed || isRejected || ContinuousClock.now >= deadline {
                progress.end()
                return report
            }
            try await Task.sleep(for: Self.interval)
            report = try await self.client.configurationStatus()
        }
    }
}
