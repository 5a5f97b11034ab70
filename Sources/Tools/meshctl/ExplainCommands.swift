import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Explains how traffic came to go where it goes.
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Explain why traffic goes where it goes, now and back in time.",
        discussion: """
            Shows the share of every target and region with its cause, who says what of targets \
            that are not up, and everything that has moved traffic, as far as the node remembers.

            Exit status: 0 answered; 1 nothing is called so; 69 the node did not answer.

            Example: meshctl why 10.0.0.8:9000
            """
    )

    @Argument(
        help: "A service, an upstream, or a target as host:port.",
        completion: Suggestions.upstreams
    )
    var subject: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let report = try await self.node.client().why(self.subject)
        let text = try self.output.text(
            report,
            items: report.events,
            names: report.upstreams.map(\.upstream)
        ) { WhyScreen(report).text($0) }
        Terminal.result(text)
    }
}

/// Prints how a service's requests are shared out.
struct BalanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "balance",
        abstract: "Show the share of every region and target, with the cause.",
        discussion: """
            SHARE is what region, weight and health give a target; MEASURED is what it got while \
            the command waited.

            Exit status: 0 answered; 1 nothing is called so; 69 the node did not answer.

            Example: meshctl balance api --over 5
            """
    )

    @Argument(help: "A service or an upstream, by name or id.", completion: Suggestions.upstreams)
    var name: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Measure for so many seconds; 0 does not.")
    var over = 1.0

    func validate() throws {
        guard (0...600).contains(self.over) else {
            throw ValidationError("--over is \(self.over), but must be 0 to 600 s")
        }
    }

    func run() async throws {
        let client = try self.node.client()
        let earlier = self.over > 0 ? try await client.balance(of: self.name).upstreams : []
        if self.over > 0 { try await Task.sleep(for: .seconds(self.over)) }
        let report = try await client.balance(of: self.name)
        let targets = report.upstreams.flatMap(\.targets)
        Terminal.result(
            try self.output.text(report, items: targets, names: targets.map(\.target)) {
                BalanceTable(report.upstreams, since: earlier).text($0)
            }
        )
    }
}
