import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Replaces the whole configuration and waits until the nodes have it.
struct ConfigApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Replace the configuration of the whole mesh by a declarative file.",
        discussion: """
            The file is checked before anything is sent, and applied only if nobody changed the \
            configuration meanwhile. Any node may be asked. With --select-tag only what has all \
            of these tags is replaced, and what the file holds gets them.

            With --guard the change goes to the node that is asked first, then to the others of \
            its region, then to all, each time after it has held for some time (--for). Every node \
            compares its own figures with those before; on harm the change is taken back by \
            itself. The roll-out goes on without this command, which follows it to its end, however \
            long, or with --wait none not at all; see: meshctl config roll-out.

            What takes away ten entities and more, and more than half of all, asks before, or wants \
            --yes.

            Exit status: 0 live on the nodes waited for, or part of what is; 1 the roll-out was \
            taken back, or nobody agreed; 2 somebody else was faster, or changed the same at the same moment; 65 the \
            file is invalid, nothing was changed; 69 the node did not answer; 75 written, but not \
            live everywhere in time.

            Example: meshctl config apply kong.yml --message "search: lower timeout"
            Example: meshctl config apply kong.yml --guard "errors<1%,p99<+20%" --for 60s
            """
    )

    @Argument(
        help: "Declarative file, YAML or JSON; - is standard input.",
        completion: Suggestions.declarations
    )
    var file: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var declaration: DeclarationArguments
    @OptionGroup var selection: SelectionOptions
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Why, for the others.")
    var message = ""

    @Option(help: "Apply only upon this configuration: its hash or the start of it, or g41.")
    var base: String?

    @OptionGroup var waves: WaveOptions

    @Flag(help: "Print what would change, and change nothing.")
    var dryRun = false

    @Flag(help: "Ask nothing, though most of the configuration goes away.")
    var yes = false

    func run() async throws {
        let input = try DeclarativeInput(path: self.file, arguments: self.declaration)
        input.noteWarnings()
        let client = try self.node.client(timeout: .seconds(15))
        let difference = try await client.difference(
            input.text,
            name: input.name,
            selectTags: self.selection.selectTag
        )
        if let base = self.base, !difference.base.isCalled(base) {
            try await Overtaken(client: client).tell(since: base)
        }
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
            unaskedCount: 9,
            remedy: "meshctl config rollback"
        ).ask(client, isAgreed: self.yes)
        let report = try await self.applied(input, difference, client)
        let isRollOut = self.waves.limits != nil && report.config != report.base
        if isRollOut, self.waiting.wait != .none {
            return try await RollOutWatch(client: client, output: self.output).follow()
        }
        try await Settlement(client: client, options: self.waiting, output: self.output)
            .finish(report, isRollOut ? "rolling out" : "applied")
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
                base: difference.base.hash,
                selectTags: self.selection.selectTag,
                rollOut: self.waves.limits
            )
        }
        do {
            return try await Overtaken(client: client).watching(difference.base, apply)
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
            let now = try? await client.difference(
                input.text,
                name: input.name,
                selectTags: self.selection.selectTag
            )
            if now != nil || ContinuousClock.now >= deadline { return now }
            try? await Task.sleep(for: .milliseconds(500))
        }
    }
}

/// Which part of the configuration a file is for.
struct SelectionOptions: ParsableArguments {
    @Option(
        name: .customLong("select-tag"),
        parsing: .singleValue,
        help: "Only entities with this tag; several times: with all of them."
    )
    var selectTag: [String] = []

    func validate() throws {
        for tag in self.selectTag where tag.isEmpty || tag.contains(",") || tag.contains("/") {
            throw ValidationError("--select-tag is '\(tag)', but tags hold neither , nor /")
        }
    }
}

/// Tells what was written since a configuration that somebody based a change on.
struct Overtaken {
    let client: AdminClient

    /// Runs a write upon `base`; when somebody else was faster, tells what they wrote.
    func watching(
        _ base: ConfigurationVersion,
        _ write: () async throws -> ApplyReport
    ) async throws -> ApplyReport {
        do {
            return try await write()
        } catch let error as AdminClientError {
            guard error.isOvertaken else { throw error }
            try await self.tell(since: base.version)
        }
    }

    /// Lists it on standard error, then fails.
    func tell(since base: String) async throws -> Never {
        if let report = try? await self.client.history(last: 20) {
            var newer = report
            newer.changesets = Array(report.changesets.prefix { !$0.config.isCalled(base) })
            Terminal.tell(HistoryTable(newer).text(Terminal.style(isWide: false)))
        }
        throw Failure(
            .unclean,
            "somebody else changed the configuration since \(base), nothing was changed; "
                + "compare again: meshctl config diff"
        )
    }
}

extension ConfigurationVersion {
    /// Whether an operator means this one: by its generation, `g41` or `41`, or by at least four
    /// digits of its hash.
    func isCalled(_ name: String) -> Bool {
        self.version == name || self.version == "g\(name)"
            || (name.count >= 4 && self.hash.hasPrefix(name))
    }
}

extension AdminClientError {
    /// Whether somebody else was faster.
    var isOvertaken: Bool {
        if case .refused(_, let report) = self { report.code == "MESH103" } else { false }
    }
}
