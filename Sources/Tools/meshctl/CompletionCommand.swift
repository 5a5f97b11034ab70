import ArgumentParser

/// Prints a completion script.
struct CompletionCommand: ParsableCommand {
    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash
        case zsh
        case fish
    }

    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print a completion script for a shell.",
        discussion: "Example: meshctl completion bash > /etc/bash_completion.d/meshctl"
    )

    @Argument(help: "The shell.")
    var shell: Shell

    func run() {
        let shell: CompletionShell =
            switch self.shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        Terminal.result(Meshctl.completionScript(for: shell) + "\n")
    }
}
