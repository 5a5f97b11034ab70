import ArgumentParser
import MeshNode

/// Draws the secrets of a new mesh.
struct KeyringCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keyring",
        abstract: "Print a new key ring; keep it secret and give the same one to every node.",
        discussion: """
            Exit status: 0.

            Example: (umask 077 && meshd keyring > /etc/meshgate/keyring)
            """
    )

    func run() { print(NodeStart.newKeyRing(), terminator: "") }
}
