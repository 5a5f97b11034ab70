import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Prints targets × observers with the evidence behind each verdict.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Show every target as each node sees it, and the verdict.",
        discussion: """
            Exit status: 0 every target takes its full share; 2 some do not; 69 the node did not \
            answer. --output jsonl prints one object per target.

            Example: meshctl health api-upstream
            """
    )

    @Argument(help: "Only this upstream, by name or id.", completion: Suggestions.upstreams)
    var upstream: String?

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var watch: WatchOptions

    func run() async throws {
        let client = try self.node.client()
        let isClean = try await self.watch.show {
            let report = try await client.health(of: self.upstream)
            let targets = report.upstreams.flatMap(\.targets)
            let text = try self.output.text(report, items: targets, names: targets.map(\.target)) {
                TargetTable(report).text($0)
            }
            let isWell = targets.allSatisfy { $0.verdict == .healthy || $0.verdict == .unchecked }
            return (text, isWell)
        }
        if !isClean { throw ExitCode.unclean }
    }
}
