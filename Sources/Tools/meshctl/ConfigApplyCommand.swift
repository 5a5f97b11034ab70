import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Replaces the whole configuration and waits until the nodes have it.
struct ConfigApplyCommand: AsyncParsableCommand {
    enum Waiting: String, ExpressibleByArgument, CaseIterable {
        case all
        case none
    }

    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Replace the configuration of the whole mesh by a declarative file.",
        discussion: """
            The file is checked before anything is sent, and applied only if nobody changed the \
            configuration meanwhile. Any node may be asked.

            Exit status: 0 live on every alive node; 2 somebody else was faster; 65 the file is \
            invalid, nothing was changed; 69 the node did not answer; 75 written, but not live \
            everywhere in time.

            Example: meshctl config apply kong.yml --message "search: lower timeout"
            """
    )

    @Argument(help: "Declarative file, YAML or JSON; - is standard input.")
    var file: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var declaration: DeclarationArguments
    @OptionGroup var output: OutputOptions

    @Option(help: "Why, for the others.")
    var message = ""

    @Option(help: "Which nodes to wait for.")
    var wait = Waiting.all

    @Option(help: "Give up waiting after this many seconds.")
    var timeout = 30.0

    @Flag(help: "Print what would change, and change nothing.")
    var dryRun = false

    func validate() throws {
        guard (0...86_400).contains(self.timeout) else {
            throw ValidationError("--timeout is \(self.timeout), but must be 0 to 86400 s")
        }
    }

    func run() async throws {
        let input = try DeclarativeInput(path: self.file, arguments: self.declaration)
        input.noteWarnings()
        let client = try self.node.client(timeout: .seconds(15))
        let difference = try await client.difference(input.text, name: input.name)
        if self.dryRun {
            Terminal.result(
                try self.output.text(difference, items: difference.changes, names: []) {
                    ChangeList(difference.changes).text($0)
                }
            )
            return
        }
        let report = try await self.applied(input, difference, client)
        let summary = report.summary
        let counts = "+\(summary.created) ~\(summary.updated) -\(summary.deleted)"
        let status = try await self.settled(client, report)
        let alive = status?.nodes.filter { $0.member == .alive } ?? []
        let running = alive.count { $0.state == .running && $0.config.hash == report.config.hash }
        let spread = status == nil ? "" : "  live on \(running) of \(alive.count) alive nodes"
        Terminal.result(
            try self.output.text(report, items: [report], names: [report.config.hash]) { _ in
                "applied \(report.config.version) \(report.config.hash.prefix(8))  \(counts)\(spread)\n"
            }
        )
        if let status, !status.agreed { throw self.unsettled(status) }
    }

    /// Applies, and when the answer is lost asks whether the change is in.
    private func applied(
        _ input: DeclarativeInput,
        _ difference: DifferenceReport,
        _ client: AdminClient
    ) async throws -> ApplyReport {
        // A closure, since the compiler crashes on a typed catch around the call (Swift 6.3.1).
        let apply: () async throws -> ApplyReport = {
            try await client.apply(
                input.text,
                name: input.name,
                message: self.message,
                base: difference.base.hash
            )
        }
        do {
            return try await apply()
        } catch let error as AdminClientError {
            guard error.leavesDoubt else { throw error }
            Terminal.note("meshctl: \(error); asking whether the change is in")
            guard let now = await self.asked(input, client) else {
                throw Failure(
                    .timedOut,
                    "it is not known whether the change is in, the node does not say; "
                        + "meshctl config diff \(self.file) tells, at any node"
                )
            }
            guard now.changes.isEmpty else {
                throw Failure(.unreachable, "the change is not in, nothing was changed: \(error)")
            }
            return ApplyReport(
                config: now.base,
                base: difference.base,
                changes: difference.changes,
                warnings: difference.warnings
            )
        }
    }

    /// What the node lacks of the file now; `nil` when it does not say within some seconds.
    private func asked(_ input: DeclarativeInput, _ client: AdminClient) async -> DifferenceReport?
    {
        let deadline = ContinuousClock.now.advanced(by: .seconds(10))
        while true {
            let now = try? await client.difference(input.text, name: input.name)
            if now != nil || ContinuousClock.now >= deadline { return now }
            try? await Task.sleep(for: .milliseconds(500))
        }
    }

    private func settled(
        _ client: AdminClient,
        _ report: ApplyReport
    ) async throws -> ConfigurationStatusReport? {
        guard self.wait == .all else { return nil }
        let agreement = Agreement(client: client, timeout: .seconds(self.timeout))
        return try await agreement.reached(
            on: report.config.hash,
            from: try await client.configurationStatus()
        )
    }

    private func unsettled(_ status: ConfigurationStatusReport) -> Failure {
        let waiting = status.nodes.filter { $0.member == .alive && $0.state != .running }
            .map { $0.reason.isEmpty ? $0.name : "\($0.name): \($0.reason)" }
        return Failure(
            .timedOut,
            "written, but not live everywhere after \(self.timeout) s "
                + "(\(waiting.joined(separator: ", "))); watch it: meshctl config status --wait"
        )
    }
}
