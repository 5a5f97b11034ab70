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
        async let config = client.configurationStatus()
        async let health = client.health()
        let members = try await client.members()
        let began = ContinuousClock.now
        let (status, clock) = try await Self.clock(of: client, since: began)
        let others = members.members.filter { $0.state == .alive && $0.name != status.node.name }
        var clocks = await withTaskGroup(of: (String, ClockReading?).self) { group in
            for member in others.shuffled().prefix(Self.clockLimit) {
                group.addTask {
                    let node = client.through(to: member.name)
                    return (member.name, try? await Self.clock(of: node, since: began).clock)
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        clocks[status.node.name] = clock
        return Checkup(
            status: status,
            members: members,
            config: try await config,
            health: try await health,
            clocks: clocks
        ).report
    }

    /// Members whose clocks are looked at.
    private static let clockLimit = 64

    /// A node's status, and what its clock showed; `nil` for an older version.
    private static func clock(
        of client: AdminClient,
        since began: ContinuousClock.Instant
    ) async throws -> (status: StatusReport, clock: ClockReading?) {
        let asked = ContinuousClock.now
        let status = try await client.status()
        let answered = ContinuousClock.now
        let (first, last) = (asked - began, answered - began)
        let clock = status.wallMilliseconds.map {
            ClockReading(
                shown: $0,
                asked: first.wholeMilliseconds,
                answered: last.wholeMilliseconds + 1
            )
        }
        return (status, clock)
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: UInt64 {
        UInt64(max(0, self / .milliseconds(1)))
    }
}
