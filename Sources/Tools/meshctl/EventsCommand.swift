public import ArgumentParser
import MeshAdminClient
import MeshConsole
public import MeshReports
import Synchronization

extension EventReport.Kind: ExpressibleByArgument {}

/// Prints what happens in the mesh as one node learns it.
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Print membership, health, config, region and drain events.",
        discussion: """
            Without --watch it prints the events that the node has kept; -o json is an array of \
            them. With --watch it prints new ones until interrupted, with -o json one per line as \
            with jsonl, and comes back by itself when the node is gone for a while.

            Example: meshctl events -w --kind health -o jsonl
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .shortAndLong, help: "Print new events until interrupted.")
    var watch = false

    @Option(help: "Only events of this kind.")
    var kind: EventReport.Kind?

    @Option(help: "Begin after the event with this id.")
    var after: UInt64?

    func run() async throws {
        let client = try self.node.client()
        if self.watch {
            try await self.follow(client)
        } else {
            try await self.printKept(client)
        }
    }

    /// Ends when the node has answered and then been silent for a moment, since kept events come at
    /// once; a node that does not answer at all is told as such.
    private func printKept(_ client: AdminClient) async throws {
        let kept = KeptEvents()
        let (answered, answer) = AsyncStream.makeStream(of: Never.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await client.watchEvents(
                    after: self.after ?? 0,
                    opened: { answer.finish() },
                    { event in
                        guard self.output.output == .json else { return try self.show(event) }
                        if self.isWanted(event) { kept.all.withLock { $0.append(event) } }
                    }
                )
            }
            group.addTask {
                for await _ in answered {}
                try await Task.sleep(for: .milliseconds(500))
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        guard self.output.output == .json else { return }
        Terminal.result(try OutputOptions.json(kept.all.withLock(\.self), .pretty) + "\n")
    }

    private func follow(_ client: AdminClient) async throws {
        var last = self.after
        var hasConnected = false
        while true {
            do {
                try await client.watchEvents(
                    after: last,
                    opened: { hasConnected = true },
                    { event in
                        last = event.id
                        try self.show(event)
                    }
                )
            } catch let error as AdminClientError {
                // The first attempt tells the operator; later ones wait for a restart.
                guard hasConnected else { throw error }
                Terminal.note("meshctl: \(error); trying again")
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func isWanted(_ event: EventReport) -> Bool {
        self.kind == nil || event.kind == self.kind
    }

    private func show(_ event: EventReport) throws {
        guard self.isWanted(event) else { return }
        switch self.output.output {
        case .table, .wide:
            let style = Terminal.style(isWide: self.output.output == .wide)
            Terminal.result(EventLine(event).text(style) + "\n")
        case .json, .jsonl: Terminal.result(try OutputOptions.json(event, .compact) + "\n")
        case .name: Terminal.result("\(event.kind.rawValue)/\(event.type)/\(event.subject)\n")
        }
    }
}

/// What a node has told so far.
private final class KeptEvents: Sendable {
    let all = Mutex<[EventReport]>([])
}
