import ArgumentParser
import Foundation
import MeshConsole
import MeshDeclarative
import MeshEntities
import MeshReports

/// Checks files without any node.
struct ConfigValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check declarative files offline and print every finding.",
        discussion: """
            Exit status: 0 all files could be applied; 65 some could not.

            Example: meshctl config validate kong.yml --router-flavor expressions
            """
    )

    @Argument(
        help: "Declarative files, YAML or JSON; - is standard input.",
        completion: Suggestions.declarations
    )
    var files: [String]

    @OptionGroup var flavor: FlavorArguments
    @OptionGroup var declaration: DeclarationArguments
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let options = self.declaration.options(flavor: self.flavor.routerFlavor)
        var isValid = true
        for file in self.files {
            let report = try FileCheck.report(on: file, options) { $0.warnings }
            isValid = isValid && report.valid
            Terminal.result(try FileCheck.text(report, file, self.output))
        }
        if !isValid { throw ExitCode(Failure.Status.invalidInput.rawValue) }
    }
}

/// Says what loads but never works.
struct ConfigLintCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint",
        abstract: "Say what in declarative files loads but never works.",
        discussion: """
            Regexes that are prefixes, routes that get no request, upstreams without targets, \
            weight or health checks, retries without effect.

            Exit status: 0 nothing found; 2 something found; 65 some file could not be applied.

            Example: meshctl config lint kong.yml
            """
    )

    @Argument(
        help: "Declarative files, YAML or JSON; - is standard input.",
        completion: Suggestions.declarations
    )
    var files: [String]

    @OptionGroup var flavor: FlavorArguments
    @OptionGroup var declaration: DeclarationArguments
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let options = self.declaration.options(flavor: self.flavor.routerFlavor)
        var reports: [ValidationReport] = []
        for file in self.files {
            let report = try FileCheck.report(on: file, options) { parsed in
                (parsed.warnings + parsed.hints).sorted {
                    ($0.line ?? 0, $0.column ?? 0) < ($1.line ?? 0, $1.column ?? 0)
                }
            }
            reports.append(report)
            Terminal.result(try FileCheck.text(report, file, self.output))
        }
        if reports.contains(where: { !$0.valid }) {
            throw ExitCode(Failure.Status.invalidInput.rawValue)
        }
        if reports.contains(where: { !$0.warnings.isEmpty }) { throw ExitCode.unclean }
    }
}

/// Writes files in their one form.
struct ConfigFormatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fmt",
        abstract: "Write a declarative file in its canonical form.",
        discussion: """
            Format 3.0, children inside their parents, entities by name, without what equals a \
            default and without ids that follow from names. Comments, anchors and decK's own keys \
            go; the configuration stays the same.

            Exit status: 0 written, or with --check already canonical; 2 with --check: not \
            canonical; 65 the file is invalid, nothing was written.

            Example: meshctl config fmt kong.yml --write
            """
    )

    @Argument(
        help: "Declarative file, YAML or JSON; - is standard input.",
        completion: Suggestions.declarations
    )
    var file: String

    @Flag(help: "Write to the file instead of standard output.")
    var write = false

    @Flag(help: "Write nothing; only say whether the file is canonical.")
    var check = false

    @OptionGroup var declaration: DeclarationArguments

    func validate() throws {
        if self.write, self.file == "-" {
            throw ValidationError("--write needs a file, not standard input")
        }
        if self.write, self.check {
            throw ValidationError("--write and --check exclude each other")
        }
    }

    func run() async throws {
        let text = try DeclarativeInput.read(self.file)
        let options = self.declaration.options(flavor: .expressions)
        let formatted: String
        do {
            let parsed = try DeclarativeFile.parse(text, name: self.file, options: options)
            formatted = DeclarativeFile.write(parsed.configuration, for: .people)
        } catch {
            throw Failure(.invalidInput, "\(self.file) is invalid, nothing was written\n\(error)")
        }
        if self.check {
            guard text != formatted else { return }
            Terminal.note("\(self.file) is not in canonical form")
            throw ExitCode.unclean
        }
        guard self.write else { return Terminal.result(formatted) }
        do {
            let url = URL(fileURLWithPath: self.file)
            try Data(formatted.utf8).write(to: url, options: .atomic)
        } catch {
            throw Failure(.failure, "\(self.file) cannot be written; is there room, and leave?")
        }
    }
}

/// What offline commands say of a file.
enum FileCheck {
    static func report(
        on file: String,
        _ options: DeclarationOptions,
        warnings: (ParsedDeclaration) -> [Finding]
    ) throws -> ValidationReport {
        let text = try DeclarativeInput.read(file)
        do {
            let parsed = try DeclarativeFile.parse(text, name: file, options: options)
            return ValidationReport(
                findings: [],
                warnings: warnings(parsed).map(FindingReport.init)
            )
        } catch {
            return ValidationReport(
                findings: error.findings.map { FindingReport($0.advised) },
                warnings: []
            )
        }
    }

    /// One line for each finding, or the form that was asked for.
    static func text(
        _ report: ValidationReport,
        _ file: String,
        _ output: OutputOptions
    ) throws -> String {
        try output.text(report, items: [report], names: [file]) { _ in Self.lines(report, file) }
    }

    private static func lines(_ report: ValidationReport, _ file: String) -> String {
        let lines =
            report.findings.map { $0.text(in: file) }
            + report.warnings.map { "warning: \($0.text(in: file))" }
        let verdict = report.valid ? ["\(file): valid"] : []
        return (lines + verdict).map { $0 + "\n" }.joined()
    }
}
