import ArgumentParser
import MeshNode

/// The node.
@main
struct Meshd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meshd",
        abstract: "An API gateway node that is its own cluster.",
        version: Version.current,
        subcommands: [RunCommand.self, KeyringCommand.self]
    )
}
