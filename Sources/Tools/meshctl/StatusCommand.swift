import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Prints one node and its mesh on one screen.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show one node and its mesh on one screen.",
        discussion: """
            Exit status: 0 all members answer, agree and serve; 2 not so; 69 the node did not \
            answer.

            Example: meshctl status --watch
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var watch: WatchOptions

    func run() async throws {
        let client = try self.node.client()
        let isClean = try await self.watch.show {
            let report = try await client.status()
            let text = try self.output.text(report, items: [report], names: [report.node.name]) {
                StatusScreen(report).text($0)
            }
            let counts = report.counts
            return (
                text,
                counts.suspect + counts.failed + counts.draining == 0 && report.configAgreed
                    && report.ready
            )
        }
        if !isClean { throw ExitCode.unclean }
    }
}
