import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Prints all that one node believes about one member, and who says what against it.
struct MemberCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member",
        abstract: "Show one member: who it is, how it stands, and who accuses it of what.",
        discussion: """
            Exit status: 0 it is well, or left; 1 unknown node; 2 it is suspect, failed or taken \
            out; 69 the node asked did not answer.

            Example: meshctl member eu-2
            """
    )

    @Argument(help: "Name or id of the member.", completion: Suggestions.nodes)
    var name: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var watch: WatchOptions

    func run() async throws {
        let client = try self.node.client()
        let isClean = try await self.watch.show {
            let member = try await client.member(self.name)
            let text = try self.output.text([member], items: [member], names: [member.name]) { _ in
                MemberScreen(member).text
            }
            return (text, member.isWell || member.state == .left)
        }
        if !isClean { throw ExitCode.unclean }
    }
}
