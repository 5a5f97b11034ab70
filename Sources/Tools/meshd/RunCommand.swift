import ArgumentParser
import Glibc
import MeshNode

/// Runs a node until it is told to stop.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a node until SIGTERM or SIGINT; it then drains and leaves the mesh.",
        discussion: """
            Settings come from defaults, the file, the environment (MESH_NODE_NAME for node.name and \
            so on) and flags, in rising precedence.

            TERM and INT drain; a second one waits no longer. QUIT writes the state to a file and \
            drains. HUP reads certificates and tokens again, HUP and USR1 reopen the access log. \
            USR2 starts the program on disk with --takeover.

            Exit status: 0 stopped cleanly; 1 failed while running; 75 the drain deadline cut \
            requests; 78 a setting, the key ring or the store is unusable.

            Example: meshd run --dev
            Example: meshd run --config /etc/meshgate/node.yml
            """
    )

    @Option(help: "The settings file.", completion: .file(extensions: ["yml", "yaml"]))
    var config: String?

    @Flag(
        help: """
            A mesh of one on 127.0.0.1, or the next loopback address whose ports are free, with no \
            file at all: a key ring and data directory of its own that end with it, and a sample \
            configuration.
            """
    )
    var dev = false

    @Flag(
        help: """
            Take the node over from the process that runs it with this data directory: sockets, \
            store and identity; that process finishes its requests and ends. Without one, a usual \
            start.
            """
    )
    var takeover = false

    @Option(help: "The member's name (node.name).")
    var name: String?

    @Option(help: "The region (node.region).")
    var region: String?

    @Option(
        help: "Where identity and configuration are kept (node.data_dir).",
        completion: .directory
    )
    var dataDir: String?

    @Option(help: "Members to join through, separated by commas (gossip.seeds).")
    var seeds: String?

    @Option(name: .customLong("set"), help: "Any setting, as NAME=VALUE; may be repeated.")
    var settings: [String] = []

    func validate() throws {
        guard !self.dev || !self.takeover else {
            throw ValidationError("--dev and --takeover do not go together")
        }
        for setting in self.settings where !setting.contains("=") {
            throw ValidationError("--set is '\(setting)', but must be NAME=VALUE")
        }
    }

    func run() async throws {
        var flags: [String: String] = [:]
        for setting in self.settings {
            let parts = setting.split(
                separator: "=",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            flags[String(parts[0])] = String(parts[1])
        }
        for (name, value) in [
            ("node.name", self.name), ("node.region", self.region),
            ("node.data_dir", self.dataDir), ("gossip.seeds", self.seeds),
        ] {
            flags[name] = value ?? flags[name]
        }
        let start = NodeStart(
            file: self.config,
            flags: flags,
            isDevelopment: self.dev,
            takesOver: self.takeover
        )
        let status = await start.run()
        // Not by `exit`: it would clean up libraries that threads of a failed start may still be in.
        fflush(nil)
        _exit(status)
    }
}
