import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Runs named checks over what one node knows; changes nothing.
struct CheckCommand: AsyncParsableCommand {
    enum Threshold: String, ExpressibleByArgument, CaseIterable {
        case failed
        case warning
    }

    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Run named checks and say what to do about each that does not pass.",
        discussion: """
            Exit status: 0 no check failed; 2 some failed; 69 the node did not answer. \
            --output name prints the codes of the checks that did not pass.

            Example: meshctl check --wait 60
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Print only what did not pass.")
    var short = false

    @Option(help: "The least outcome that makes the exit status 2.")
    var failOn = Threshold.failed

    @Option(help: "Repeat for up to this many seconds until nothing fails.")
    var wait = 0.0

    func validate() throws {
        guard (0...86_400).contains(self.wait) else {
            throw ValidationError("--wait is \(self.wait), but must be 0 to 86400 s")
        }
    }

    func run() async throws {
        let client = try self.node.client()
        let deadline = ContinuousClock.now.advanced(by: .seconds(self.wait))
        var report = try await Self.report(client)
        while !self.isClean(report), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(500))
            report = try await Self.report(client)
        }
        let troubled = report.checks.filter { $0.outcome != .passed }
        Terminal.result(
            try self.output.text(report, items: report.checks, names: troubled.map(\.code)) {
                CheckScreen(report).text($0, detail: self.short ? .troubled : .all)
            }
        )
        if !self.isClean(report) { throw ExitCode.unclean }
    }

    private func isClean(_ report: ChecksReport) -> Bool {
        report.checks.allSatisfy { check in
            switch check.outcome {
            case .passed: true
            case .warning: self.failOn != .warning
            case .failed: false
            }
        }
    }

    private static func report(_ client: AdminClient) async throws -> ChecksReport {
        async let status = client.status()
        async let members = client.members()
        async let config = client.configurationStatus()
        async let health = client.health()
        return Checkup(
            status: try await status,
            members: try await members,
            config: try await config,
            health: try await health
        ).report
    }
}
