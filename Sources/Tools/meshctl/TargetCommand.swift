import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Everything about single targets.
struct TargetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "target",
        abstract: "Take targets out of traffic at every node, and put them back.",
        subcommands: [
            TargetDrainCommand.self, TargetDisableCommand.self, TargetEnableCommand.self,
        ]
    )
}

/// What all orders about a target take.
struct TargetOrderArguments: ParsableArguments {
    @Argument(help: "Name or id of the upstream.", completion: Suggestions.upstreams)
    var upstream: String

    @Argument(
        help: "The target as configured, host:port, or its id.",
        completion: Suggestions.targets
    )
    var target: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Ask nothing; needed where there is no terminal.")
    var yes = false

    /// Carries an order out.
    func carryOut(_ order: TargetOrderReport.Order) async throws {
        let client = try self.node.client()
        if order != .enable {
            let question = "\(order.rawValue) \(self.target) of \(self.upstream) at every node?"
            try Terminal.confirm(question, isAgreed: self.yes)
        }
        let report = try await client.order(order, of: self.target, in: self.upstream)
        Terminal.result(
            try self.output.text(report, items: [report], names: [report.target]) { _ in
                "\(report.upstream): \(report.target) shall \(report.order.rawValue)\n"
            }
        )
    }
}

/// Lets a target finish what it has.
struct TargetDrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Send nothing new to a target, at any node, until it is enabled again.",
        discussion: """
            It serves no request even when nothing else is left.

            Exit status: 0 done; 1 unknown; 69 the node asked did not answer.

            Example: meshctl target drain api 10.0.0.8:9000 --yes
            """
    )

    @OptionGroup var order: TargetOrderArguments

    func run() async throws { try await self.order.carryOut(.drain) }
}

/// Takes a target out.
struct TargetDisableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Send nothing to a target, at any node, until it is enabled again.",
        discussion: """
            Exit status: 0 done; 1 unknown; 69 the node asked did not answer.

            Example: meshctl target disable api 10.0.0.8:9000 --yes
            """
    )

    @OptionGroup var order: TargetOrderArguments

    func run() async throws { try await self.order.carryOut(.disable) }
}

/// Puts a target back.
struct TargetEnableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Use a target again that was drained or disabled; its share grows by a ramp.",
        discussion: """
            Exit status: 0 done; 1 unknown; 69 the node asked did not answer.

            Example: meshctl target enable api 10.0.0.8:9000
            """
    )

    @OptionGroup var order: TargetOrderArguments

    func run() async throws { try await self.order.carryOut(.enable) }
}
