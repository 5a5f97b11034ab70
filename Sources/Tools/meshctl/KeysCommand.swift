import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Lists and changes the mesh's keys while it runs.
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Show and change the keys of the mesh while it runs.",
        discussion: """
            A change has three steps: stage draws a key that all nodes open with, activate lets all \
            seal with it, retire takes the old one out. Each is refused while it would cut a node off.

            Example: meshctl keys list
            """,
        subcommands: [ListKeys.self, StageKey.self, ActivateKey.self, RetireKey.self]
    )
}

/// Prints which nodes hold which key.
struct ListKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show the keys, who holds them, and who seals with which.",
        discussion: """
            Exit status: 0 one key, held by all; 2 a change is under way; 69 the node asked did not \
            answer.

            Example: meshctl keys list
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let report = try await self.node.client().keys()
        try KeyChange.show(report, self.output)
        guard report.keys.count == 1, report.keys.allSatisfy(\.lacking.isEmpty) else {
            throw ExitCode.unclean
        }
    }
}

/// Draws a new key.
struct StageKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stage",
        abstract: "Draw a new key that all nodes open with.",
        discussion: """
            Exit status: 0 all nodes hold it; 1 refused; 69 the node asked did not answer; 75 not \
            everywhere yet, goes on.

            Example: meshctl keys stage
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var change: KeyChange

    func run() async throws {
        let client = try self.node.client()
        try await self.change.carryOut(client, self.output) { isForced in
            try await client.stageKey(isForced: isForced)
        }
    }
}

/// Seals with another key.
struct ActivateKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "activate",
        abstract: "Let all nodes seal with a staged key.",
        discussion: """
            Exit status: 0 all nodes seal with it; 1 refused; 69 the node asked did not answer; 75 \
            not everywhere yet, goes on.

            Example: meshctl keys activate 2
            """
    )

    @Argument(help: "The key's epoch.", completion: Suggestions.keys)
    var epoch: Int

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var change: KeyChange

    func run() async throws {
        let client = try self.node.client()
        try await self.change.carryOut(client, self.output) { isForced in
            try await client.activateKey(self.epoch, isForced: isForced)
        }
    }
}

/// Takes a key out.
struct RetireKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retire",
        abstract: "Take a key out that no node seals with any more.",
        discussion: """
            Nodes that are away and know no newer key are cut off by it; it is refused for them, \
            unless it is forced. Put the new ring into every node's file, too: meshctl backup \
            --with-keys has it.

            Exit status: 0 no node holds it; 1 refused; 69 the node asked did not answer; 75 not \
            everywhere yet, goes on.

            Example: meshctl keys retire 1
            """
    )

    @Argument(help: "The key's epoch.", completion: Suggestions.keys)
    var epoch: Int

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var change: KeyChange

    func run() async throws {
        let client = try self.node.client()
        try await self.change.carryOut(client, self.output) { isForced in
            try await client.retireKey(self.epoch, isForced: isForced)
        }
    }
}

/// What the three steps have in common: do, wait until all have taken it, show.
struct KeyChange: ParsableArguments {
    private static let interval = Duration.milliseconds(250)

    @Flag(help: "Even if nodes that are away are cut off by it.")
    var force = false

    @Option(help: "Give up waiting for all nodes after this many seconds; 0 does not wait.")
    var timeout = 30.0

    func validate() throws {
        guard (0...86_400).contains(self.timeout) else {
            throw ValidationError("--timeout is \(self.timeout), but must be 0 to 86400 s")
        }
    }

    func carryOut(
        _ client: AdminClient,
        _ output: OutputOptions,
        _ step: (Bool) async throws -> KeysReport
    ) async throws {
        var report = try await step(self.force)
        let deadline = ContinuousClock.now.advanced(by: .seconds(self.timeout))
        while !Self.isEverywhere(report), ContinuousClock.now < deadline {
            try await Task.sleep(for: Self.interval)
            report = try await client.keys()
        }
        try Self.show(report, output)
        if self.timeout > 0, !Self.isEverywhere(report) {
            throw Failure(.timedOut, "not everywhere yet; it goes on, see meshctl keys list")
        }
    }

    static func show(_ report: KeysReport, _ output: OutputOptions) throws {
        Terminal.result(
            try output.text(report, items: report.keys, names: report.keys.map { "\($0.epoch)" }) {
                KeyTable(report).text($0)
            }
        )
    }

    /// Whether all hold all keys and seal with the same.
    private static func isEverywhere(_ report: KeysReport) -> Bool {
        report.keys.allSatisfy { key in
            key.lacking.isEmpty && key.sealing.count == (key.isSealing ? key.members : 0)
        }
    }
}
