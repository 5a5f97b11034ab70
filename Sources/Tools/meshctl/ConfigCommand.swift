import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshDeclarative
import MeshReports

/// Everything about the configuration that the nodes share.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Validate, compare, apply and read the shared configuration.",
        subcommands: [
            ConfigValidateCommand.self, ConfigDiffCommand.self, ConfigApplyCommand.self,
            ConfigGetCommand.self, ConfigStatusCommand.self,
        ]
    )
}

/// Checks files without any node.
struct ConfigValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check declarative files offline and print every finding.",
        discussion: """
            Exit status: 0 all files could be applied; 65 some could not.

            Example: meshctl config validate kong.yml
            """
    )

    @Argument(help: "Declarative files, YAML or JSON; - is standard input.")
    var files: [String]

    @OptionGroup var output: OutputOptions

    func run() async throws {
        var isValid = true
        for file in self.files {
            let report = try Self.report(on: file)
            isValid = isValid && report.valid
            Terminal.result(
                try self.output.text(report, items: [report], names: [file]) { _ in
                    Self.lines(report, file)
                }
            )
        }
        if !isValid { throw ExitCode(Failure.Status.invalidInput.rawValue) }
    }

    private static func report(on file: String) throws -> ValidationReport {
        let text = try DeclarativeInput.read(file)
        do {
            let parsed = try DeclarativeFile.parse(text, name: file)
            return ValidationReport(
                findings: [],
                warnings: parsed.warnings.map(FindingReport.init)
            )
        } catch {
            return ValidationReport(findings: error.findings.map(FindingReport.init), warnings: [])
        }
    }

    private static func lines(_ report: ValidationReport, _ file: String) -> String {
        let lines =
            report.findings.map { Self.line($0, file) }
            + report.warnings.map { "warning: " + Self.line($0, file) }
        let verdict = report.valid ? ["\(file): valid"] : []
        return (lines + verdict).map { $0 + "\n" }.joined()
    }

    private static func line(_ finding: FindingReport, _ file: String) -> String {
        let place = finding.line.map { ":\($0):\(finding.column ?? 1)" } ?? ""
        let field = finding.path.isEmpty ? "" : "\(finding.path): "
        return "\(file)\(place) \(field)\(finding.message)"
    }
}

/// Compares a file with what a node holds.
struct ConfigDiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Compare a declarative file with the live configuration.",
        discussion: """
            Exit status: 0 no difference; 2 they differ; 65 the file is invalid; 69 the node did \
            not answer.

            Example: meshctl config diff kong.yml
            """
    )

    @Argument(help: "Declarative file, YAML or JSON; - is standard input.")
    var file: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let input = try DeclarativeInput(path: self.file)
        input.noteWarnings()
        let client = try self.node.client(timeout: .seconds(15))
        let report = try await client.difference(input.text, name: input.name)
        Terminal.result(
            try self.output.text(
                report,
                items: report.changes,
                names: report.changes.map { "\($0.kind)/\($0.name.isEmpty ? $0.id : $0.name)" }
            ) { ChangeList(report.changes).text($0) }
        )
        if !report.changes.isEmpty { throw ExitCode.unclean }
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
