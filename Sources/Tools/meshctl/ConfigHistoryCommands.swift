import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Prints the newest changesets.
struct ConfigHistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show who changed the configuration, when and why.",
        discussion: """
            The last 100 changesets at least are kept; older ones are folded together.

            Exit status: 0 fine; 69 the node did not answer.

            Example: meshctl config history --size 50
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "How many, the newest first.")
    var size = 20

    func validate() throws {
        guard (1...10_000).contains(self.size) else {
            throw ValidationError("--size is \(self.size), but must be 1 to 10000")
        }
    }

    func run() async throws {
        let report = try await self.node.client().history(last: self.size)
        Terminal.result(
            try self.output.text(
                report,
                items: report.changesets,
                names: report.changesets.map(\.id)
            ) { HistoryTable(report).text($0) }
        )
    }
}

/// Prints one changeset with all that it changed.
struct ConfigShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one changeset and what it changed.",
        discussion: """
            A changeset is named by its id, 1f00ab34:7, or by its generation, g41 or 41. Secrets \
            are shown as short hashes.

            Exit status: 0 fine; 1 no such changeset; 69 the node did not answer.

            Example: meshctl config show g41
            """
    )

    @Argument(
        help: "Its id or generation, see meshctl config history.",
        completion: Suggestions.changesets
    )
    var changeset: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let report = try await self.node.client().changeset(self.changeset)
        Terminal.result(
            try self.output.text(
                report,
                items: report.changes,
                names: [report.changeset.id]
            ) { ChangesetScreen(report).text($0) }
        )
    }
}

/// Brings a configuration of the past back.
struct ConfigRollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Bring a configuration of the past back, by a new changeset.",
        discussion: """
            Without a name the newest changeset is undone. g41 brings back what was live with \
            that changeset, g41^ what was live before it. Asks before most of the configuration goes \
            away, as when the first changeset is undone; scripts give --yes.

            Exit status: as meshctl config apply; 1 no such changeset, or the answer was no.

            Example: meshctl config rollback g41 --dry-run
            """
    )

    @Argument(
        help: "Id or generation of the changeset, see meshctl config history.",
        completion: Suggestions.changesets
    )
    var changeset = "^"

    @OptionGroup var node: NodeOptions
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Why, for the others.")
    var message = ""

    @Flag(help: "Print what would change, and change nothing.")
    var dryRun = false

    @Flag(help: "Ask nothing, though most of the configuration goes away.")
    var yes = false

    func run() async throws {
        let client = try self.node.client(timeout: .seconds(15))
        let difference = try await client.difference(from: "", to: self.changeset)
        if self.dryRun {
            Terminal.result(
                try self.output.text(difference, items: difference.changes, names: []) {
                    ChangeList(difference.changes).text($0)
                }
            )
            return
        }
        try await DeletionQuestion(
            difference: difference,
            unaskedCount: 0,
            remedy: "meshctl config rollback"
        ).ask(client, isAgreed: self.yes)
        let report = try await Overtaken(client: client).watching(difference.base) {
            try await client.rollBack(
                to: self.changeset,
                message: self.message,
                base: difference.base.hash
            )
        }
        try await Settlement(client: client, options: self.waiting, output: self.output)
            .finish(report, "rolled back, now")
    }
}

/// Lists conflicts, and applies what lost.
struct ConfigConflictsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conflicts",
        abstract: "Show changes that were made at two nodes at once, and apply those that lost.",
        subcommands: [ConfigConflictListCommand.self, ConfigConflictApplyCommand.self],
        defaultSubcommand: ConfigConflictListCommand.self
    )
}

/// Lists conflicts.
struct ConfigConflictListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show changes that were made at two nodes at once.",
        discussion: """
            Of two changes of one entity whose writers had not seen each other one stands and \
            the other is kept here. A conflict is open while what stood after it still stands.

            Exit status: 0 none is open; 2 some are; 69 the node did not answer.

            Example: meshctl config conflicts
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let report = try await self.node.client().conflicts()
        Terminal.result(
            try self.output.text(
                report,
                items: report.conflicts,
                names: report.conflicts.map(\.id)
            ) { ConflictTable(report).text($0) }
        )
        if report.conflicts.contains(where: \.open) { throw ExitCode.unclean }
    }
}

/// Applies what lost.
struct ConfigConflictApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Apply again what did not stand in a conflict, by a new changeset.",
        discussion: """
            Exit status: as meshctl config apply; 1 no such conflict.

            Example: meshctl config conflicts apply 5f3a09c1
            """
    )

    @Argument(help: "Its id, see meshctl config conflicts.")
    var conflict: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Why, for the others.")
    var message = ""

    @Flag(help: "Print what would change, and change nothing.")
    var dryRun = false

    func run() async throws {
        let client = try self.node.client(timeout: .seconds(15))
        if self.dryRun {
            let known = try await client.conflicts().conflicts
            guard let conflict = known.first(where: { $0.id == self.conflict }) else {
                throw Failure(.failure, "no conflict is called \(self.conflict)")
            }
            Terminal.result(
                try self.output.text(conflict.change, items: conflict.change, names: []) {
                    ChangeList(conflict.change).text($0)
                }
            )
            return
        }
        let report = try await client.applyLoser(of: self.conflict, message: self.message)
        try await Settlement(client: client, options: self.waiting, output: self.output)
            .finish(report, "applied")
    }
}
