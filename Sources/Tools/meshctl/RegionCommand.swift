import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Everything about regions.
struct RegionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "region",
        abstract: "Regions of the mesh.",
        subcommands: [
            RegionListCommand.self, RegionDrainCommand.self, RegionUndrainCommand.self,
            RegionFailoverCommand.self, RegionFailbackCommand.self, RegionHoldCommand.self,
        ]
    )
}

/// Prints what one node believes about each region.
struct RegionListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List regions and whether they can serve.",
        discussion: """
            Exit status: 0 every region is up; 2 some are not; 69 the node did not answer.

            Example: meshctl region list -o json
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var watch: WatchOptions

    func run() async throws {
        let client = try self.node.client()
        let isClean = try await self.watch.show {
            let report = try await client.regions()
            let text = try self.output.text(
                report,
                items: report.regions,
                names: report.regions.map(\.name)
            ) { RegionTable(report).text($0) }
            return (text, report.regions.allSatisfy { $0.state == .up })
        }
        if !isClean { throw ExitCode.unclean }
    }
}
