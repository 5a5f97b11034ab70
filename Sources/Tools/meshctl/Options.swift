import ArgumentParser
import Foundation
import MeshAdminClient
import MeshConsole
import MeshReports

/// Which node to ask.
struct NodeOptions: ParsableArguments {
    @Option(
        help: "Admin API of the node to ask (default: $MESHCTL_ADMIN or http://127.0.0.1:8001)."
    )
    var admin: String?

    /// A client of that node.
    func client(timeout: Duration = .seconds(5)) throws -> AdminClient {
        let variable = ProcessInfo.processInfo.environment["MESHCTL_ADMIN"] ?? ""
        let base = self.admin ?? (variable.isEmpty ? "http://127.0.0.1:8001" : variable)
        do {
            return try AdminClient(base: base, timeout: timeout)
        } catch {
            let status: Failure.Status = self.admin == nil ? .localSettings : .usage
            throw Failure(status, "\(error)")
        }
    }
}

/// How to print an answer.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case wide
    case json
    case jsonl
    case name
}

/// How to print an answer, for every command that reads.
struct OutputOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Form of the output.")
    var output = OutputFormat.table

    /// Prints a report in the form asked for.
    ///
    /// - Parameters:
    ///   - report: the whole answer, for `json`.
    ///   - items: one object per line, for `jsonl`.
    ///   - names: one per line, for `name`.
    ///   - table: the text for people.
    /// - Returns: the text, newline included.
    /// - Throws: `EncodingError` for a number that JSON cannot hold.
    func text(
        _ report: some Encodable,
        items: [any Encodable],
        names: [String],
        table: (TextTable.Style) -> String
    ) throws -> String {
        switch self.output {
        case .table: table(Terminal.style(isWide: false))
        case .wide: table(Terminal.style(isWide: true))
        case .json: try Self.json(report, .pretty) + "\n"
        case .jsonl: try items.map { try Self.json($0, .compact) + "\n" }.joined()
        case .name: names.map { $0 + "\n" }.joined()
        }
    }

    static func json(_ value: some Encodable, _ layout: ReportJSON.Layout) throws -> String {
        String(decoding: try ReportJSON.encode(value, layout: layout), as: UTF8.self)
    }
}

/// Repeats a command's output until it is interrupted.
struct WatchOptions: ParsableArguments {
    @Flag(help: "Repeat every second until interrupted.")
    var watch = false

    /// Prints `text` once, or again and again on a cleared screen.
    ///
    /// - Returns: the last text's verdict: whether all was well.
    func show(_ text: () async throws -> (text: String, isClean: Bool)) async throws -> Bool {
        guard self.watch else {
            let shown = try await text()
            Terminal.result(shown.text)
            return shown.isClean
        }
        while true {
            let shown = try await text()
            Terminal.result((Terminal.isScreen ? "\u{1B}[H\u{1B}[2J" : "") + shown.text)
            try await Task.sleep(for: .seconds(1))
        }
    }
}

extension ExitCode {
    /// Answered, but not clean.
    static let unclean = ExitCode(Failure.Status.unclean.rawValue)
}
