import ArgumentParser
import Foundation
import MeshAdminClient
import MeshConsole
import MeshReports

/// Which node to ask.
struct NodeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Admin API of the node to ask: http://HOST:PORT, https://HOST:PORT or unix:/PATH \
            (default: $MESHCTL_ADMIN or http://127.0.0.1:8001).
            """,
            valueName: "address"
        )
    )
    var admin: String?

    @Option(
        help: ArgumentHelp(
            "Authorities that the node's certificate must come from, PEM ($MESHCTL_CACERT).",
            valueName: "file"
        ),
        completion: .file()
    )
    var cacert: String?

    @Option(
        help: ArgumentHelp("Certificate to show, PEM ($MESHCTL_CERT).", valueName: "file"),
        completion: .file()
    )
    var cert: String?

    @Option(
        help: ArgumentHelp("Its key, PEM ($MESHCTL_KEY).", valueName: "file"),
        completion: .file()
    )
    var key: String?

    @Option(
        help: ArgumentHelp(
            "File whose first line is the token to show ($MESHCTL_TOKEN_FILE; $MESHCTL_TOKEN).",
            valueName: "file"
        ),
        completion: .file()
    )
    var tokenFile: String?

    /// A client of that node.
    func client(timeout: Duration = .seconds(5)) throws -> AdminClient {
        let base = self.admin ?? Self.variable("ADMIN") ?? "http://127.0.0.1:8001"
        let security = try self.security()
        let client: AdminClient
        do {
            client = try AdminClient(base: base, timeout: timeout, security: security)
        } catch {
            let status: Failure.Status = self.admin == nil ? .localSettings : .usage
            throw Failure(status, "\(error)")
        }
        guard security.token == nil || client.address.isSecure || client.address.isLocal else {
            throw Failure(
                .localSettings,
                "the token would go over the network unencrypted; give --admin https://HOST:PORT"
            )
        }
        return client
    }

    private func security() throws -> AdminClientSecurity {
        let authorities = try (self.cacert ?? Self.variable("CACERT"))
            .map { try Self.text(of: $0, isSecret: false) }
        let chain = self.cert ?? Self.variable("CERT")
        let key = self.key ?? Self.variable("KEY")
        guard (chain == nil) == (key == nil) else {
            throw Failure(.localSettings, "give both --cert and --key, or neither")
        }
        var certificate: (chain: String, key: String)?
        if let chain, let key {
            certificate = (
                try Self.text(of: chain, isSecret: false), try Self.text(of: key, isSecret: true)
            )
        }
        do {
            return try AdminClientSecurity(
                token: try self.token(),
                authorities: authorities,
                certificate: certificate
            )
        } catch let error as AdminClientError {
            throw Failure(.localSettings, "\(error)")
        }
    }

    private func token() throws -> String? {
        guard let path = self.tokenFile ?? Self.variable("TOKEN_FILE") else {
            return Self.variable("TOKEN")
        }
        let text = try Self.text(of: path, isSecret: true)
        let line = text.split(whereSeparator: \.isNewline).first.map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        guard let line, !line.isEmpty, !line.contains(" ") else {
            throw Failure(.localSettings, "\(path) holds no token on its first line")
        }
        return line
    }

    private static func variable(_ name: String) -> String? {
        let value = ProcessInfo.processInfo.environment["MESHCTL_\(name)"] ?? ""
        return value.isEmpty ? nil : value
    }

    private static func text(of path: String, isSecret: Bool) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.localSettings, "\(path) cannot be read; check path and mode")
        }
        let mode = try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        if isSecret, let mode = mode as? Int, mode & 0o007 != 0 {
            throw Failure(
                .localSettings,
                "\(path) can be read by others; chmod 600 it, its secret may be known by now"
            )
        }
        return String(decoding: data, as: UTF8.self)
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

    /// Whether a command line asks for JSON, as far as can be told without reading it whole.
    static func wantsJSON(_ arguments: [String]) -> Bool {
        let forms = [OutputFormat.json.rawValue, OutputFormat.jsonl.rawValue]
        return arguments.indices.contains { index in
            let argument = arguments[index]
            if ["-o", "--output"].contains(argument) {
                return arguments.dropFirst(index + 1).first.map(forms.contains) ?? false
            }
            return forms.contains { form in
                ["--output=\(form)", "-o\(form)", "-o=\(form)"].contains(argument)
            }
        }
    }

    static func json(_ value: some Encodable, _ layout: ReportJSON.Layout) throws -> String {
        String(decoding: try ReportJSON.encode(value, layout: layout), as: UTF8.self)
    }
}

/// Repeats a command's output until it is interrupted.
struct WatchOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Repeat every second until interrupted.")
    var watch = false

    /// Prints `text` once, or again and again on a cleared screen; a node that falls silent meanwhile is
    /// asked until it answers again.
    ///
    /// - Returns: the last text's verdict: whether all was well.
    func show(_ text: () async throws -> (text: String, isClean: Bool)) async throws -> Bool {
        guard self.watch else {
            let shown = try await text()
            Terminal.result(shown.text)
            return shown.isClean
        }
        var hasShown = false
        var isSilent = false
        while true {
            do {
                let shown = try await text()
                Terminal.result(
                    (Terminal.isScreen && Terminal.isCapable ? "\u{1B}[H\u{1B}[2J" : "")
                        + shown.text
                )
                (hasShown, isSilent) = (true, false)
            } catch let error as AdminClientError {
                // The first attempt tells the operator; later ones wait for the node to come back.
                guard hasShown, Failure(error).status.isPassing else { throw error }
                if !isSilent { Terminal.note("meshctl: \(error); trying again") }
                isSilent = true
            }
            try await Task.sleep(for: .seconds(1))
        }
    }
}

extension ExitCode {
    /// Answered, but not clean.
    static let unclean = ExitCode(Failure.Status.unclean.rawValue)
}
