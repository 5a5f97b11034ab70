import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshDeclarative
import MeshEntities
import MeshReports

/// Everything about the configuration that the nodes share.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check, write, compare, apply and read the shared configuration.",
        subcommands: [
            ConfigValidateCommand.self, ConfigLintCommand.self, ConfigFormatCommand.self,
            ConfigDiffCommand.self, ConfigApplyCommand.self, ConfigGetCommand.self,
            ConfigExportCommand.self, ConfigStatusCommand.self, ConfigHistoryCommand.self,
            ConfigShowCommand.self, ConfigRollbackCommand.self, ConfigConflictsCommand.self,
            ConfigRollOutCommand.self,
        ]
    )
}

/// Compares a file with what a node holds.
struct ConfigDiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Compare a declarative file with the live configuration, or two of the past.",
        discussion: """
            A..B compares the configurations of two changesets, each named by id or generation; \
            A.. compares with the newest. Secrets are shown as short hashes, equal for equal \
            secrets.

            Exit status: 0 no difference; 2 they differ; 65 the file is invalid; 69 the node did \
            not answer.

            Example: meshctl config diff kong.yml
            Example: meshctl config diff g41..g43
            """
    )

    @Argument(
        help: "Declarative file, YAML or JSON, - is standard input; or A..B.",
        completion: Suggestions.declarations
    )
    var file: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var declaration: DeclarationArguments
    @OptionGroup var selection: SelectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let client = try self.node.client(timeout: .seconds(15))
        let report = try await self.difference(client)
        Terminal.result(
            try self.output.text(
                report,
                items: report.changes,
                names: report.changes.map { "\($0.kind)/\($0.name.isEmpty ? $0.id : $0.name)" }
            ) { ChangeList(report.changes).text($0) }
        )
        if !report.changes.isEmpty { throw ExitCode.unclean }
    }

    private func difference(_ client: AdminClient) async throws -> DifferenceReport {
        if let (old, new) = Self.places(self.file) {
            return try await client.difference(from: old, to: new)
        }
        let input = try DeclarativeInput(path: self.file, arguments: self.declaration)
        input.noteWarnings()
        return try await client.difference(
            input.text,
            name: input.name,
            selectTags: self.selection.selectTag
        )
    }

    /// The two sides of `A..B`; `nil` for what is a path.
    static func places(_ text: String) -> (old: String, new: String)? {
        guard !text.contains("/"), let dots = text.firstRange(of: "..") else { return nil }
        let old = String(text[..<dots.lowerBound])
        return old.isEmpty ? nil : (old, String(text[dots.upperBound...]))
    }
}

/// Prints the live configuration as a canonical file.
struct ConfigGetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Print the live configuration as a canonical declarative file.",
        discussion: """
            --output json prints the file's text with its version and hash.

            Example: meshctl config get > kong.yml
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let report = try await self.node.client(timeout: .seconds(15)).configuration()
        Terminal.result(
            try self.output.text(report, items: [report], names: [report.config.hash]) { _ in
                report.text
            }
        )
    }
}

/// Prints the live configuration as a file that Kong takes too.
struct ConfigExportCommand: AsyncParsableCommand {
    /// How a file is written.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case yaml
        case json
    }

    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print the live configuration as a file that Kong takes too.",
        discussion: """
            What Kong has no field for stands in '_ignore' of its entity, which Kong passes over. \
            Applied here again, the file gives the same configuration with the same hash.

            Example: meshctl config export > kong.yml
            """
    )

    @Option(help: "How the file is written.")
    var format = Format.yaml

    @OptionGroup var node: NodeOptions

    func run() async throws {
        let report = try await self.node.client(timeout: .seconds(15)).configuration()
        let parsed: ParsedDeclaration
        do {
            parsed = try DeclarativeFile.parse(
                report.text,
                name: "the live configuration",
                options: DeclarationOptions(flavor: .expressions)
            )
        } catch {
            throw Failure(
                .failure,
                "the node's configuration is not one that this meshctl reads\n\(error)"
            )
        }
        switch self.format {
        case .yaml:
            Terminal.result(DeclarativeFile.write(parsed.configuration, for: .kong))
        case .json:
            let document = DeclarativeFile.canonical(parsed.configuration, for: .kong)
            Terminal.result(document.json + "\n")
        }
    }
}
