public import ArgumentParser
import MeshAdminClient
import MeshConsole
public import MeshReports

extension MemberReport.State: ExpressibleByArgument {}

/// Prints what one node believes about the mesh; beliefs differ between nodes until they converge.
struct MembersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "members",
        abstract: "List the members one node knows.",
        discussion: """
            Exit status: 0 every listed member is well, or left; 1 nobody is in that region; 2 some \
            are suspect, failed or taken out; 69 the node did not answer.

            Example: meshctl members --state suspect -o jsonl
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var watch: WatchOptions

    @Option(help: "Only members in this state.")
    var state: MemberReport.State?

    @Option(help: "Only members of this region.", completion: Suggestions.regions)
    var region: String?

    func run() async throws {
        let client = try self.node.client()
        let isClean = try await self.watch.show {
            var report = try await client.members()
            let regions = Set(report.members.map(\.region)).sorted()
            if let region, !regions.contains(region) {
                throw Failure(
                    .failure,
                    "no member is in region \(region); there are \(regions.joined(separator: ", "))"
                )
            }
            report.members = report.members.filter { member in
                (self.state.map { $0 == member.state } ?? true)
                    && (self.region.map { $0 == member.region } ?? true)
            }
            let text = try self.output.text(
                report,
                items: report.members,
                names: report.members.map(\.name)
            ) { MemberTable(report).text($0) }
            return (text, report.members.allSatisfy { $0.isWell || $0.state == .left })
        }
        if !isClean { throw ExitCode.unclean }
    }
}
