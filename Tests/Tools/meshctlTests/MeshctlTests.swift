import Foundation
import Testing

@Suite("The command meshctl")
struct MeshctlTests {
    private static let commands: [String] = [
        "members", "member", "forget", "force-leave", "status", "check", "health", "region list",
        "config validate", "config lint",
        "config fmt", "config diff", "config apply", "config get", "config export", "config status",
        "drain", "resume", "events", "keys", "keys list", "keys stage", "keys activate",
        "keys retire", "completion", "top", "bundle", "explain", "demo", "demo kill", "demo freeze",
        "demo slow", "demo split", "tap", "trace", "upgrade finalize",
    ]

    private static let endings: [String: Int32] = [
        "bogus": 64, "members --state dead": 64, "config apply": 64, "drain a --timeout=-1": 64,
        "members --admin ftp://h": 64, "members --admin 127.0.0.1:1": 69,
        "drain a --admin 127.0.0.1:1": 69, "forget a --admin 127.0.0.1:1": 69,
        "member a --admin 127.0.0.1:1": 69, "events -w --admin 127.0.0.1:1": 69,
        "config validate /nonexistent/kong.yml": 65, "config fmt /nonexistent/kong.yml": 65,
        "config fmt - --write": 64, "config export --admin 127.0.0.1:1": 69,
        "config validate x.yml --router-flavor other": 64, "explain MESH999": 64,
        "top --admin 127.0.0.1:1": 69, "bundle --admin 127.0.0.1:1 --file /nonexistent/x": 69,
        "top --interval 0": 64, "demo kill us-2 --mesh /nonexistent/mesh.json": 78,
        "demo slow a --latency=-1": 64, "tap --rate 0": 64, "tap --status 6xx": 64,
        "tap --admin 127.0.0.1:1": 69, "trace a --admin 127.0.0.1:1": 69,
        "upgrade finalize --admin 127.0.0.1:1": 69, "upgrade plan --to soon": 64,
        "upgrade plan --to 0.2.0 --admin 127.0.0.1:1": 69,
    ]

    @Test("explains every command with an example", arguments: Self.commands)
    func help(command: String) async throws {
        let run = try await Run(command.split(separator: " ").map(String.init) + ["--help"])
        #expect(run.status == 0)
        #expect(run.output.contains("Example: meshctl \(command)"))
        #expect(run.errors.isEmpty)
    }

    @Test("ends with the status that scripts rely on", arguments: Self.endings)
    func statuses(arguments: String, status: Int32) async throws {
        let run = try await Run(arguments.split(separator: " ").map(String.init))
        #expect(run.status == status)
        #expect(run.output.isEmpty)
        #expect(!run.errors.isEmpty)
    }

    @Test(
        "says failures as JSON where JSON is asked for",
        arguments: [
            ("members -o json --admin 127.0.0.1:1", 69),
            ("members --output=jsonl --state dead", 64),
            ("explain MESH999 -ojson", 64), ("config apply -o json", 64),
        ]
    )
    func failures(arguments: String, status: Int) async throws {
        struct Told: Decodable {
            let code: String?
            let exit: Int
            let message: String
        }
        let run = try await Run(arguments.split(separator: " ").map(String.init))
        let told = try JSONDecoder().decode(Told.self, from: Data(run.errors.utf8))
        #expect(run.status == Int32(status) && told.exit == status)
        #expect(told.code == nil && !told.message.isEmpty)
    }

    @Test("explains a code by its number alone, and as JSON")
    func explanation() async throws {
        let text = try await Run(["explain", "4"])
        #expect(text.status == 0 && text.output.hasPrefix("MESH004  config versions agree"))
        let json = try await Run(["explain", "mesh4", "-o", "json"])
        #expect(json.output.contains(#""code" : "MESH004""#), "\(json.output)")
        let names = try await Run(["explain", "-o", "name"])
        #expect(names.output.hasPrefix("MESH001\nMESH002\n"))
    }

    @Test(
        "knows -w wherever it knows --watch",
        arguments: ["members", "member", "status", "health", "region list", "top", "events"]
    )
    func watching(command: String) async throws {
        let help = try await Run(command.split(separator: " ").map(String.init) + ["--help"])
        #expect(help.output.contains("-w, --watch"))
    }

    @Test("refuses an empty request id, which no node can be asked for")
    func emptyID() async throws {
        let run = try await Run(["trace", "", "--admin", "127.0.0.1:1"])
        #expect(run.status == 64)
        #expect(run.errors.contains("the id is empty"))
    }

    @Test("blames a wrong MESHCTL_ADMIN on the local settings")
    func environment() async throws {
        let run = try await Run(["members"], environment: ["MESHCTL_ADMIN": "ftp://x"])
        #expect(run.status == 78)
        #expect(
            run.errors == """
                meshctl: ftp://x is not an Admin API address; give --admin http://HOST:PORT, \
                https://HOST:PORT or unix:/PATH

                """
        )
    }

    @Test("validates for the router that is named")
    func routerFlavor() async throws {
        let file = try TemporaryText(
            """
            _format_version: "3.0"
            services:
            - { name: a, host: x, routes: [{ name: r, expression: 'http.path == "/"' }] }
            """
        )
        defer { file.remove() }
        let plain = try await Run(["config", "validate", file.path])
        #expect(plain.status == 65)
        #expect(plain.output.contains("needs the router flavor 'expressions'"))
        let right = try await Run([
            "config", "validate", file.path, "--router-flavor", "expressions",
        ])
        #expect(right.status == 0 && right.output == "\(file.path): valid\n")
    }

    @Test("says what loads but never works, and ends with 2 then")
    func lint() async throws {
        let file = try TemporaryText(
            """
            _format_version: "3.0"
            services:
            - { name: a, host: x, routes: [{ name: r, paths: ["/v1/.*"] }] }
            """
        )
        defer { file.remove() }
        let run = try await Run(["config", "lint", file.path])
        #expect(run.status == 2)
        #expect(run.output.contains("warning: \(file.path):3:51 services[0].routes[0].paths[0]: "))
    }

    @Test("writes a file in its one form, and knows that form again")
    func format() async throws {
        let file = try TemporaryText(
            """
            _format_version: "1.1"
            # gone
            services: [{ name: a, url: "http://x", port: 80, routes: [{ name: r, paths: [/] }] }]
            """
        )
        defer { file.remove() }
        let check = try await Run(["config", "fmt", file.path, "--check"])
        let written = try await Run(["config", "fmt", file.path, "--write"])
        let again = try await Run(["config", "fmt", file.path, "--check"])
        let shown = try await Run(["config", "fmt", file.path])
        #expect([check.status, written.status, again.status, shown.status] == [2, 0, 0, 0])
        #expect(
            shown.output == """
                _format_version: "3.0"
                services:
                - name: a
                  host: x
                  routes:
                  - name: r
                    paths:
                    - /

                """
        )
    }

    @Test("fills placeholders and passes over unknown plugins only when asked")
    func leniency() async throws {
        let file = try TemporaryText(
            """
            _format_version: "3.0"
            services: [{ name: a, host: "${{ env "DECK_HOST" }}", plugins: [{ name: mine }] }]
            """
        )
        defer { file.remove() }
        #expect(try await Run(["config", "validate", file.path]).status == 65)
        let run = try await Run(
            [
                "config", "fmt", file.path, "--substitute-env", "--allow-unknown-plugins",
                "disabled",
            ],
            environment: ["DECK_HOST": "h.example"]
        )
        #expect(run.status == 0)
        #expect(run.output.contains("host: h.example") && run.output.contains("enabled: false"))
    }

    @Test("validates offline with file, line and column")
    func validate() async throws {
        let file = try TemporaryText("_format_version: \"3.0\"\nservices:\n- name: a\n  hots: x\n")
        defer { file.remove() }
        let run = try await Run(["config", "validate", file.path])
        #expect(run.status == 65)
        #expect(
            run.output == """
                \(file.path):3:3 services[0].host: required field missing
                \(file.path):4:3 services[0].hots: unknown field

                """
        )
        let json = try await Run(["config", "validate", file.path, "-o", "jsonl"])
        #expect(json.output.hasPrefix(#"{"findings":[{"column":3,"line":3,"#))
        let valid = try TemporaryText("_format_version: \"3.0\"\n")
        defer { valid.remove() }
        #expect(try await Run(["config", "validate", valid.path]).status == 0)
    }

    @Test(
        "refuses to apply a file that is empty or invalid before it asks any node",
        arguments: [
            " \n", "services: 1\n", "_format_version: \"3.0\"\nservices:\n- name: a\n",
        ]
    )
    func apply(text: String) async throws {
        let file = try TemporaryText(text)
        defer { file.remove() }
        let run = try await Run(["config", "apply", file.path, "--admin", "127.0.0.1:1"])
        #expect(run.status == 65)
        #expect(run.output.isEmpty)
    }

    @Test("writes completion scripts", arguments: ["bash", "zsh", "fish"])
    func completion(shell: String) async throws {
        let run = try await Run(["completion", shell])
        #expect(run.status == 0)
        #expect(run.output.contains("meshctl"))
    }

    @Test("completes codes and files, and offers nothing of a node that does not answer")
    func suggestions() async throws {
        let bash = ["SAP_SHELL": "bash"]
        let codes = try await Run(
            ["---completion", "explain", "--", "positional@0", "1", "0", "meshctl", "explain", ""],
            environment: bash
        )
        #expect(codes.status == 0 && codes.output.contains("MESH004"), "\(codes.errors)")
        let nodes = try await Run(
            [
                "---completion", "member", "--", "positional@0", "1", "0", "meshctl", "member",
                "--admin", "127.0.0.1:1", "",
            ],
            environment: bash
        )
        #expect(nodes.status == 0 && nodes.output.trimmingCharacters(in: .whitespaces).count < 2)
        let script = try await Run(["completion", "bash"])
        #expect(script.output.contains("yaml"))
    }
}

/// One finished run of the built command.
private struct Run {
    let status: Int32
    let output: String
    let errors: String

    init(_ arguments: [String], environment: [String: String] = [:]) async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
            .deletingLastPathComponent().appendingPathComponent("meshctl")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .filter { $0.key != "MESHCTL_ADMIN" }.merging(environment) { _, new in new }
        process.standardInput = FileHandle.nullDevice
        let output = try TemporaryText("")
        let errors = try TemporaryText("")
        defer {
            output.remove()
            errors.remove()
        }
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output.path))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors.path))
        try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { _ in continuation.resume() }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        self.status = process.terminationStatus
        self.output = try output.text()
        self.errors = try errors.text()
    }
}

/// A file with text for the time of a test.
private struct TemporaryText {
    let path: String

    init(_ text: String) throws {
        self.path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("meshctl-\(UUID().uuidString).yml").path
        try text.write(toFile: self.path, atomically: false, encoding: .utf8)
    }

    func text() throws -> String { try String(contentsOfFile: self.path, encoding: .utf8) }

    func remove() { try? FileManager.default.removeItem(atPath: self.path) }
}
