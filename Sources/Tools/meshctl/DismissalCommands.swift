import ArgumentParser
import MeshAdminClient
import MeshReports

/// Takes a member that is gone off the list.
struct ForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Take a node that is gone off the list, on all nodes.",
        discussion: """
            For a node that failed or left and never comes back: it is listed no more, and no \
            write waits for it. It may come back all the same. Nodes that are there are refused.

            Exit status: 0 forgotten; 1 unknown node, or one that is there; 69 the node asked did \
            not answer.

            Example: meshctl forget eu-2
            """
    )

    @Argument(help: "Name or id of the node.", completion: Suggestions.nodes)
    var name: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Ask nothing; needed where there is no terminal.")
    var yes = false

    @Flag(help: "Print what would be done, and do nothing.")
    var dryRun = false

    func run() async throws {
        let client = try self.node.client()
        try await Dismissal(verb: "forget", name: self.name, yes: self.yes, dryRun: self.dryRun)
            .carryOut(client, self.output) { try await client.forget($0) }
    }
}

/// Declares a member gone that failed.
struct ForceLeaveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "force-leave",
        abstract: "Declare a node that failed to have left, on all nodes.",
        discussion: """
            It stays listed as left, no check fails for it, and no write waits for it. It may come \
            back. Nodes that are there are refused: stop them, and they leave by themselves.

            Exit status: 0 done; 1 unknown node, or one that is there; 69 the node asked did not \
            answer.

            Example: meshctl force-leave eu-2
            """
    )

    @Argument(help: "Name or id of the node.", completion: Suggestions.nodes)
    var name: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Ask nothing; needed where there is no terminal.")
    var yes = false

    @Flag(help: "Print what would be done, and do nothing.")
    var dryRun = false

    func run() async throws {
        let client = try self.node.client()
        try await Dismissal(
            verb: "force-leave",
            name: self.name,
            yes: self.yes,
            dryRun: self.dryRun
        ).carryOut(client, self.output) { try await client.forceLeave($0) }
    }
}

/// What the two commands have in common: look, ask, do, tell.
private struct Dismissal {
    let verb: String
    let name: String
    let yes: Bool
    let dryRun: Bool

    func carryOut(
        _ client: AdminClient,
        _ output: OutputOptions,
        _ action: (String) async throws -> DismissalReport
    ) async throws {
        let member = try await client.member(self.name)
        let effect = "\(member.name) (\(member.id), \(member.address), \(member.state.rawValue))"
        if self.dryRun {
            return Terminal.result(
                try output.text([member], items: [member], names: [member.name]) { _ in
                    "would \(self.verb): \(effect)\n"
                }
            )
        }
        try Terminal.confirm("\(self.verb) \(effect)?", isAgreed: self.yes)
        let report = try await action(self.name)
        Terminal.result(
            try output.text([report], items: [report], names: [report.node]) { _ in
                "\(report.node) \(report.isForgotten ? "is forgotten" : "has left")\n"
            }
        )
    }
}
