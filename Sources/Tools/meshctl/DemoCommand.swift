import ArgumentParser
import Foundation
import Glibc

/// Breaks the demonstration mesh on purpose, and says what to look at.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Break the demonstration mesh of cluster/up, see what happens, and heal it.",
        discussion: """
            Exit status: 0 done; 1 something does not run, or needs root; 64 nothing is called so; 78 \
            no demonstration was started here.

            Example: meshctl demo kill us-2
            """,
        subcommands: [
            DemoListCommand.self, DemoKillCommand.self, DemoFreezeCommand.self,
            DemoSlowCommand.self, DemoSplitCommand.self, DemoHealCommand.self,
        ]
    )
}

/// Where the demonstration is written down.
struct DemoOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("What cluster/up has written.", valueName: "file"),
        completion: .file(extensions: ["json"])
    )
    var mesh = "cluster/.run/mesh.json"

    func read() throws -> DemoMesh { try DemoMesh.read(self.mesh) }

    /// Prints what was done, what to look at and how to undo it.
    static func tell(_ done: String, _ mesh: DemoMesh, view: String, _ hints: [String]) {
        let admin = mesh.nodes.first { $0.isRunning }?.admin ?? "127.0.0.1:8001"
        let lines =
            [done, "look at:", "  http://\(admin)/mesh/ui#\(view)"] + hints.map { "  \($0)" }
            + ["undo: meshctl demo heal"]
        Terminal.result(lines.joined(separator: "\n") + "\n")
    }

    static let stillServed = "curl -s http://127.0.0.1:8000/demo     clients are still answered"
}

/// Lists the parts.
struct DemoListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the processes of the demonstration.",
        discussion: "Exit status: 0 all run; 2 some do not; 78 no demonstration was started here."
    )

    @OptionGroup var demo: DemoOptions

    func run() throws {
        let mesh = try self.demo.read()
        for part in mesh.parts {
            let kind = part.isNode ? "node" : "target"
            let state = part.isRunning ? "runs" : "is gone"
            Terminal.result("\(part.name)  \(kind) in \(part.region)  pid \(part.pid) \(state)\n")
        }
        if mesh.parts.contains(where: { !$0.isRunning }) { throw ExitCode.unclean }
    }
}

/// Whom a story is about.
struct DemoSubjects: ParsableArguments {
    @Argument(help: "Nodes, targets or regions by name.")
    var names: [String]

    @Option(help: "Of a region: all, nodes or targets.")
    var only = DemoMesh.Kind.all
}

extension DemoMesh.Kind: ExpressibleByArgument {}

/// Kills processes.
struct DemoKillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill",
        abstract: "Kill nodes, targets or a region, as a power cut would.",
        discussion: "Example: meshctl demo kill eu --only targets"
    )

    @OptionGroup var demo: DemoOptions
    @OptionGroup var subjects: DemoSubjects

    func run() throws {
        let mesh = try self.demo.read()
        let parts = try mesh.parts(named: self.subjects.names, self.subjects.only)
        for part in parts { try part.signal(SIGKILL) }
        let names = parts.map(\.name).joined(separator: ", ")
        let hasNode = parts.contains(where: \.isNode)
        DemoOptions.tell(
            "killed \(names)",
            mesh,
            view: hasNode ? "topology" : "health",
            [
                hasNode
                    ? "meshctl members --watch                 DN within seconds"
                    : "meshctl health demo --watch             one retried request, then excluded",
                DemoOptions.stillServed,
            ]
        )
    }
}

/// Stops processes without ending them.
struct DemoFreezeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freeze",
        abstract: "Stop nodes or targets without ending them, as a machine that swaps.",
        discussion: "Example: meshctl demo freeze us-1"
    )

    @OptionGroup var demo: DemoOptions
    @OptionGroup var subjects: DemoSubjects

    func run() throws {
        let mesh = try self.demo.read()
        let parts = try mesh.parts(named: self.subjects.names, self.subjects.only)
        for part in parts { try part.signal(SIGSTOP) }
        let hasNode = parts.contains(where: \.isNode)
        DemoOptions.tell(
            "froze \(parts.map(\.name).joined(separator: ", ")); sockets stay open, nothing answers",
            mesh,
            view: hasNode ? "topology" : "health",
            [
                hasNode
                    ? "meshctl events --watch                  suspected first, then failed"
                    : "meshctl why demo                        timeouts count against it",
                DemoOptions.stillServed,
            ]
        )
    }
}

/// Makes targets slow.
struct DemoSlowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slow",
        abstract: "Let targets wait before they answer.",
        discussion: "Example: meshctl demo slow echo-eu-a --latency 800"
    )

    @OptionGroup var demo: DemoOptions
    @OptionGroup var subjects: DemoSubjects

    @Option(help: "Milliseconds before each answer; 0 is as usual.")
    var latency = 800

    func validate() throws {
        guard (0...600_000).contains(self.latency) else {
            throw ValidationError("--latency is \(self.latency), but must be 0 to 600000 ms")
        }
    }

    func run() async throws {
        let mesh = try self.demo.read()
        let parts = try mesh.parts(named: self.subjects.names, .targets).filter { !$0.isNode }
        guard !parts.isEmpty else {
            throw Failure(.usage, "only targets can be slow; a node can be frozen")
        }
        for part in parts { try await Self.set(part, latency: self.latency) }
        DemoOptions.tell(
            "\(parts.map(\.name).joined(separator: ", ")) now wait \(self.latency) ms",
            mesh,
            view: "latency",
            [
                "meshctl balance demo                    the slow one gets fewer requests",
                "for i in $(seq 200); do curl -s -o /dev/null http://127.0.0.1:8000/demo; done",
            ]
        )
    }

    /// Tells one target how long to wait.
    static func set(_ part: DemoMesh.Part, latency: Int) async throws {
        guard let address = part.address, let url = URL(string: "http://\(address)/_echo") else {
            return
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "curl", "-sf", "-m", "5", "-o", "/dev/null", "-d", "{\"latency_ms\":\(latency)}",
            url.absoluteString,
        ]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(.failure, "\(part.name) does not answer; meshctl demo heal starts it")
        }
    }
}

/// Parts a region from the others.
struct DemoSplitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "split",
        abstract: "Cut a region's gossip off from the others; needs root and nftables.",
        discussion: "Example: meshctl demo split us"
    )

    @OptionGroup var demo: DemoOptions

    @Argument(help: "The region.")
    var region: String

    func run() throws {
        let mesh = try self.demo.read()
        let inside = mesh.nodes.filter { $0.region == self.region }
        guard !inside.isEmpty, inside.count < mesh.nodes.count else {
            throw Failure(
                .usage,
                "no nodes stand in \(self.region), or all do; regions: "
                    + mesh.regions.joined(separator: ", ")
            )
        }
        try DemoSplit.apply(DemoSplit.rules(mesh, self.region))
        DemoOptions.tell(
            "\(self.region) and the others hear nothing of each other; both go on",
            mesh,
            view: "topology",
            [
                "meshctl members --admin http://\(inside.first?.admin ?? "")   the other side's view",
                "curl -s -X PATCH http://127.0.0.1:8001/services/demo -d retries=4",
                "meshctl config status                   one side is behind until the split heals",
            ]
        )
    }
}

/// Undoes everything.
struct DemoHealCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heal",
        abstract: "Undo every story: thaw, rejoin, speed up, and start what is missing.",
        discussion: "Exit status: 0 the mesh is whole; 1 something could not be started."
    )

    @OptionGroup var demo: DemoOptions

    func run() async throws {
        let mesh = try self.demo.read()
        // Without the right to have split it there is no split to heal.
        if geteuid() == 0 { try? DemoSplit.apply(DemoSplit.none) }
        for part in mesh.parts where part.isRunning { try part.signal(SIGCONT) }
        for part in mesh.upstreams where part.isRunning {
            try await DemoSlowCommand.set(part, latency: 0)
        }
        let up = URL(fileURLWithPath: self.demo.mesh).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("up")
        guard let status = Self.run(up.path, ["--quiet", "--no-build"]) else {
            throw Failure(.failure, "\(up.path) cannot be run; start what is missing by cluster/up")
        }
        guard status == 0 else {
            throw Failure(.failure, "cluster/up ended with status \(status)")
        }
        Terminal.result("the mesh is whole again\n")
    }

    /// Runs a program to its end; its exit status, `nil` when it cannot be run.
    ///
    /// Not by Foundation's `Process`, which waits for everybody who has inherited a socket of its: what
    /// `cluster/up` starts has, and stays.
    private static func run(_ path: String, _ arguments: [String]) -> Int32? {
        let words = ([path] + arguments).map { strdup($0) } + [nil]
        let environment =
            ProcessInfo.processInfo.environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in words + environment { free(text) } }
        var pid: pid_t = 0
        guard posix_spawn(&pid, path, nil, nil, words, environment) == 0 else { return nil }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            guard errno == EINTR else { return nil }
        }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }
}
