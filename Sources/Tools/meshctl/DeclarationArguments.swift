public import ArgumentParser
import Foundation
public import MeshDeclarative
public import MeshEntities

extension RouterFlavor: ExpressibleByArgument {}

extension DeclarationOptions.UnknownPlugins: ExpressibleByArgument {}

/// How a command reads a declarative file.
struct DeclarationArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What becomes of plugins that neither this gateway nor Kong has.",
            valueName: "what"
        )
    )
    var allowUnknownPlugins = DeclarationOptions.UnknownPlugins.refused

    @Flag(
        help: ArgumentHelp(
            "Fill decK's placeholders, such as ${{ env \"DECK_HOST\" }}, from the environment."
        )
    )
    var substituteEnv = false

    /// Whether the file means what its text says without any of this.
    var areDefault: Bool { self.allowUnknownPlugins == .refused && !self.substituteEnv }

    /// The options for a router.
    func options(flavor: RouterFlavor) -> DeclarationOptions {
        var options = DeclarationOptions(flavor: flavor)
        options.unknownPlugins = self.allowUnknownPlugins
        options.variables = self.substituteEnv ? ProcessInfo.processInfo.environment : nil
        return options
    }
}

/// Which router a file is read for.
struct FlavorArguments: ParsableArguments {
    @Option(help: "The router of the nodes: proxy.router_flavor.")
    var routerFlavor = RouterFlavor.traditionalCompatible
}
