import Foundation
import MeshConsole
import MeshDeclarative
import MeshEntities
import MeshReports

/// A declarative file read from disk or standard input and checked offline.
struct DeclarativeInput {
    let name: String
    let text: String
    let warnings: [Finding]

    /// Reads and checks `path`; `-` is standard input.
    ///
    /// Which router it is for, the node knows. What only this command knows of the file, such as its
    /// environment, is written into the text that goes to the node.
    ///
    /// - Throws: ``Failure`` with every finding when the file cannot be applied.
    init(path: String, arguments: DeclarationArguments) throws {
        let text = try Self.read(path)
        let name = path == "-" ? "standard input" : path
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw Failure(.invalidInput, "\(name) is empty; nothing is done with an empty file")
        }
        let parsed: ParsedDeclaration
        do {
            parsed = try DeclarativeFile.parse(
                text,
                name: name,
                options: arguments.options(flavor: .expressions)
            )
        } catch {
            throw Failure(.invalidInput, "\(name) is invalid, nothing was changed\n\(error)")
        }
        self.warnings = parsed.warnings
        self.name = name
        self.text =
            arguments.areDefault ? text : DeclarativeFile.write(parsed.configuration)
    }

    /// The text of a file.
    static func read(_ path: String) throws -> String {
        let data: Data?
        do {
            data =
                path == "-"
                ? try FileHandle.standardInput.readToEnd()
                : try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw Failure(.invalidInput, "\(path) cannot be read; does it exist?")
        }
        guard let text = String(validating: data ?? Data(), as: UTF8.self) else {
            throw Failure(.invalidInput, "\(path) is not UTF-8 text; save it as UTF-8")
        }
        return text
    }

    /// Says what the reader remarked.
    func noteWarnings() {
        for warning in self.warnings {
            Terminal.note("warning: \(DeclarativeError.line(name: self.name, warning))")
        }
    }
}

extension FindingReport {
    init(_ finding: Finding) {
        self.init(
            path: finding.path,
            message: finding.message,
            line: finding.line,
            column: finding.column
        )
    }
}
