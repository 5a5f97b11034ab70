import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Tries both ways from one node to every other.
struct ReachabilityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reachability",
        abstract: "Try UDP and TCP from one node to every other, now.",
        discussion: """
            Either way alone is enough for the mesh; what is cut is worth a repair. Takes 2 s where \
            something is cut.

            Exit status: 0 both ways lead to every member that is there; 2 some do not; 69 the node \
            asked did not answer.

            Example: meshctl reachability --admin http://10.0.0.7:8001
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let client = try self.node.client(timeout: .seconds(30))
        let report = try await client.reachability()
        let text = try self.output.text(
            report,
            items: report.paths,
            names: report.paths.map(\.name)
        ) { PathTable(report).text($0) }
        Terminal.result(text)
        if report.paths.contains(where: \.isCut) { throw ExitCode.unclean }
    }
}

/// Prints the round trip between two members.
struct RoundTripCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rtt",
        abstract: "Show the round trip between two members.",
        discussion: """
            Measured where one of the two can be asked; else estimated from the coordinates (Vivaldi) \
            that both have told.

            Exit status: 0 found; 1 unknown node; 2 nothing measured yet; 69 the node did not answer.

            Example: meshctl rtt eu-1 us-2
            """
    )

    @Argument(help: "Name or id of a member.", completion: Suggestions.nodes)
    var from: String

    @Argument(help: "Name or id of another.", completion: Suggestions.nodes)
    var to: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let client = try self.node.client()
        var report = try await client.roundTrip(from: self.from, to: self.to)
        if !report.isMeasured {
            report = await self.measured(by: client) ?? report
        }
        let shown = report
        let text = try self.output.text([shown], items: [shown], names: [shown.from]) { _ in
            shown.line + "\n"
        }
        Terminal.result(text)
        if report.milliseconds == nil { throw ExitCode.unclean }
    }

    /// What one of the two says itself, asked through the mesh.
    private func measured(by client: AdminClient) async -> RoundTripReport? {
        for name in [self.from, self.to] {
            guard
                let report = try? await client.through(to: name).roundTrip(
                    from: self.from,
                    to: self.to
                ),
                report.isMeasured
            else { continue }
            return report
        }
        return nil
    }
}
