import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Turns on what only the newest version knows, for the whole fleet.
struct FinalizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "finalize",
        abstract: "Turn on what only the new version knows; there is no way back to the old one.",
        discussion: """
            Until then the nodes of two versions work together, what the old one cannot read stays \
            off, and every node can go back to it. Refused while a member speaks only the old \
            protocol, or an upgrade is open. Afterwards a node of the old version is not let in.

            Exit status: 0 finalized, or nothing is to be; 1 refused; 69 not reachable.

            Example: meshctl upgrade finalize --yes
            """
    )

    @Flag(help: "Ask nothing; needed where there is no terminal.")
    var yes = false

    @Flag(help: "Print what is in the way, and do nothing.")
    var dryRun = false

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let client = try self.node.client()
        let report = try await client.protocolVersions()
        guard !self.dryRun, !report.isFinal, report.obstacles.isEmpty else {
            try self.show(report)
            guard report.obstacles.isEmpty else {
                throw Failure(.failure, "protocol \(report.newest) stays off")
            }
            return
        }
        if !self.yes, Terminal.isInteractive { Terminal.tell(ProtocolScreen.text(report)) }
        try Terminal.confirm("finalize? no node can go back then", isAgreed: self.yes)
        try self.show(try await client.finalizeProtocol())
    }

    private func show(_ report: ProtocolReport) throws {
        Terminal.result(
            try self.output.text(report, items: report.members, names: report.members.map(\.name)) {
                _ in ProtocolScreen.text(report)
            }
        )
    }
}
